"""*record-deemed*: the deadline passed without a decision. What that means is the policy's; no denial is written."""

from __future__ import annotations

from activities.records import change_record, read_record
from activities.step import Work, step
from domain.cases import CaseState
from domain.envelope import Message
from domain.messages import ExpireInput


@step(ExpireInput)
async def record_deemed(work: Work[ExpireInput]) -> Message:
    """Keyed by the case: state ``deemed`` with the policy's row. A decision that was recorded meanwhile stands."""
    record = await read_record(work)
    state = record.state if record.decided else CaseState.DEEMED
    if (record.state, record.clock_row) != (state, work.data.policy.row):
        await change_record(work, record, state=state, clock_row=work.data.policy.row)
    return Message()
