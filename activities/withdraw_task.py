"""*withdraw-task*: the case is decided without the human task that is open."""

from __future__ import annotations

from activities.step import Work, step
from domain.messages import TaskWithdrawn, WithdrawTaskInput
from domain.review import FINISHED, withdrawn


@step(WithdrawTaskInput)
async def withdraw_task(work: Work[WithdrawTaskInput]) -> TaskWithdrawn:
    """Keyed by the Task. One that was decided or answered stays so: once stored, a decision stands."""
    task = await work.unit.read(work.data.task)
    if task["status"] not in FINISHED:
        work.unit.update(withdrawn(task), if_match=task["meta"]["versionId"])
    return TaskWithdrawn(withdrawn=task["status"] != "completed")
