"""A world whose attachments are taken by a recorder, so that tests see what was taken, in which order, how often."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from adapters.events.base import Record
from domain.errors import Conflict
from domain.events.catalog import ATTACHMENT, COVERAGE_CHANGED, Topic
from domain.events.cloud_event import CloudEvent, read_data
from domain.events.data import DeadLetter, Parked
from domain.events.lane import Lane
from domain.events.letters import lane_of
from tests.support.incoming import LAKESIDE, MEMBERSHIP, PORTAL, listening, put
from tests.support.world import OPERATOR, Reply, World
from triggers.deliver import HANDLERS
from triggers.event import Event, Kind, Outcome
from triggers.lanes import Lanes

TOPIC: Final = Topic.ATTACHMENTS
POISON: Final = Conflict("nothing-asked", "no information is awaited for this request")


@dataclass
class Recorder:
    """Takes what it has no fault for, once."""

    faults: dict[str, Exception] = field(default_factory=dict)
    """Names of events that fail, and how."""
    taken: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    """Every try."""

    async def __call__(self, event: Event) -> Outcome:
        name = event.attributes.id
        self.seen.append(name)
        if fault := self.faults.get(name):
            raise fault
        if name in self.taken:
            return Outcome(Kind.EXISTS)
        self.taken.append(name)
        return Outcome(Kind.RAISED)


@dataclass(frozen=True)
class Ordered:
    """The world, its recorder, and what it tells of letters."""

    app: World
    recorder: Recorder

    def put(self, name: str, key: str = "k") -> Record:
        """An event of that name in the log."""
        data = {"organization": LAKESIDE, "attachment": f"Binary/{name}"}
        return put(self.app, ATTACHMENT, PORTAL, data, key=key, id_=name)

    async def come(self, name: str, key: str = "k") -> Outcome:
        """An event of that name is put and taken."""
        return await self.app.take(self.put(name, key))

    async def poison(self, name: str, key: str = "k") -> str:
        """An event that nobody can take is put and taken. Returns the id of its letter."""
        self.recorder.faults[name] = POISON
        assert (await self.come(name, key)).kind is Kind.DEAD
        return next(str(each["id"]) for each in await self.listed() if each["lane"] == lane_of(key.encode()))

    def cure(self, *names: str) -> None:
        """What was at fault is put right."""
        for name in names:
            del self.recorder.faults[name]

    async def lane(self, key: str = "k") -> Lane:
        """The lane as its entity has it, when all signals have arrived."""
        await self.app.settle()
        return await Lanes(self.app.instances, TOPIC, str(lane_of(key.encode()))).look()

    async def redrive(self, letter: str, verb: str = "redrive", who: str = OPERATOR) -> Reply:
        """``POST /dead-letters/{id}/<verb>``."""
        return await self.app.send("POST", f"/dead-letters/{letter}/{verb}", who=who)

    async def listed(self, query: str = "", who: str = OPERATOR) -> list[dict[str, Any]]:
        """Items of ``GET /dead-letters``."""
        return list((await self.app.send("GET", f"/dead-letters{query}", who=who)).json["items"])


@asynccontextmanager
async def ordered(**settings: Any) -> AsyncIterator[Ordered]:
    """A world whose attachments a recorder takes."""
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(HANDLERS[TOPIC], ATTACHMENT.name, recorder)
        async with listening(**settings) as app:
            yield Ordered(app, recorder)


def told(app: World, topic: str, model: type[DeadLetter] | type[Parked]) -> Mapping[str, Any]:
    """What a compacted topic says last of each key, tombstones left out."""
    last = {record.key: record for record in app.events.records(topic)}
    return {key.decode(): read_data(each.value, model) for key, each in last.items() if key and each.value}


def letters(app: World, topic: Topic = TOPIC) -> Mapping[str, DeadLetter]:
    """Open letters by id."""
    return told(app, topic.dead_letters, DeadLetter)


def parked(app: World) -> Mapping[str, Parked]:
    """What is told to wait, by id."""
    return told(app, TOPIC.parked, Parked)


class Crash(BaseException):
    """The process is gone."""


@contextmanager
def crash_at(holder: object, name: str, *, after: bool = False) -> Iterator[None]:
    """The process is gone when it calls ``holder.name``: before the call does anything, or right after it."""
    real = getattr(holder, name)

    async def gone(*args: Any, **given: Any) -> Any:
        if after:
            await real(*args, **given)
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holder, name, gone)
        with pytest.raises(Crash):
            yield


def event(name: str = "e", **changes: Any) -> CloudEvent:
    """An attachment event."""
    given = {"id": name, "source": PORTAL, "type": ATTACHMENT.name, **changes}
    data = {"organization": LAKESIDE, "attachment": "Binary/b"}
    return CloudEvent(**{"data": data, **given})


async def coverage_letter(log: Ordered, number: int = 0) -> str:
    """A letter of a topic without order. Returns its id."""
    record = put(log.app, COVERAGE_CHANGED, MEMBERSHIP, {"coverage": f"Coverage/none{number}"}, key=f"m{number}")
    before = set(letters(log.app, Topic.COVERAGE))
    assert (await log.app.take(record)).kind is Kind.DEAD
    (new,) = set(letters(log.app, Topic.COVERAGE)) - before
    return new
