"""*determine*: what the rules say of each item. Writes nothing."""

from __future__ import annotations

import asyncio
from collections import Counter

from activities.step import Work, step
from domain.facts import Determination, DeterminationInput, FindingStatus, Requirement
from domain.messages import DetermineAnswer, DetermineInput, ItemDetermination

RULESET = "determination"


@step(DetermineInput)
async def determine(work: Work[DetermineInput]) -> DetermineAnswer:
    """Approve, not required, ask or route to a person: one judgement an item. Never an adverse outcome."""
    judged = await asyncio.gather(*(_judge(work, requirement) for requirement in work.data.requirements))
    fired = dict.fromkeys(rule for _, rules in judged for rule in rules)
    return DetermineAnswer(items=tuple(item for item, _ in judged), fired=tuple(fired))


async def _judge(work: Work[DetermineInput], requirement: Requirement) -> tuple[ItemDetermination, tuple[str, ...]]:
    statuses = Counter(f.status for f in work.data.findings if f.sequence == requirement.sequence)
    facts = DeterminationInput(
        eligibility=work.data.eligibility,
        requirement=requirement.kind,
        met=statuses[FindingStatus.MET],
        unmet=statuses[FindingStatus.UNMET],
        unknown=statuses[FindingStatus.UNKNOWN],
        information_requested=work.data.information_requested,
    )
    version = work.envelope.case.rules[RULESET]
    judgement = await work.to.rules.evaluate(RULESET, version, facts.model_dump(mode="json", by_alias=True))
    determination = Determination.model_validate(judgement.results["Determination"])
    return (
        ItemDetermination(sequence=requirement.sequence, determination=determination),
        tuple(rule.id for rule in judgement.fired),
    )
