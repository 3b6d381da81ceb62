"""Others are told by one activity: what it says, that it waits for the log, and what it never says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from activities.publish_event import publish_event
from adapters.connections import Connections, use
from adapters.events.memory import MemoryEvents
from adapters.fhir.memory import MemoryFhir
from adapters.notifications.memory import MemoryNotifier
from domain.envelope import Failure
from domain.events.catalog import PENDED, Topic
from domain.events.cloud_event import read_attributes
from settings import Settings
from tests.activities.test_step import NOW, SECRET
from tests.support.judges import rules

CASE = "prior-authorization-" + "0" * 32
DATA: dict[str, Any] = {"task": "Task/r1", "due": "2026-12-01T00:00:00Z", "reasons": ["no-criterion"]}


@pytest.fixture
def log() -> Iterator[MemoryEvents]:
    events = MemoryEvents(now=lambda: NOW)
    settings = Settings(payer_organization="cedar", process_events=False)
    with use(Connections(MemoryFhir(now=lambda: NOW), rules(), MemoryNotifier(), settings, events, events)):
        yield events


async def publish(*, n: int = 3, key: str = "Task/r1", **data: Any) -> None:
    await publish_event(
        {
            "case": {"id": CASE, "workflow": "prior-authorization", "version": "1.0.0", "record": "Task/1"},
            "step": {"id": "publish-pended", "n": n},
            "at": "2026-11-24T00:00:00Z",
            "data": {"type": PENDED.name, "key": key, "at": NOW.isoformat(), "data": {**DATA, **data}},
        }
    )


async def test_an_event_says_what_happened_when_it_happened(log: MemoryEvents) -> None:
    await publish()
    (record,) = log.records(Topic.EVENTS)
    said = read_attributes(record.headers)
    assert record.key == CASE.encode()
    assert (said.type, said.source, said.subject) == (PENDED.name, "urn:workflow-engine:cedar", "Task/1")
    assert (said.time, said.dataschema) == (NOW, PENDED.schema)
    assert json.loads(record.value or b"") == {"case": CASE, "record": "Task/1", **DATA}


async def test_its_id_is_that_of_what_it_tells(log: MemoryEvents) -> None:
    for n, key in ((3, "Task/r1"), (9, "Task/r1"), (3, "Task/r2")):
        await publish(n=n, key=key)
    first, again, other = sorted(read_attributes(r.headers).id for r in log.records(Topic.EVENTS))
    assert len({first, again, other}) == 2


async def test_it_belongs_to_the_trace_that_it_was_said_in(log: MemoryEvents) -> None:
    context = SpanContext(0xA, 0xB, is_remote=False, trace_flags=TraceFlags(1))
    with trace.use_span(NonRecordingSpan(context)):
        await publish()
    await publish()
    within, without = [read_attributes(record.headers).traceparent for record in log.records(Topic.EVENTS)]
    assert str(within).startswith(f"00-{0xA:032x}-")
    assert without is None


async def test_a_log_that_is_away_is_tried_again(log: MemoryEvents) -> None:
    log.answers = False
    with pytest.raises(Failure, match=r"^unavailable:events$"):
        await publish()


@pytest.mark.parametrize("wrong", [{"task": SECRET}, {"reasons": [f"a word of {SECRET}"]}, {"due": None}])
async def test_what_no_schema_has_is_never_said(
    log: MemoryEvents, caplog: pytest.LogCaptureFixture, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Failure, match=r"^defect:invalid-data$"):
        await publish(**wrong)
    assert log.records(Topic.EVENTS) == []
    assert SECRET not in caplog.text
