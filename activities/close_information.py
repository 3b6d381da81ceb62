"""*close-information*: the wait for the provider is over; an unanswered Task is closed."""

from __future__ import annotations

from activities.step import Work, step
from domain.envelope import Message
from domain.information import closed_information
from domain.messages import CloseInformationInput


@step(CloseInformationInput)
async def close_information(work: Work[CloseInformationInput]) -> Message:
    """Keyed by the Task; one that was answered stays answered."""
    task = await work.unit.read(work.data.task)
    closed = closed_information(task)
    if closed:
        work.unit.update(closed, if_match=task["meta"]["versionId"])
    return Message()
