"""The list of dead letters: what an operator sees of them, and who may."""

from __future__ import annotations

import pytest

from domain.events.catalog import Topic
from tests.support.ordered import TOPIC, Ordered, coverage_letter, letters
from tests.support.world import AUDITOR, NURSE, OPERATOR, START, SUBMITTER


async def test_a_letter_tells_where_the_record_lies_and_why(log: Ordered) -> None:
    letter = await log.poison("bad")
    await log.come("b")
    at = letters(log.app)[letter]
    assert await log.listed() == [
        {
            "id": letter,
            "topic": TOPIC,
            "partition": at.partition,
            "offset": at.offset,
            "appended": START.isoformat(),
            "reason": "nothing-asked",
            "places": [],
            "lane": at.lane,
            "gone": False,
            "parked": 1,
        }
    ]


async def test_nothing_is_listed_when_nothing_is_wrong(log: Ordered) -> None:
    reply = await log.app.send("GET", "/dead-letters", who=OPERATOR)
    assert reply.json == {"items": [], "total": 0, "next": None}


async def test_the_newest_come_first_page_by_page(log: Ordered) -> None:
    made = []
    for number in range(7):
        made.append(await coverage_letter(log, number))
        await log.app.advance(seconds=number % 2)
    seen, page, totals = [], "", set()
    while page is not None:
        query = f"?count=3{'&page=' + page.replace('+', '%2B').replace('|', '%7C') if page else ''}"
        answer = (await log.app.send("GET", f"/dead-letters{query}", who=OPERATOR)).json
        seen += answer["items"]
        totals.add(answer["total"])
        page = answer["next"]
    assert totals == {7}
    assert [each["appended"] for each in seen] == sorted((each["appended"] for each in seen), reverse=True)
    assert sorted(each["id"] for each in seen) == sorted(made)
    oldest = await log.listed("?sort=appended&count=1")
    assert oldest[0]["appended"] == START.isoformat()


async def test_a_topic_is_chosen(log: Ordered) -> None:
    await log.poison("bad")
    other = await coverage_letter(log)
    assert [each["id"] for each in await log.listed(f"?topic={Topic.COVERAGE}")] == [other]
    assert len(await log.listed(f"?topic={Topic.COVERAGE},{TOPIC}")) == 2


@pytest.mark.parametrize(
    "query", ["?topic=members", "?count=0", "?page=third", "?page=2026-11-23T15:00:00|x", "?key=k"]
)
async def test_a_question_that_the_list_does_not_know_is_refused(log: Ordered, query: str) -> None:
    reply = await log.app.send("GET", f"/dead-letters{query}", who=OPERATOR)
    assert (reply.status, reply.code) == (400, "malformed")


@pytest.mark.parametrize(("who", "read", "act"), [(AUDITOR, 200, 403), (NURSE, 403, 403), (SUBMITTER, 403, 403)])
async def test_operators_act_and_auditors_look(log: Ordered, who: str, read: int, act: int) -> None:
    letter = await log.poison("bad")
    assert (await log.app.send("GET", "/dead-letters", who=who)).status == read
    assert [(await log.redrive(letter, verb, who)).status for verb in ("redrive", "discard")] == [act, act]
    assert letter in letters(log.app)


async def test_what_the_engine_did_not_write_is_no_letter(log: Ordered, caplog: pytest.LogCaptureFixture) -> None:
    letter = await log.poison("bad")
    (told,) = log.app.events.records(TOPIC.dead_letters)
    log.app.events.append(TOPIC.dead_letters, b"another key", told.value, told.headers)
    log.app.events.append(TOPIC.dead_letters, b"x", b"{}", told.headers)
    assert [each["id"] for each in await log.listed()] == [letter]
    assert caplog.text.count("not as the engine writes it") == 2
