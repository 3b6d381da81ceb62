"""CloudEvents 1.0 in Kafka binary mode: attributes stand in headers, the value is the data.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import Malformed, Problem
from domain.json import Json

PREFIX: Final = "ce_"
CONTENT_TYPE: Final = "content-type"
JSON_TYPE: Final = "application/json"
Headers = tuple[tuple[str, bytes], ...]
"""Headers of a record, in order."""


class Attributes(BaseModel):
    """The context of an event: all that is read of it before its data is decoded. Other extensions are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: str = Field(pattern=r"^1\.\d+$")
    id: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1, max_length=300)
    """URI reference of who says it. ``source`` and ``id`` together name the event, over all its copies."""
    type: str = Field(min_length=1, max_length=200)
    """``<what>.v<major>``, for example ``prior-authorization.decided.v1``."""
    subject: str | None = Field(default=None, max_length=300)
    time: datetime | None = None
    dataschema: str | None = Field(default=None, max_length=300)
    traceparent: str | None = Field(default=None, max_length=100)
    """W3C trace context (distributed tracing extension)."""


class CloudEvent(Attributes):
    """An event with its data, as this engine writes it."""

    specversion: str = "1.0"
    data: dict[str, Any] = {}


def to_headers(event: Attributes) -> Headers:
    """The headers of ``event``: ``ce_*`` and ``content-type``."""
    given = event.model_dump(mode="json", exclude={"data"}, exclude_none=True)
    return (
        *((PREFIX + name, str(value).encode()) for name, value in given.items()),
        (CONTENT_TYPE, JSON_TYPE.encode()),
    )


def to_value(event: CloudEvent) -> bytes:
    """The data of ``event`` as UTF-8 JSON."""
    return json.dumps(event.data, separators=(",", ":")).encode()


def header(headers: Iterable[tuple[str, bytes]], name: str) -> str | None:
    """The first header of that name, matched in any case, if it is ASCII text: what a filter looks at."""
    for key, value in headers:
        if key.lower() == name:
            return value.decode("ascii") if value is not None and value.isascii() else None
    return None


def read_attributes(headers: Iterable[tuple[str, bytes]]) -> Attributes:
    """The attributes that headers say. Raises ``Malformed('not-a-cloud-event')`` that names the headers at fault."""
    named = [(key.lower().removeprefix(PREFIX), value) for key, value in headers if key.lower().startswith(PREFIX)]
    if len(dict(named)) < len(named):
        raise Malformed([Problem(path="headers", text="A ce_ header stands twice.")], "not-a-cloud-event")
    try:
        return Attributes.model_validate({name: (value or b"").decode() for name, value in named})
    except UnicodeDecodeError:
        raise Malformed([Problem(path="headers", text="A ce_ header is not UTF-8.")], "not-a-cloud-event") from None
    except ValidationError as error:
        raise Malformed(_problems(error, f"headers.{PREFIX}"), "not-a-cloud-event") from None


def read_data(value: bytes | None, model: type[BaseModel]) -> Any:
    """The data of a record as ``model``. Raises ``Malformed('not-json')`` or ``Malformed('not-of-schema')``."""
    try:
        body: Json = json.loads(value or b"")
    except (ValueError, RecursionError):
        raise Malformed([Problem(path="$", text="The value is not JSON.", code="structure")], "not-json") from None
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise Malformed(_problems(error, "$."), "not-of-schema") from None


def _problems(error: ValidationError, under: str) -> list[Problem]:
    """Places ``under`` which the fields stand, and kinds; pydantic's own text quotes the input."""
    details = error.errors(include_input=False, include_url=False, include_context=False)
    return [
        Problem(
            path=f"{under}{'.'.join(_known(part) for part in each['loc'])}".rstrip("."), text=each["type"], code="value"
        )
        for each in details
    ]


def _known(part: int | str) -> str:
    """A field of ours, or an index: the name of a field that the sender made up is not repeated."""
    text = str(part)
    return text if text.isidentifier() and len(text) < 40 else "?"
