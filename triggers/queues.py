"""``GET /queues/{queue}``: how much waits in a review queue and who has how much of it."""

from __future__ import annotations

from collections import Counter

import azure.durable_functions as df
import azure.functions as func

from domain.load import REVIEW_LOAD
from domain.principal import Role
from triggers.door import Call, answer, door

blueprint = df.Blueprint()


@door(blueprint, "queues/{queue}", "GET", roles=(Role.REVIEWER, Role.MEDICAL_DIRECTOR, Role.OPERATOR, Role.AUDITOR))
async def read_queue(call: Call) -> func.HttpResponse:
    """Counts from the queue's entity; the Tasks are the truth, and the nightly audit counts them anew."""
    queue = call.part("queue")
    tasks: dict[str, str | None] = await call.instances.entity(REVIEW_LOAD, queue) or {}
    by_reviewer = Counter(reviewer for reviewer in tasks.values() if reviewer)
    unassigned = len(tasks) - by_reviewer.total()
    return answer({"queue": queue, "open": len(tasks), "unassigned": unassigned, "byReviewer": dict(by_reviewer)})
