"""Retention against dead letters: records and letters that it took, and the nightly audit that looks for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from adapters.connections import Connections, connections
from adapters.events.base import Record
from domain.events.data import DeadLetter, Parked
from tests.support.ordered import TOPIC, Ordered, coverage_letter, letters, ordered
from tests.support.world import START
from triggers import lost_letters
from triggers.lost_letters import restore_letters
from triggers.open_letters import open_letters, parked_words


def expire(log: Ordered, monkeypatch: pytest.MonkeyPatch, *offsets: int) -> None:
    """Retention took the records of the topic at ``offsets``."""
    read, bounds = log.app.events.read, log.app.events.bounds

    async def left(topic: str, partition: int, start: int, end: int, most: int = 500) -> Sequence[Record]:
        found = await read(topic, partition, start, end, most)
        return [each for each in found if topic != TOPIC or each.at.offset not in offsets]

    async def later(topic: str) -> Any:
        return {
            number: (len(offsets) if topic == TOPIC else first, end)
            for number, (first, end) in (await bounds(topic)).items()
        }

    monkeypatch.setattr(log.app.events, "read", left)
    monkeypatch.setattr(log.app.events, "bounds", later)


async def test_a_record_that_retention_took_is_told_and_can_be_given_up(
    log: Ordered, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = await log.poison("bad")
    await log.come("b")
    expire(log, monkeypatch, 0)
    assert [each["gone"] for each in await log.listed()] == [True]
    reply = await log.redrive(letter)
    assert (reply.status, reply.code) == (409, "record-gone")
    assert "send it again" in reply.json["detail"]
    assert (await log.redrive(letter, "discard")).json == {
        "id": letter,
        "letter": "closed",
        "handled": 1,
        "parked": 0,
        "reason": None,
        "next": None,
    }
    assert log.recorder.taken == ["b"]


async def test_a_parked_record_that_retention_took_is_a_letter_of_its_own(
    log: Ordered, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = await log.poison("bad")
    await log.app.advance(seconds=5)
    await log.come("b")
    await log.come("c")
    expire(log, monkeypatch, 0, 1)
    reply = (await log.redrive(letter, "discard")).json
    (following,) = letters(log.app).values()
    assert (reply["letter"], reply["handled"], reply["parked"]) == ("closed", 0, 1)
    assert (following.reason, following.appended_at) == ("record-gone", START + timedelta(seconds=5))


async def _audit(log: Ordered, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    master = log.app.host.keys.master
    assert (await log.app.send("POST", "/admin/functions/audit_cases", {}, key=master)).status == 202
    await log.app.settle()
    return [each.getMessage() for each in caplog.records if each.name == "workflow.sweep"]


async def test_the_audit_tells_how_many_letters_are_open(caplog: pytest.LogCaptureFixture) -> None:
    async with ordered(timers=True) as log:
        assert await _audit(log, caplog) == []
        for number in range(2):
            await coverage_letter(log, number)
        await log.poison("bad")
        assert await _audit(log, caplog) == [
            "dead letters are open: eligibility.changes 2, prior-authorization.attachments 1;"
            " see docs/events.md, Dead letters"
        ]
        log.app.events.answers = False
        assert await _audit(log, caplog) == []


async def test_a_letter_that_retention_took_before_anybody_dealt_with_it_is_written_again(log: Ordered) -> None:
    letter = await log.poison("bad")
    await log.app.advance(seconds=5)
    await log.come("b")
    assert await restore_letters(connections(), log.app.instances) == 0
    await log.app.events.forget(TOPIC.dead_letters, letter)
    assert await restore_letters(connections(), log.app.instances) == 1
    (found,) = await log.listed()
    assert (found["id"], found["reason"], found["appended"]) == (letter, "letter-lost", START.isoformat())
    log.cure("bad")
    assert (await log.redrive(letter)).json["handled"] == 2
    assert log.recorder.taken == ["bad", "b"]


async def test_a_letter_that_is_closed_meanwhile_is_not_lost(log: Ordered, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = await log.poison("bad")
    await log.come("b")
    log.cure("bad")
    read = open_letters

    async def late(to: Connections) -> list[DeadLetter]:
        await log.redrive(letter)
        return await read(to)

    monkeypatch.setattr(lost_letters, "open_letters", late)
    monkeypatch.setattr(lost_letters, "parked_words", remembered(await parked_words(connections())))
    assert await restore_letters(connections(), log.app.instances) == 0
    assert letters(log.app) == {}


def remembered(words: list[Parked]) -> Callable[[Connections], Awaitable[list[Parked]]]:
    async def told(_: Connections) -> list[Parked]:
        return words

    return told
