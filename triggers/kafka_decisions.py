"""``prior-authorization.outside-decisions``: a delegated reviewer decided in another system. As
``POST /tasks/{id}/decision``, with the same rules of who may decide what."""

from __future__ import annotations

import azure.durable_functions as df

from domain.events.catalog import DECISION_TAKEN, Topic
from domain.events.data import DecisionTaken
from triggers.body import read_json
from triggers.claim_check import claim, desk_of, once
from triggers.consumer import consumer
from triggers.deliver import handles
from triggers.event import Event, Outcome
from triggers.tasks import REVIEWERS, decide

blueprint = df.Blueprint()
consumer(blueprint, Topic.DECISIONS)


@handles(DECISION_TAKEN)
async def decision_taken(event: Event) -> Outcome:
    """The source claims the review and decides it. Where somebody else did so meanwhile: ``Conflict('finished')`` or
    ``Conflict('claimed')``."""
    data: DecisionTaken = event.data
    desk = desk_of(event, *REVIEWERS)

    async def act() -> str:
        reader, body = await claim(desk, data.decision, data.task)
        shown = await decide(reader, data.task.removeprefix("Task/"), read_json(body, desk.to.settings))
        return str(shown["case"])

    return await once(desk, act)
