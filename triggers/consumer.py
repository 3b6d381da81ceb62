"""A Kafka trigger of the engine: each record is taken once, in the order of its key, and never lost.

Order of what is written: the letter of a record that nobody can take, then the lane that stops behind it, then the
offset of the group. A crash between any two is made good when the record comes again.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import azure.durable_functions as df
import azure.functions as func

from adapters.connections import Connections, connections
from adapters.events.base import Position, Record
from domain.errors import Unavailable
from domain.events.catalog import Topic
from domain.events.cloud_event import Headers
from domain.events.letters import UNAVAILABLE
from settings import settings
from triggers.deliver import IGNORED, concerns
from triggers.event import Kind, Outcome
from triggers.instances import Instances
from triggers.lanes import Lanes, place
from triggers.letters import Refusal, attempt, forget_parked, ordered_lane, tell_dead, tell_parked
from triggers.patience import Patience

LOG: Final = logging.getLogger("workflow.events")
DEAD: Final = Outcome(Kind.DEAD)
PARKED: Final = Outcome(Kind.PARKED)
PATIENCE: Final = Patience()


def consumer(blueprint: df.Blueprint, topic: Topic) -> None:
    """Register the function ``kafka_<topic>`` that consumes ``topic``.

    A system that does not answer fails the function, which is retried with backoff for as long: no record is skipped.
    The extension takes protocol and mechanism as words only, so these are read when the app loads.
    """

    async def consume_record(event: func.KafkaEvent, client: Any) -> None:
        to = connections()
        await consume(record_of(event, to.now), to, Instances(client))

    name = f"kafka_{topic.name.lower()}"
    consume_record.__name__ = consume_record.__qualname__ = name
    bound = blueprint.durable_client_input(client_name="client")(consume_record)
    retried = blueprint.retry(
        strategy="exponential_backoff", max_retry_count="-1", minimum_interval="00:00:01", maximum_interval="00:01:00"
    )(bound)
    blueprint.kafka_trigger(
        arg_name="event",
        topic=topic.value,
        broker_list="%WORKFLOW_KAFKA_BROKERS%",
        consumer_group="%WORKFLOW_KAFKA_GROUP%",
        data_type=func.DataType.BINARY,
        cardinality=func.Cardinality.ONE,
        **_security(),
    )(retried)


async def consume(record: Record, to: Connections, instances: Instances) -> Outcome:
    """Take one record. Returns when its offset may be committed; raises ``Unavailable`` when it must come again."""
    if not concerns(record):
        return IGNORED
    lane = ordered_lane(record)
    if lane and (waits := await _held_up(record, lane, to, instances)):
        return waits
    result = await _tried(record, to, instances)
    if isinstance(result, Refusal):
        stopped = lane if result.stops else None
        await tell_dead(record.at, record.appended, result, stopped, to)
        if stopped:
            await Lanes(instances, record.at.topic, stopped).block(place(record.at))
    PATIENCE.forget(record.at)
    return DEAD if isinstance(result, Refusal) else result


async def _tried(record: Record, to: Connections, instances: Instances) -> Outcome | Refusal:
    """``attempt``, and a refusal for what fails for long although all systems answer: it shall not stop the others."""
    try:
        return await attempt(record, to, instances)
    except Unavailable as error:
        if not await PATIENCE.is_over(record.at, to, instances):
            raise
        LOG.error("the event %s fails with %s for long, although all systems answer", record.at, error.code)
        return Refusal(UNAVAILABLE)


async def _held_up(record: Record, lane: str, to: Connections, instances: Instances) -> Outcome | None:
    """What becomes of a record whose lane is not open for it: it is the letter itself, or waits behind it."""
    lanes, at = Lanes(instances, record.at.topic, lane), place(record.at)
    state = await lanes.look()
    if at in state.letters:
        return DEAD
    if not state.holds_up(at) or not await lanes.park(at):
        return None
    await tell_parked(record, lane, to)
    if at not in (await lanes.look()).parked:  # an operator was quicker, and closed what was not yet told
        await forget_parked(record.at, to)
    return PARKED


def record_of(event: func.KafkaEvent, now: Callable[[], datetime]) -> Record:
    """The record that a trigger gives. An empty value and none at all are the same there."""
    key = event.key
    return Record(
        at=Position(str(event.topic), int(event.partition or 0), int(event.offset or 0)),
        appended=_instant(event.timestamp, now),
        key=None if key is None else str(key).encode("utf-8", "surrogatepass"),
        value=event.get_body(),
        headers=_headers(event.headers or []),
    )


def _headers(given: list[dict[str, Any]]) -> Headers:
    return tuple((str(each.get("Key") or ""), _content(each.get("Value"))) for each in given)


def _content(value: Any) -> bytes:
    try:
        return base64.b64decode(value or b"", validate=True)
    except (binascii.Error, ValueError, TypeError):
        return b""


def _instant(text: str | None, now: Callable[[], datetime]) -> datetime:
    try:
        at = datetime.fromisoformat((text or "").strip('"'))
    except ValueError:
        LOG.error("the trigger gives no time of receipt for a record; the time now stands for it")
        return now()
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _security() -> dict[str, str]:
    values = settings()
    security: dict[str, str] = {"protocol": values.kafka_protocol}
    if values.kafka_protocol.startswith("Sasl"):
        security["authentication_mode"] = values.kafka_mechanism
        security["username"] = "%WORKFLOW_KAFKA_USERNAME%"
        security["password"] = "%WORKFLOW_KAFKA_PASSWORD%"  # noqa: S105
    return security
