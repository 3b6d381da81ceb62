"""Records that are no events, or mean harm: each is a letter that names the place, and nobody waits for ever."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from domain.errors import Malformed, Problem
from domain.events.cloud_event import Headers, to_headers
from tests.support.ordered import TOPIC, Ordered, event, letters, ordered
from triggers.event import Kind


@pytest.fixture
async def log() -> AsyncIterator[Ordered]:
    async with ordered(max_body_bytes=2_000_000) as running:
        yield running


GOOD = to_headers(event())


def but(name: str, value: bytes | None) -> Headers:
    """The headers of a good event but for one."""
    return tuple((key, value if key == f"ce_{name}" else held) for key, held in GOOD)  # type: ignore[misc]


BODY = json.dumps(event().data).encode()


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (BODY[:-1], GOOD, "not-json"),
        (b"", GOOD, "not-json"),
        (b"\xff\xfe", GOOD, "not-json"),
        (b"[" * 100_000 + b"]" * 100_000, GOOD, "not-json"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, GOOD, "not-json"),
        (b"9" * 10_000, GOOD, "not-json"),
        (b"NaN", GOOD, "not-of-schema"),
        (b'{"organization": NaN, "attachment": Infinity}', GOOD, "not-of-schema"),
        (b"[]", GOOD, "not-of-schema"),
        (b'{"organization": "x", "attachment": "Binary/1 or else"}', GOOD, "not-of-schema"),
        (b" " * 2_000_001, GOOD, "value"),
        (BODY, (), "not-a-cloud-event"),
        (BODY, but("id", b""), "not-a-cloud-event"),
        (BODY, but("id", b"i" * 1_000_000), "not-a-cloud-event"),
        (BODY, but("id", b"\xff"), "not-a-cloud-event"),
        (BODY, but("id", None), "not-a-cloud-event"),
        (BODY, but("specversion", b"0.3"), "not-a-cloud-event"),
        (BODY, tuple(each for each in GOOD if each[0] != "ce_specversion"), "not-a-cloud-event"),
        (BODY, but("type", b""), "not-a-cloud-event"),
        (BODY, but("type", None), "not-a-cloud-event"),
        (BODY, (*GOOD, ("ce_id", b"another")), "not-a-cloud-event"),
        (BODY, (*GOOD, ("CE_Type", b"dead-letter.v1")), "not-a-cloud-event"),
        (BODY, (*GOOD, ("ce_time", b"yesterday")), "not-a-cloud-event"),
        (BODY, but("source", b"urn:example:source:unheard-of"), "unknown-source"),
    ],
)
async def test_a_record_that_is_no_event_of_its_type_is_a_letter(
    log: Ordered, value: bytes, headers: Headers, reason: str
) -> None:
    assert (await log.app.deliver(TOPIC, "k", value, headers)).kind is Kind.DEAD
    (letter,) = letters(log.app).values()
    assert letter.reason == reason
    assert log.recorder.seen == []


async def test_the_place_of_a_value_that_is_no_object_is_the_value(log: Ordered) -> None:
    await log.app.deliver(TOPIC, "k", b"NaN", GOOD)
    (letter,) = letters(log.app).values()
    assert letter.places == ("$",)


@pytest.mark.parametrize("extra", [[(f"ce_{n}", b"x") for n in range(20_000)], [("x", b"\xff" * 3_000_000)]])
async def test_headers_that_nobody_asked_for_do_no_harm(log: Ordered, extra: list[tuple[str, bytes]]) -> None:
    assert (await log.app.deliver(TOPIC, "k", BODY, (*GOOD, *extra))).kind is Kind.RAISED


async def test_fields_that_nobody_knows_are_left_out(log: Ordered) -> None:
    assert (await log.app.deliver(TOPIC, "k", event(data={**event().data, "later": float("nan")}))).kind is Kind.RAISED


async def test_places_name_what_is_ours_alone(log: Ordered) -> None:
    log.recorder.faults["a"] = Malformed(
        [
            Problem(path="Bundle.entry[0].resource.MariaRivera", text="", code="structure"),
            Problem(path="/Maria. Rivera/born/1931", text=""),
            Problem(path="Bundle.entry[0].resource.use", text="", code="required"),
            Problem(path="$", text="", code="structure"),
            *(Problem(path=f"Bundle.entry[{n}]", text="", code="value") for n in range(50)),
        ]
    )
    await log.come("a")
    (letter,) = letters(log.app).values()
    assert letter.places[:4] == ("Bundle.entry[0].resource.?", "/?", "Bundle.entry[0].resource.use", "$")
    assert len(letter.places) == 20


async def test_the_places_of_a_record_without_headers_are_the_headers(log: Ordered) -> None:
    await log.app.deliver(TOPIC, "k", BODY, ())
    (letter,) = letters(log.app).values()
    assert letter.places == tuple(f"headers.ce_{name}" for name in ("specversion", "id", "source", "type"))
