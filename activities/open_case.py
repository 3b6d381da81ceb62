"""*open-case*: what the workflow needs to know of its case, and the rule versions that it pins for its whole life."""

from __future__ import annotations

from activities.records import read_record
from activities.step import Work, step
from domain.envelope import Message
from domain.messages import CaseFile


@step(Message)
async def open_case(work: Work[Message]) -> CaseFile:
    """The case file. A decided case is told as closed: a rerun of its instance writes nothing."""
    record = await read_record(work)
    return CaseFile(
        closed=record.decided,
        state=record.state,
        received_at=record.received_at,
        claim=record.claim,
        claim_response=record.response,
        patient=record.patient,
        line_of_business=record.line_of_business or work.to.settings.default_line_of_business,
        urgency=record.urgency,
        rules={} if record.decided else await work.to.rules.current(),
        excluded_reviewers=record.excluded_reviewers,
    )
