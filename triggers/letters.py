"""Dead letters and parked records: told by reference, so that nothing of what a record says is copied."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.connections import Connections
from adapters.events.base import Position, Record
from domain.errors import Rejected, Unavailable
from domain.events.catalog import DEAD_LETTER, ORDERED, PARKED, EventType, Topic
from domain.events.cloud_event import CloudEvent
from domain.events.data import DeadLetter, EventData, Parked
from domain.events.letters import DEFECT, lane_of, places, position_id
from domain.events.source import engine
from triggers.deliver import deliver
from triggers.event import Outcome
from triggers.faults import log_fault
from triggers.instances import Instances

LOG: Final = logging.getLogger("workflow.events")
VOICELESS: Final = frozenset({"not-a-cloud-event", "unknown-source"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nobody could take a record."""

    reason: str
    """Code of the error."""
    places: tuple[str, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether later records of its key wait for it. What may be anybody's can't speak for the key."""
        return self.reason not in VOICELESS


def id_of(at: Position) -> str:
    """Id of what is told of the record there: key of its letter, and of its place in the parked topic."""
    return position_id(at.topic, at.partition, at.offset)


def ordered_lane(record: Record) -> str | None:
    """The lane of a record, where its topic keeps an order."""
    return lane_of(record.key) if record.at.topic in ORDERED else None


async def attempt(record: Record, to: Connections, instances: Instances, *, dry: bool = False) -> Outcome | Refusal:
    """``deliver``, with what is wrong with the record, or with us, as data. Raises ``Unavailable`` alone: a fault of
    ours shall neither stop a partition for ever nor lose a record."""
    try:
        return await deliver(record, to, instances, dry=dry)
    except Unavailable:
        raise
    except Rejected as error:
        return Refusal(error.code, places(error))
    except Exception as error:
        log_fault(error, f"the event {record.at}")
        return Refusal(DEFECT)


async def tell_dead(at: Position, appended: datetime, why: Refusal, lane: str | None, to: Connections) -> str:
    """Publish the letter of a record and return its id when the log has it. Raises ``Unavailable('events')``."""
    letter = DeadLetter(
        topic=at.topic,
        partition=at.partition,
        offset=at.offset,
        appended_at=appended,
        reason=why.reason,
        places=why.places,
        lane=lane,
    )
    await _publish(Topic(at.topic).dead_letters, DEAD_LETTER, at, letter, to)
    LOG.warning("the event %s is a dead letter, %s: %s", at, id_of(at), why.reason)
    return id_of(at)


async def tell_parked(record: Record, lane: str, to: Connections) -> None:
    """Publish that a record waits; returns when the log has it. Raises ``Unavailable('events')``."""
    at = record.at
    parked = Parked(topic=at.topic, partition=at.partition, offset=at.offset, appended_at=record.appended, lane=lane)
    await _publish(Topic(at.topic).parked, PARKED, at, parked, to)


async def forget_dead(at: Position, to: Connections) -> None:
    """Close the letter of the record there. Raises ``Unavailable('events')``."""
    await to.events.forget(Topic(at.topic).dead_letters, id_of(at))


async def forget_parked(at: Position, to: Connections) -> None:
    """Tell that the record there waits no more. Raises ``Unavailable('events')``."""
    await to.events.forget(Topic(at.topic).parked, id_of(at))


async def _publish(topic: str, kind: EventType, at: Position, data: EventData, to: Connections) -> None:
    event = CloudEvent(
        id=id_of(at),
        source=engine(to.settings.payer_organization),
        type=kind.name,
        time=to.now(),
        dataschema=kind.schema,
        data=data.model_dump(mode="json", exclude_none=True),
    )
    await to.events.publish(topic, id_of(at), event)
