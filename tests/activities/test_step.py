"""The frame of every activity: what enters history when a verb fails, and what is audited."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.step import Activity, Verb, Work, step
from adapters.connections import Connections, connections, use
from adapters.events.memory import MemoryEvents
from adapters.fhir.base import Entry
from adapters.fhir.memory import MemoryFhir
from adapters.notifications.memory import MemoryNotifier
from domain.envelope import Answer, Failure, Message, parse_failure
from domain.errors import Conflict, Defect, Forbidden, Unavailable, WorkflowError
from domain.events.catalog import Topic
from settings import Settings
from tests.support.judges import rules

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
SECRET = "the-value-of-a-person"
ENVELOPE: dict[str, Any] = {
    "case": {"id": "prior-authorization-1", "workflow": "prior-authorization", "version": "1.0.0", "record": "Task/1"},
    "step": {"id": "a-step", "n": 3},
    "at": NOW.isoformat(),
}


@pytest.fixture
def fhir() -> Iterator[MemoryFhir]:
    memory = MemoryFhir(now=lambda: NOW)
    events = MemoryEvents()
    given = Connections(memory, rules(), MemoryNotifier(), Settings(), events, events)
    with use(given):
        yield memory


def _failing(error: Exception) -> Activity:
    async def verb(work: Work[Message]) -> Message:
        raise error

    return step(Message)(verb)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Unavailable("rules", SECRET), "unavailable:rules"),
        (Conflict("stale", SECRET), "unavailable:stale"),
        (Defect("fhir-refused", SECRET), "defect:fhir-refused"),
        (Forbidden("hook-host", SECRET), "defect:hook-host"),
        (ValueError(SECRET), "defect:value-error"),
        (KeyError(SECRET), "defect:key-error"),
    ],
)
async def test_a_failure_is_a_code(
    fhir: MemoryFhir, caplog: pytest.LogCaptureFixture, error: Exception, text: str
) -> None:
    with pytest.raises(Failure) as raised:
        await _failing(error)(ENVELOPE)
    assert str(raised.value) == text
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    again = parse_failure(f"Activity function 'x' failed:  {text}\n at frames")
    assert isinstance(again, WorkflowError)
    assert f"{'unavailable' if isinstance(again, Unavailable) else 'defect'}:{again.code}" == text
    assert SECRET not in caplog.text
    assert bool(caplog.records) is not text.startswith("unavailable")


async def test_data_that_does_not_fit_is_told_by_place(fhir: MemoryFhir, caplog: pytest.LogCaptureFixture) -> None:
    class Data(Message):
        amount: int

    async def verb(work: Work[Data]) -> Message:
        return Message()

    with caplog.at_level(logging.ERROR), pytest.raises(Failure, match=r"^defect:invalid-data$"):
        await step(Data)(verb)({**ENVELOPE, "data": {"amount": SECRET}})
    assert "amount" in caplog.text
    assert SECRET not in caplog.text


def _reader() -> Verb[Message]:
    async def verb(work: Work[Message]) -> Message:
        await work.unit.read("Patient/1")
        return Message()

    return verb


async def test_what_is_read_is_carried_to_the_step_that_writes(fhir: MemoryFhir) -> None:
    await fhir.transaction([Entry("PUT", "Patient/1", {"resourceType": "Patient", "id": "1"})])
    read = Answer.model_validate(await step(Message)(_reader())(ENVELOPE))
    assert read.accessed == ("Patient/1/_history/1",)
    assert (await fhir.search("AuditEvent", {})).matches == ()

    async def verb(work: Work[Message]) -> Message:
        work.unit.update({"resourceType": "Task", "id": "2", "status": "requested"})
        return Message()

    written = Answer.model_validate(await step(Message)(verb)({**ENVELOPE, "accessed": list(read.accessed)}))
    assert written.accessed == ()
    (event,) = (await fhir.search("AuditEvent", {})).matches
    touched = {entity["what"].get("reference"): entity["detail"][0]["valueString"] for entity in event["entity"][1:]}
    assert touched == {"Patient/1/_history/1": "read", "Task/2": "updated"}
    assert event["recorded"] == "2026-11-23T15:00:00.000+00:00"


async def test_nothing_is_written_by_a_verb_that_fails(fhir: MemoryFhir) -> None:
    async def verb(work: Work[Message]) -> Message:
        work.unit.update({"resourceType": "Task", "id": "2", "status": "requested"})
        raise Unavailable("rules")

    with pytest.raises(Failure):
        await step(Message)(verb)(ENVELOPE)
    assert (await fhir.search("Task", {})).matches == ()


@pytest.fixture
def hints(fhir: MemoryFhir) -> Any:
    """What was hinted at, as (outcome, code)."""
    log = connections().log
    assert isinstance(log, MemoryEvents)

    def told() -> list[tuple[str, str | None]]:
        found = [json.loads(record.value or b"") for record in log.records(Topic.STEPS)]
        return [(each["outcome"], each.get("code")) for each in found]

    return told


async def test_a_step_is_hinted_at_with_its_code_alone(hints: Any) -> None:
    async def verb(work: Work[Message]) -> Message:
        return Message()

    envelope = {**ENVELOPE, "case": {**ENVELOPE["case"], "id": "prior-authorization-" + "0" * 32}}
    await step(Message)(verb)(envelope)
    for error in (Unavailable("rules", SECRET), ValueError(SECRET)):
        with pytest.raises(Failure):
            await _failing(error)(envelope)
    assert hints() == [("completed", None), ("failed", "unavailable:rules"), ("failed", "defect:value-error")]


async def test_what_cannot_be_hinted_at_fails_no_step(hints: Any) -> None:
    async def verb(work: Work[Message]) -> Message:
        return Message()

    await step(Message)(verb)(ENVELOPE)  # the id of its case is no case's
    with pytest.raises(Failure):
        await step(Message)(verb)({})
    assert hints() == []
