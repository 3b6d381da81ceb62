"""*open-review*: a clinical review in a reviewer queue, and the case in review."""

from __future__ import annotations

from activities.records import change_record, read_record, unless_deemed
from activities.step import Work, step
from domain.cases import CaseState
from domain.messages import OpenReviewInput, TaskOpened
from domain.review import review_task


@step(OpenReviewInput)
async def open_review(work: Work[OpenReviewInput]) -> TaskOpened:
    """Keyed by the case and the round: a Task that is open already, or was taken since, is left as it is."""
    record = await read_record(work)
    task = review_task(record, work.data, due=work.envelope.due, opened=work.envelope.at)
    reference = f"Task/{task['id']}"
    (existing,) = await work.unit.read_many([reference])
    if existing is None:
        work.unit.create(task)
        await change_record(work, record, state=unless_deemed(record, CaseState.IN_REVIEW))
        await work.unit.commit()
    return TaskOpened(task=reference, due=work.envelope.due)
