"""local.settings.json, as ``AppSettingsFile`` of Azure Functions Core Tools reads it."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field, field_validator

from host.section import Section


class LocalSettings(Section):
    """What this host reads of it."""

    encrypted: Literal[False] = Field(False, alias="IsEncrypted")
    values: dict[str, str | None] = Field(default_factory=dict, alias="Values")

    @field_validator("values", mode="before")
    @classmethod
    def _as_text(cls, values: Any) -> Any:
        """Numbers and truth values become the text that they are."""
        if not isinstance(values, dict):
            return values
        return {
            name: json.dumps(value) if isinstance(value, bool | int | float) else value
            for name, value in values.items()
        }
