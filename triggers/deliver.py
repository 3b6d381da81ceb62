"""A record of the log to the handler of its type: the same for a consumer, a redrive and a replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from adapters.connections import Connections
from adapters.events.base import Record
from domain.errors import TooLarge
from domain.events.catalog import BY_NAME, EventType
from domain.events.cloud_event import PREFIX, header, read_attributes, read_data
from triggers.event import Event, Handler, Kind, Outcome
from triggers.instances import Instances

HANDLERS: Final[dict[str, dict[str, Handler]]] = {}
"""Who handles what: topic -> type -> handler. Filled by ``handles``."""
IGNORED: Final = Outcome(Kind.IGNORED)


def handles(event: EventType) -> Callable[[Handler], Handler]:
    """Register the decorated handler for events of that type on its topic."""

    def register(handler: Handler) -> Handler:
        HANDLERS.setdefault(event.topic, {})[event.name] = handler
        return handler

    return register


def concerns(record: Record) -> bool:
    """Whether somebody handles the record, by one header. A record that names no type is somebody's: it is at fault."""
    kind = header(record.headers, f"{PREFIX}type")
    handlers = HANDLERS.get(record.at.topic, {})
    return kind in handlers or (not kind and bool(handlers))


async def deliver(record: Record, to: Connections, instances: Instances, *, dry: bool = False) -> Outcome:
    """Decode the record and hand it to the handler of its type. Nothing is decoded of a type that nobody handles.

    Raises ``Malformed``, ``TooLarge('value')`` and ``Forbidden('unknown-source')`` for a record that is no event of its
    type, and what the handler raises.
    """
    if not concerns(record):
        return IGNORED
    attributes = read_attributes(record.headers)
    handler = HANDLERS[record.at.topic].get(attributes.type)
    if handler is None:
        return IGNORED
    event = Event(attributes, None, record.appended, to, instances, dry)
    event.principal()
    if len(record.value or b"") > to.settings.max_body_bytes:
        raise TooLarge("value", f"send at most {to.settings.max_body_bytes} bytes")
    return await handler(replace(event, data=read_data(record.value, BY_NAME[attributes.type].data)))
