"""Prior authorization: from the receipt of a Da Vinci PAS request to the notice of its decision.

    open-case → set-deadline → check-eligibility → assess-necessity → determine
        → (request-information → await-information → assess-necessity …)
        → (open-review → clinical-review → take-decision)
        → record-decision → notify-provider → publish-… → close-case

Escalations, the expiry and its notice happen on the way (``orchestrators/clock.py``); so do the events for others,
while the case waits (``orchestrators/steps.py``). An appeal that is filed before a decision was made ends the case as
it stands. A member who turns out not to be eligible while a person is awaited is refused as at the start. No other
adverse outcome comes from rules: they approve, ask or route to a person (42 CFR 438.210(b)(3); PAS 2.2.1,
claimResponseReviewer).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from azure.durable_functions import DurableOrchestrationContext

from domain.codes import Action
from domain.envelope import Message
from domain.facts import DeterminationOutcome, EligibilityOutcome, FindingStatus
from domain.messages import (
    CaseFile,
    CloseInput,
    DecisionSource,
    DetermineAnswer,
    DetermineInput,
    EligibilityAnswer,
    ItemAction,
    Missing,
    NecessityAnswer,
    NotifyInput,
    OpenReviewInput,
    RecordDecisionInput,
    RecordedDecision,
)
from domain.pas.evidence import attachment_code
from orchestrators.case import Case
from orchestrators.clock import Clock
from orchestrators.review import Ineligible, Superseded, ask, judged, review
from orchestrators.steps import call, publish, settle
from orchestrators.telling import decided, received

WORKFLOW = "prior-authorization"
AUTOMATIC = {
    DeterminationOutcome.APPROVE: Action.CERTIFIED,
    DeterminationOutcome.NOT_REQUIRED: Action.NO_ACTION_REQUIRED,
}


def prior_authorization(context: DurableOrchestrationContext) -> Generator[Any, Any, dict[str, Any]]:
    """One request, one instance. Input: ``StartInput``. Output: the state and the X12 306 actions."""
    case = Case.begin(context, WORKFLOW)
    file = yield from call(case, "open-case", CaseFile)
    if file.closed:
        return {"state": file.state, "actions": []}
    case.pin(file)
    clock = Clock(case, "initial", file)
    yield from clock.start()
    case.tell(received(case, file))
    try:
        decision = yield from _decision(case, clock)
        return (yield from conclude(case, clock, decision))
    except Superseded:
        case.task = None
        yield from settle(case)
        return (yield from _close(case, "superseded"))


def conclude(case: Case, clock: Clock, decision: RecordDecisionInput) -> Generator[Any, Any, dict[str, Any]]:
    """Record the decision, tell the provider, close the case. Raises ``Superseded`` when there is nothing to record."""
    decision = decision.model_copy(update={"policy": clock.deadline.policy})
    recorded = yield from call(case, "record-decision", RecordedDecision, decision)
    if recorded.superseded:
        raise Superseded
    notice = NotifyInput(event="decided", key=recorded.claim_response)
    yield from settle(case)
    yield from call(case, "notify-provider", Message, notice)
    case.tell(decided(case, decision.source, recorded))
    return (yield from _close(case, "decided", recorded.actions))


def _close(case: Case, state: str, actions: Sequence[str] = ()) -> Generator[Any, Any, dict[str, Any]]:
    yield from publish(case)
    case.show("close-case")
    yield from call(case, "close-case", Message, CloseInput(state=state, timeline=tuple(case.timeline)))
    return {"state": state, "actions": list(actions)}


def _decision(case: Case, clock: Clock) -> Generator[Any, Any, RecordDecisionInput]:
    try:
        judged(case, (yield from call(case, "check-eligibility", EligibilityAnswer)))
        return (yield from _decide(case, clock))
    except Ineligible as refusal:
        case.task = None
        return RecordDecisionInput(source=DecisionSource.RULES, reject_code=refusal.code)


def _decide(case: Case, clock: Clock) -> Generator[Any, Any, RecordDecisionInput]:
    necessity, determined = yield from _assess(case, informed=False)
    informed = _only_information_is_missing(determined)
    if informed:
        yield from ask(case, clock, 0, _missing(necessity))
        necessity, determined = yield from _assess(case, informed=True)
    outcomes = [(item.sequence, item.determination.outcome) for item in determined.items]
    if all(outcome in AUTOMATIC for _, outcome in outcomes):
        items = tuple(ItemAction(sequence=sequence, action=AUTOMATIC[outcome]) for sequence, outcome in outcomes)
        return RecordDecisionInput(source=DecisionSource.RULES, items=items)
    opened = OpenReviewInput(
        round=1,
        reasons=tuple(dict.fromkeys(item.determination.reason for item in determined.items)),
        requirements=necessity.requirements,
        findings=necessity.findings,
    )
    taken = yield from review(case, clock, opened)
    return RecordDecisionInput(source=DecisionSource.REVIEWER, items=taken.items, review=taken.task)


def _assess(case: Case, *, informed: bool) -> Generator[Any, Any, tuple[NecessityAnswer, DetermineAnswer]]:
    necessity = yield from call(case, "assess-necessity", NecessityAnswer)
    data = DetermineInput(
        eligibility=case.eligible.outcome if case.eligible else EligibilityOutcome.UNKNOWN,
        requirements=necessity.requirements,
        findings=necessity.findings,
        information_requested=informed,
    )
    determined = yield from call(case, "determine", DetermineAnswer, data)
    case.credit(*necessity.fired, *determined.fired)
    return necessity, determined


def _only_information_is_missing(determined: DetermineAnswer) -> bool:
    outcomes = {item.determination.outcome for item in determined.items}
    return DeterminationOutcome.REQUEST_INFORMATION in outcomes and DeterminationOutcome.PEND not in outcomes


def _missing(necessity: NecessityAnswer) -> tuple[Missing, ...]:
    """The evidence that no criterion found."""
    unknown = [f for f in necessity.findings if f.status is FindingStatus.UNKNOWN and f.evidence_code]
    asked = dict.fromkeys((f.sequence, attachment_code(str(f.evidence_code))) for f in unknown)
    return tuple(Missing(sequence=sequence, code=code) for sequence, code in asked)
