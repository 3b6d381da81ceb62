"""A section of host.json: its keys are matched in any case, as .NET does, and those that are not known are let be."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """Base of what the host reads of host.json. A key that is null is as absent, unless null is a value of its own."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, document: Any) -> Any:
        if not isinstance(document, dict):
            return document
        fields = {str(field.alias or name): field for name, field in cls.model_fields.items()}
        names = {name.lower(): name for name in fields}
        written = {names.get(str(key).lower(), key): value for key, value in document.items()}
        return {
            name: value
            for name, value in written.items()
            if value is not None or name not in fields or _may_be_null(fields[name])
        }


def _may_be_null(field: FieldInfo) -> bool:
    return type(None) in get_args(field.annotation)
