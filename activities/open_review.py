"""*open-review*: a clinical review in a reviewer queue, and the case in review."""

from __future__ import annotations

from activities.records import change_record, read_record, unless_expired
from activities.step import Work, step
from domain.cases import CaseRecord, CaseState, case_task_id
from domain.codes import TASK_CODE, TaskCode
from domain.messages import OpenReviewInput, TaskOpened
from domain.review import findings, requirements, review_task


@step(OpenReviewInput)
async def open_review(work: Work[OpenReviewInput]) -> TaskOpened:
    """Keyed by the case and the round: a Task that is open already, or was taken since, is left as it is. None is
    opened once an appeal took the case over."""
    record = await read_record(work)
    task = review_task(record, await _opening(work, record), due=work.envelope.due, opened=work.envelope.at)
    reference = f"Task/{task['id']}"
    if record.superseded_by:
        return TaskOpened(task=reference, superseded=True)
    (existing,) = await work.unit.read_many([reference])
    if existing is None:
        work.unit.create(task)
        await change_record(work, record, state=unless_expired(record, CaseState.IN_REVIEW))
        await work.unit.commit()
    return TaskOpened(task=reference, due=work.envelope.due)


async def _opening(work: Work[OpenReviewInput], record: CaseRecord) -> OpenReviewInput:
    """What the review is about; an appeal's reviewer sees the criteria that the first reviewer saw."""
    if record.appeals is None:
        return work.data
    query = {"part-of": f"Task/{case_task_id(record.appeals)}", "code": f"{TASK_CODE}|{TaskCode.CLINICAL_REVIEW}"}
    reviews = sorted(await work.unit.search("Task", query), key=lambda task: str(task["authoredOn"]))
    told = {"findings": findings(reviews[-1]), "requirements": requirements(reviews[-1])} if reviews else {}
    return work.data.model_copy(update=told)
