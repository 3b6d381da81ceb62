"""Events of cases, made up by a seed, with copies of some: what a board is built from.

``python -m tests.support.happenings FILE N`` builds a board of them in FILE and dies at its N-th SQL statement.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import NAMESPACE_URL, uuid5

from adapters.events.memory import MemoryEvents
from domain.case import instance_id
from domain.events.catalog import DECIDED, EXPIRED, INFORMATION_REQUESTED, PENDED, RECEIVED, EventType, Topic
from domain.events.cloud_event import CloudEvent, to_headers, to_value
from events import projection

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LINES = ("medicare-advantage", "medicaid", "commercial")
SOURCE = "urn:workflow-engine"


def happened(event: EventType, case: str, at: datetime, **said: Any) -> CloudEvent:
    """An event of a case, as the engine publishes it."""
    given = {"case": case, "record": "Task/r", "task": "Task/t", "claim": "Claim/c", **said}
    data = event.data.model_validate(given).model_dump(mode="json")
    id_ = str(uuid5(NAMESPACE_URL, f"{case}|{event.name}|{at}"))
    return CloudEvent(id=id_, source=SOURCE, type=event.name, time=at, dataschema=event.schema, data=data)


def received(case: str, at: datetime, **said: Any) -> CloudEvent:
    """A case was opened; seven days are given."""
    given = {"submitter": "lakeside-clinic", "line_of_business": "commercial", "urgency": "standard"}
    return happened(RECEIVED, case, at, **{**given, "received_at": at, "due": at + timedelta(days=7), **said})


def decided(case: str, at: datetime, state: str = "approved") -> CloudEvent:
    """A decision is recorded."""
    return happened(DECIDED, case, at, response="ClaimResponse/a", state=state, source="reviewer", decided_at=at)


def a_case(number: int) -> str:
    """Instance id of the case of that number."""
    return instance_id("prior-authorization", str(number))


def way(number: int, chance: random.Random) -> list[CloudEvent]:
    """The events of one case, in order; of some cases it is decided, late, appealed."""
    case, at = a_case(number), START + timedelta(minutes=chance.randrange(10_000))
    due, line = at + timedelta(days=7), chance.choice(LINES)
    events = [received(case, at, line_of_business=line, urgency=chance.choice(("standard", "expedited")))]
    if chance.random() < 0.5:
        events.append(happened(PENDED, case, at, due=due, reasons=["no-criteria"]))
    if chance.random() < 0.3:
        events.append(happened(INFORMATION_REQUESTED, case, at + timedelta(minutes=1), due=due))
    if chance.random() < 0.2:
        events.append(happened(EXPIRED, case, due, state="overdue", policy="ma-standard", due=due))
    if chance.random() < 0.8:
        events.append(decided(case, events[-1].time or at, chance.choice(("approved", "denied"))))
        if chance.random() < 0.3:
            appeal = instance_id("appeal", case)
            events.append(received(appeal, due, line_of_business=line, appeals=case))
    return events


def fill(log: MemoryEvents, cases: int = 40, seed: int = 7) -> int:
    """Append the events of so many cases, those of a case in order, a fifth of all twice; returns how many records."""
    chance = random.Random(seed)
    ways = [way(number, chance) for number in range(cases)]
    count = 0
    while ways := [each for each in ways if each]:
        event = chance.choice(ways).pop(0)
        for _ in range(2 if chance.random() < 0.2 else 1):
            append(log, event)
            count += 1
    return count


def append(log: MemoryEvents, event: CloudEvent, key: bytes | None = None) -> None:
    """What the publisher does, without waiting."""
    log.append(Topic.EVENTS, key or str(event.data["case"]).encode(), to_value(event), to_headers(event))


def _dying(path: Path, statements: int) -> None:
    """Build the board and die, as by ``kill -9``, when SQLite is about to run that statement."""
    left = iter(range(statements))

    def count(_: str) -> None:
        if next(left, None) is None:
            os._exit(9)

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*args, **options)
        connection.set_trace_callback(count)
        return connection

    real, log = sqlite3.connect, MemoryEvents()
    fill(log)
    with mock.patch.object(sqlite3, "connect", connect), mock.patch.object(projection, "BATCH", 10):
        asyncio.run(projection.Board(path).update(log))


if __name__ == "__main__":
    _dying(Path(sys.argv[1]), int(sys.argv[2]))
