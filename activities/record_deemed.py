"""*record-deemed*: the deadline passed without a decision. What that means is the policy's; no denial is written."""

from __future__ import annotations

from activities.records import change_record, plan_zone, read_record
from activities.step import Work, step
from domain import clock
from domain.cases import CaseState
from domain.envelope import Message
from domain.facts import ExpiryMeaning
from domain.messages import ExpireInput


@step(ExpireInput)
async def record_deemed(work: Work[ExpireInput]) -> Message:
    """Keyed by the case: state ``deemed`` with the time to appeal, or ``overdue`` where the policy says no more than
    that the plan is late, with the policy's row. A decision that was recorded meanwhile stands."""
    record, policy = await read_record(work), work.data.policy
    if record.decided:
        if record.clock_row != policy.row:
            await change_record(work, record, clock_row=policy.row)
        return Message()
    state = CaseState.OVERDUE if policy.expiry is ExpiryMeaning.LATE else CaseState.DEEMED
    if record.state is not state:
        until = clock.appeal_until(work.envelope.at, policy, plan_zone(work, record).key)
        appeal_until = until if state is CaseState.DEEMED and record.appeals is None else None
        await change_record(work, record, state=state, clock_row=policy.row, appeal_until=appeal_until)
    return Message()
