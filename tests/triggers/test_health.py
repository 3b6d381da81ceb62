"""``/health/ready`` names each system that the engine needs."""

from __future__ import annotations

from domain.errors import Unavailable
from tests.support.world import World


async def test_ready_needs_no_sign_in(door: World) -> None:
    reply = await door.send("GET", "/health/ready", key=None)
    assert (reply.status, reply.json) == (200, {"fhir": "ready", "rules": "ready", "events": "ready"})


async def test_what_does_not_answer_is_named(door: World) -> None:
    door.rules.available = False
    reply = await door.send("GET", "/health/ready")
    assert (reply.status, reply.json) == (503, {"fhir": "ready", "rules": "unavailable", "events": "ready"})

    async def away() -> None:
        raise Unavailable("fhir")

    door.rules.available = True
    door.fhir.ready = away  # type: ignore[method-assign]
    door.events.answers = False
    reply = await door.send("GET", "/health/ready")
    assert (reply.status, reply.json) == (503, {"fhir": "unavailable", "rules": "ready", "events": "unavailable"})


async def test_a_log_that_is_away_is_named_and_keeps_nobody_from_sending_requests(door: World) -> None:
    door.events.answers = False
    reply = await door.send("GET", "/health/ready")
    assert (reply.status, reply.json) == (200, {"fhir": "ready", "rules": "ready", "events": "unavailable"})
