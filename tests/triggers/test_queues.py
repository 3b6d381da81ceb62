"""The load of a review queue: counted by the entity, told by the door."""

from __future__ import annotations

from tests.support.samples import request
from tests.support.world import NURSE, SUBMITTER, World, case_of

BUNDLE = request("denied-by-medical-director")


async def _load(door: World) -> dict[str, object]:
    await door.settle()
    return dict((await door.send("GET", "/queues/clinical-review", who=NURSE)).json)


async def test_a_queue_tells_who_has_how_much(door: World) -> None:
    await door.submit(BUNDLE)
    await door.submit(request("pended-then-approved"))
    assert await _load(door) == {"queue": "clinical-review", "open": 2, "unassigned": 2, "byReviewer": {}}
    task = await door.task(case_of(BUNDLE))
    await door.send("POST", f"/tasks/{task}/claim", None, who=NURSE)
    assert await _load(door) == {
        "queue": "clinical-review",
        "open": 2,
        "unassigned": 1,
        "byReviewer": {"nurse-rivera": 1},
    }


async def test_an_empty_queue_is_empty(door: World) -> None:
    assert (await _load(door))["open"] == 0


async def test_a_submitter_may_not_look_in(door: World) -> None:
    assert (await door.send("GET", "/queues/clinical-review", who=SUBMITTER)).status == 403
