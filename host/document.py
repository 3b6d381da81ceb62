"""host.json as a document: its text, what app settings put over it, and which of its keys nobody reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

PREFIX = "AzureFunctionsJobHost__"
"""https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values"""
_SEPARATOR = "__"
_STRING_OR_COMMENT = re.compile(
    r"""
    (?P<string>"(?:[^"\\\n]|\\.)*")
    |//[^\n]*
    |/\*.*?\*/
    """,
    re.VERBOSE | re.DOTALL,
)


def parse(text: str) -> Any:
    """JSON with ``//`` and ``/* */`` comments, as Azure's own parser takes it.

    Raises:
        json.JSONDecodeError: It is something else; the position is that of the text with its comments.
    """
    return json.loads(_STRING_OR_COMMENT.sub(_blank, text))


def _blank(found: re.Match[str]) -> str:
    """A string stays; a comment becomes as many spaces, over as many lines."""
    return found.group() if found["string"] else re.sub(r"[^\n]", " ", found.group())


def overridden(document: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """A copy with the values of ``AzureFunctionsJobHost__a__b`` at ``a.b``. Names are matched in any case."""
    result = dict(document)
    for name, value in sorted(environ.items()):
        if name.lower().startswith(PREFIX.lower()):
            path = name[len(PREFIX) :].split(_SEPARATOR)
            if all(path):
                result = _put(result, path, value)
    return result


def _put(section: Mapping[str, Any], path: list[str], value: str) -> dict[str, Any]:
    key = next((key for key in section if key.lower() == path[0].lower()), path[0])
    inner = section.get(key)
    below = inner if isinstance(inner, Mapping) else {}
    return {**section, key: _put(below, path[1:], value) if path[1:] else value}


def ignored(document: Mapping[str, Any], model: type[BaseModel], place: str = "") -> Iterator[str]:
    """Paths (``a.b``) of the keys that ``model`` has no field for."""
    fields = {str(field.alias or name).lower(): field for name, field in model.model_fields.items()}
    for key, value in document.items():
        field = fields.get(key.lower())
        if field is None:
            if not key.startswith("$"):  # what editors need
                yield f"{place}{key}"
        elif isinstance(value, Mapping) and (below := _section(field.annotation)) is not None:
            yield from ignored(value, below, f"{place}{key}.")


def _section(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
