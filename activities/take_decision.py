"""*take-decision*: what the reviewer decided, as codes. The words stay in the Task, which is marked as taken up."""

from __future__ import annotations

from activities.step import Work, step
from domain import fhir
from domain.messages import ItemAction, Missing, TakeDecisionInput, TakenDecision
from domain.review import RECORDED, REVIEW_STATE, decided_items, decision_kind, decision_maker, finished_review


@step(TakeDecisionInput)
async def take_decision(work: Work[TakeDecisionInput]) -> TakenDecision:
    """The codes of the decision in the Task. Keyed by the Task: once taken up, no sweep tells of it again."""
    task = await work.unit.read(work.data.task)
    stored = task
    if fhir.code(task["businessStatus"], REVIEW_STATE) != RECORDED:
        work.unit.update(finished_review(task))
        (stored,) = await work.unit.commit()
    items = decided_items(task)
    return TakenDecision(
        kind=decision_kind(task),
        task=f"{work.data.task}/_history/{stored['meta']['versionId']}",
        reviewer=decision_maker(task),
        items=tuple(ItemAction(sequence=item.sequence, action=item.action) for item in items),
        missing=tuple(Missing(sequence=item.sequence, code=code) for item in items for code in item.information),
    )
