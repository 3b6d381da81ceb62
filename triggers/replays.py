"""``POST /replays``: records of the log are delivered again, named by their positions.

An operator names records and never forges them: what is delivered is what the log has. Handlers and identities are
those of the consumer, so that what was done before is told and not done again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Final

import azure.durable_functions as df
import azure.functions as func
from opentelemetry import trace
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from adapters.events.base import Log, Position, Record
from domain.errors import Malformed, NotFound, Problem
from domain.events.catalog import INCOMING
from domain.principal import Role
from triggers.door import Call, answer, door
from triggers.event import Kind, Outcome
from triggers.lanes import Lanes, place
from triggers.letters import Refusal, attempt, ordered_lane

LOG: Final = logging.getLogger("workflow.events")
TRACER: Final = trace.get_tracer("workflow.triggers")
MOST: Final = 100
"""Positions of one request."""
AT_ONCE: Final = 20
"""Records of one read."""
REJECTED: Final = "rejected"
_HELP: Final = {
    "run": "Name the run: 1 to 64 letters, digits, dots, hyphens and underscores.",
    "dry": "Say true or false.",
    "positions": f'Name 1 to {MOST} records: {{"topic": "<topic>", "partition": 0, "offset": 0}}.',
}
blueprint = df.Blueprint()


class _Place(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    topic: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    partition: int = Field(ge=0, lt=2**31)
    offset: int = Field(ge=0, lt=2**63 - 1)


class Replay(BaseModel):
    """Body of ``POST /replays``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    run: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    """Names the run in log lines and spans."""
    dry: bool = True
    """Judge only: write, start and raise nothing."""
    positions: list[_Place] = Field(min_length=1, max_length=MOST)
    """Delivered in this order within a partition; partitions go side by side."""


@door(blueprint, "replays", "POST", roles=(Role.OPERATOR,))
async def replay(call: Call) -> func.HttpResponse:
    """Deliver each record again; answer what became of each. 503 when something is away: send the request again."""
    asked = _read(call)
    places = [Position(each.topic, each.partition, each.offset) for each in asked.positions]
    lanes: dict[tuple[str, int], list[Position]] = {}
    for at in dict.fromkeys(places):
        lanes.setdefault((at.topic, at.partition), []).append(at)
    done = await asyncio.gather(*(_in_order(call, asked, lane) for lane in lanes.values()), return_exceptions=True)
    outcomes = dict(_all(done))
    return answer({"run": asked.run, "dry": asked.dry, "outcomes": [outcomes[at] for at in places]})


def _read(call: Call) -> Replay:
    try:
        return Replay.model_validate(call.json)
    except ValidationError as error:
        names = dict.fromkeys(str(each["loc"][0]) if each["loc"] else "" for each in error.errors())
        problems = [Problem(path=f"/{name}", text=text) for name, text in _HELP.items() if name in names]
        if len(problems) < len(names):
            problems.append(Problem(path="", text=f"Send a JSON object of {', '.join(_HELP)} and nothing else."))
        raise Malformed(problems) from None


def _all(done: Iterable[list[tuple[Position, Any]] | BaseException]) -> Iterable[tuple[Position, Any]]:
    """What every partition gave, once all are through; the first failure of one is raised."""
    for each in done:
        if isinstance(each, BaseException):
            raise each
        yield from each


async def _in_order(call: Call, asked: Replay, lane: Sequence[Position]) -> list[tuple[Position, dict[str, Any]]]:
    """What became of records of one partition."""
    done = []
    for run in _runs(lane):
        found = await _records(call.to.log, run)
        done += [(at, await _one(call, asked, at, found[at])) for at in run]
    return done


def _runs(lane: Sequence[Position]) -> Iterator[list[Position]]:
    """Positions that follow each other: one read finds them all."""
    run: list[Position] = []
    for at in lane:
        if run and (at.offset != run[-1].offset + 1 or len(run) == AT_ONCE):
            yield run
            run = []
        run.append(at)
    yield run


async def _records(log: Log, run: Sequence[Position]) -> dict[Position, Record | Refusal]:
    """What the log has there, or why it has nothing."""
    first, last = run[0], run[-1]
    if first.topic not in INCOMING:
        return dict.fromkeys(run, Refusal("topic"))
    try:
        records = await log.read(first.topic, first.partition, first.offset, last.offset + 1, len(run))
    except NotFound as error:
        return dict.fromkeys(run, Refusal(error.code))
    return {**dict.fromkeys(run, Refusal("offset")), **{record.at: record for record in records}}


async def _one(call: Call, asked: Replay, at: Position, found: Record | Refusal) -> dict[str, Any]:
    """What became of one record."""
    with TRACER.start_as_current_span("replay", record_exception=False) as span:
        span.set_attributes({"workflow.replay": asked.run, "messaging.operation.name": "replay"})
        told = _shown(found if isinstance(found, Refusal) else await _deliver(call, asked, found))
        span.set_attribute("workflow.outcome", str(told["kind"]))
    how, why = " (dry run)" if asked.dry else "", told.get("reason") or told["case"] or ""
    LOG.info("replay %s%s: %s %s %s", asked.run, how, at, told["kind"], why)
    return {"topic": at.topic, "partition": at.partition, "offset": at.offset, **told}


async def _deliver(call: Call, asked: Replay, record: Record) -> Outcome | Refusal:
    """``PARKED``: an earlier record of its key is a dead letter, whose redrive delivers this one after it."""
    if await _held_up(call, record):
        return Outcome(Kind.PARKED)
    return await attempt(record, call.to, call.instances, dry=asked.dry)


def _shown(became: Outcome | Refusal) -> dict[str, Any]:
    if isinstance(became, Refusal):
        return {"kind": REJECTED, "case": None, "reason": became.reason, "places": became.places}
    return {"kind": became.kind.value, "case": became.case}


async def _held_up(call: Call, record: Record) -> bool:
    lane = ordered_lane(record)
    if lane is None:
        return False
    standing = await Lanes(call.instances, record.at.topic, lane).look()
    return standing.holds_up(place(record.at))
