"""*close-case*: the way that the case went is written to its record, before its history may be purged."""

from __future__ import annotations

from activities.step import Work, step
from domain.cases import changed_case, read_case, with_timeline
from domain.envelope import Message
from domain.messages import CloseInput


@step(CloseInput)
async def close_case(work: Work[CloseInput]) -> Message:
    """Keyed by the case: the timeline replaces an earlier one. A superseded case is complete with that."""
    task = await work.unit.read(work.envelope.case.record)
    if read_case(task).superseded_by:
        task = changed_case(task, ended=True)
    work.unit.update(with_timeline(task, [(entry.step, entry.at) for entry in work.data.timeline]))
    await work.unit.commit()
    return Message()
