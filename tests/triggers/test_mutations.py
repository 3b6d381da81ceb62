"""Whatever a body holds in whatever place: it is answered or refused, never an internal error, and no case dies."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from domain.json import Json
from host.model import Status
from tests.support.samples import attachment, request
from tests.support.world import NURSE, SUBMITTER, case_of, world

ODD: tuple[Json, ...] = (
    *(None, 7, -1.5, "", "x", True, [], {}, [None], [[]], {"x": 1}),
    *("2026-13-45", "a|b,c$d\\", "Patient/../x", "é" * 300),
)
GONE = object()
TRIES = 150
DECISION = {
    **{"decision": "modify", "reason": "criteria-not-met", "criteria": ["A-1"], "note": "x"},
    **{"start": "2026-12-01", "end": "2026-12-05", "items": [{"sequence": 1, "quantity": 3}]},
}
VALUE = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}


def _places(element: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    steps: Iterator[tuple[str | int, Json]] = iter(())
    if isinstance(element, dict):
        steps = iter(element.items())
    elif isinstance(element, list):
        steps = iter(enumerate(element))
    for step, child in steps:
        yield (*path, step)
        yield from _places(child, (*path, step))


def mutations(body: Json, seed: int) -> Iterator[Json]:
    """Copies of ``body`` with something odd in one place, or nothing there."""
    chance = random.Random(seed)
    places = list(_places(body))
    for _ in range(TRIES):
        mutated = copy.deepcopy(body)
        *way, last = chance.choice(places)
        target: Any = mutated
        for step in way:
            target = target[step]
        if (odd := chance.choice((*ODD, GONE))) is GONE:
            del target[last]
        else:
            target[last] = copy.deepcopy(odd)
        yield mutated


@pytest.mark.parametrize("sample", ["approved-at-once", "denied-by-medical-director"])
async def test_requests(sample: str) -> None:
    async with world(answer_seconds=0.2) as app:
        for number, body in enumerate(mutations(request(sample), seed=1)):
            if isinstance(body.get("identifier"), dict):
                body["identifier"].setdefault("value", f"{number}")
            reply = await app.submit(body)
            assert reply.status in (200, 400, 409), body
            if case := reply.headers.get("X-Case-Id"):
                assert (await app.status(case)).status is not Status.FAILED, body


async def test_inquiries() -> None:
    async with world() as app:
        for body in mutations(request("approved-at-once"), seed=2):
            assert (await app.send("POST", "/fhir/Claim/$inquire", body, who=SUBMITTER)).status in (200, 400), body


async def test_attachments() -> None:
    bundle = request("information-requested")
    async with world() as app:
        await app.submit(bundle)
        await app.settle()
        sent = attachment((await app.record(case_of(bundle))).tracking_number, "59408-5", VALUE)
        for body in mutations(sent, seed=3):
            reply = await app.send("POST", "/fhir/$submit-attachment", body, who=SUBMITTER)
            assert reply.status in (200, 400, 404, 409), body
        assert (await app.status(case_of(bundle))).status is not Status.FAILED


async def test_decisions() -> None:
    bundle = request("denied-by-medical-director")
    async with world() as app:
        await app.submit(bundle)
        task = await app.task(case_of(bundle))
        for body in mutations(DECISION, seed=4):
            reply = await app.send("POST", f"/tasks/{task}/decision", body, who=NURSE)
            assert reply.status in (400, 403), body
