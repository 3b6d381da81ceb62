"""A section of host.json: its keys are matched in any case, as .NET does, and those that are not known are let be.

So are the words of which a value has to be one.
"""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

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
            name: _spelled(value, fields[name]) if name in fields else value
            for name, value in written.items()
            if value is not None or name not in fields or _may_be_null(fields[name])
        }


def _may_be_null(field: FieldInfo) -> bool:
    return type(None) in get_args(field.annotation)


def _spelled(value: Any, field: FieldInfo) -> Any:
    """The word of the field's that a text is in any case; anything else stays."""
    if get_origin(field.annotation) is not Literal or not isinstance(value, str):
        return value
    return next((word for word in get_args(field.annotation) if word.lower() == value.lower()), value)
