"""A record that fails for long as if a system were away, while all of them answer, must not stop its partition."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from adapters.events.base import Record
from domain.errors import Unavailable
from tests.support.ordered import Ordered, letters, ordered
from triggers import consumer
from triggers.event import Kind
from triggers.instances import Instances
from triggers.patience import Patience


@pytest.fixture
async def log(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ordered]:
    monkeypatch.setattr(consumer, "PATIENCE", Patience())
    async with ordered() as running:
        yield running


@pytest.fixture
def bad(log: Ordered) -> Record:
    log.recorder.faults["bad"] = Unavailable("fhir", "HTTP 500")
    return log.put("bad")


async def tried(log: Ordered, record: Record, minutes: int) -> None:
    """The record fails once a minute, and is kept."""
    for _ in range(minutes):
        with pytest.raises(Unavailable):
            await log.app.take(record)
        await log.app.advance(minutes=1)


async def test_what_fails_for_long_while_all_answer_is_a_letter(
    log: Ordered, bad: Record, caplog: pytest.LogCaptureFixture
) -> None:
    await tried(log, bad, 15)
    with caplog.at_level(logging.ERROR, "workflow.events"):
        assert (await log.app.take(bad)).kind is Kind.DEAD
    (letter,) = await log.listed()
    assert letter["reason"] == "unavailable"
    assert f"the event {bad.at} fails with fhir for long" in caplog.text
    assert (await log.come("next")).kind is Kind.PARKED
    log.cure("bad")
    assert (await log.redrive(letter["id"])).json["letter"] == "closed"
    assert log.recorder.taken == ["bad", "next"]


async def test_while_a_system_is_away_nothing_is_given_up(
    log: Ordered, bad: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("x")

    for holder in (type(log.app.fhir), Instances):
        for minutes in (3, 20):
            await tried(log, bad, 14)
            with monkeypatch.context() as outage:
                outage.setattr(holder, "ready", away)
                await tried(log, bad, minutes)
    await tried(log, bad, 15)
    assert not letters(log.app)
    assert (await log.app.take(bad)).kind is Kind.DEAD


async def test_a_record_that_others_had_meanwhile_is_new_here(log: Ordered, bad: Record) -> None:
    await tried(log, bad, 10)
    await log.app.advance(minutes=10)
    await tried(log, bad, 15)
    assert not letters(log.app)


async def test_a_letter_that_cannot_be_told_is_told_at_the_next_try(log: Ordered, bad: Record) -> None:
    await tried(log, bad, 15)
    log.app.events.answers = False
    await tried(log, bad, 2)
    log.app.events.answers = True
    assert (await log.app.take(bad)).kind is Kind.DEAD


async def test_what_was_taken_is_forgotten(log: Ordered, bad: Record) -> None:
    await tried(log, bad, 14)
    log.cure("bad")
    await log.app.take(bad)
    log.recorder.faults["bad"] = Unavailable("fhir")
    await tried(log, bad, 3)
    assert not letters(log.app)
