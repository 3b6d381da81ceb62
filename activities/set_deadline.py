"""*set-deadline*: the clock policy by rules, the instants by the calendar. Writes nothing: the next one stores it."""

from __future__ import annotations

from datetime import datetime

from activities.step import Work, step
from domain import clock
from domain.facts import ClockInput, ClockPolicy
from domain.messages import DeadlineSet, Milestone, Pause, SetDeadlineInput

RULESET = "clock-policy"


@step(SetDeadlineInput)
async def set_deadline(work: Work[SetDeadlineInput]) -> DeadlineSet:
    """When the case must be decided and when it escalates. Done in an activity because calendars and time-zone data
    change between replays."""
    policy = await _policy(work)
    values = work.to.settings
    deadline = clock.due(work.data.received_at, policy, values.plan_zone, values.plan_state)
    milestones = clock.milestones(work.data.received_at, deadline.due)
    for pause in work.data.pauses:
        deadline = clock.prolong(deadline, pause.end - pause.start)
    return DeadlineSet(
        due=deadline.due,
        zone=deadline.zone,
        calendar=deadline.calendar,
        policy=policy,
        milestones=tuple(Milestone(at=_running(at, work.data.pauses), percent=percent) for percent, at in milestones),
        state=values.plan_state,
    )


def _running(at: datetime, pauses: tuple[Pause, ...]) -> datetime:
    """``at``, later by every stretch before it in which the clock stood still: a share is one of the running time."""
    for pause in pauses:
        if pause.start < at:
            at += pause.end - pause.start
    return at


async def _policy(work: Work[SetDeadlineInput]) -> ClockPolicy:
    facts = ClockInput(
        line_of_business=work.data.line_of_business,
        urgency=work.data.urgency,
        state=work.to.settings.plan_state,
        kind=work.data.kind,
    )
    version = work.envelope.case.rules[RULESET]
    judged = await work.to.rules.evaluate(RULESET, version, facts.model_dump(mode="json", by_alias=True))
    return ClockPolicy.model_validate(judged.results["ClockPolicy"])
