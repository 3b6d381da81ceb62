"""A section of host.json: its keys are matched in any case, as .NET does, and those that are not known are let be."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """Base of what the host reads of host.json."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _any_case(cls, document: Any) -> Any:
        if not isinstance(document, dict):
            return document
        fields = cls.model_fields.items()
        names = {str(field.alias or name).lower(): str(field.alias or name) for name, field in fields}
        return {names.get(str(key).lower(), key): value for key, value in document.items()}
