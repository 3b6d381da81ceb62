"""*open-case*: what the workflow needs to know of its case, and the rule versions that it pins for its whole life."""

from __future__ import annotations

from activities.assess_necessity import RULESET as MEDICAL_NECESSITY
from activities.check_eligibility import RULESET as ELIGIBILITY
from activities.determine import RULESET as DETERMINATION
from activities.records import read_record
from activities.set_deadline import RULESET as CLOCK_POLICY
from activities.step import Work, step
from domain.envelope import Message
from domain.errors import Unavailable
from domain.messages import CaseFile

RULESETS = frozenset({CLOCK_POLICY, DETERMINATION, ELIGIBILITY, MEDICAL_NECESSITY})
"""What a case asks for on its way."""


@step(Message)
async def open_case(work: Work[Message]) -> CaseFile:
    """The case file. A case that is decided, or over, is told as closed: a rerun of its instance writes nothing."""
    record = await read_record(work)
    closed = record.decided or record.ended is True
    return CaseFile(
        closed=closed,
        state=record.state,
        received_at=record.received_at,
        line_of_business=record.line_of_business or work.to.settings.default_line_of_business,
        urgency=record.urgency,
        rules={} if closed else await _pinned(work),
        excluded_reviewers=record.excluded_reviewers,
        claim=record.claim,
        submitter=record.submitter,
        appeals=record.appeals,
    )


async def _pinned(work: Work[Message]) -> dict[str, str]:
    """The current version of each ruleset. Raises ``Unavailable('rules')`` unless all that a case needs are there."""
    rules = await work.to.rules.current()
    if not rules.keys() >= RULESETS:
        raise Unavailable("rules", "a ruleset has no current version")
    return rules
