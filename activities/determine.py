"""*determine*: what the rules say of each item. Writes nothing."""

from __future__ import annotations

import asyncio

from activities.step import Work, step
from domain.determination import inputs
from domain.facts import Determination, DeterminationInput
from domain.messages import DetermineAnswer, DetermineInput, ItemDetermination

RULESET = "determination"


@step(DetermineInput)
async def determine(work: Work[DetermineInput]) -> DetermineAnswer:
    """Approve, not required, ask or route to a person: one judgement an item. Never an adverse outcome."""
    judged = await asyncio.gather(*(_judge(work, *item) for item in inputs(work.data).items()))
    fired = dict.fromkeys(rule for _, rules in judged for rule in rules)
    return DetermineAnswer(items=tuple(item for item, _ in judged), fired=tuple(fired))


async def _judge(
    work: Work[DetermineInput], sequence: int, facts: DeterminationInput
) -> tuple[ItemDetermination, tuple[str, ...]]:
    version = work.envelope.case.rules[RULESET]
    judgement = await work.to.rules.evaluate(RULESET, version, facts.model_dump(mode="json", by_alias=True))
    determination = Determination.model_validate(judgement.results["Determination"])
    return (
        ItemDetermination(sequence=sequence, determination=determination),
        tuple(rule.id for rule in judgement.fired),
    )
