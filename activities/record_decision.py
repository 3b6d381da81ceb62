"""*record-decision*: the decision as a new version of the ClaimResponse, with the case, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from activities.records import change_record, plan_zone, read_record
from activities.step import Work, step
from domain import clock, fhir
from domain.cases import APPEALABLE, CaseRecord, CaseState
from domain.codes import FollowUp
from domain.decision import ItemDecision, overall
from domain.json import Resource
from domain.messages import RecordDecisionInput, RecordedDecision
from domain.pas.response import (
    ResponseError,
    Reviewer,
    answers,
    authorization_number,
    authorized_providers,
    claim_response,
)
from domain.review import decided_items, review_notes, reviewer_of


@step(RecordDecisionInput)
async def record_decision(work: Work[RecordDecisionInput]) -> RecordedDecision:
    """Keyed by the case: a decision that is recorded already is told, not written again. None is recorded once an
    appeal took the case over."""
    record = await read_record(work)
    if record.superseded_by:
        return RecordedDecision(claim_response=record.response, actions=(), superseded=True)
    review = await work.unit.read(work.data.review) if work.data.review else None
    decisions = _decisions(work, review)
    state = record.state if record.decided else _state(work, decisions)
    if record.decided:
        stored = await work.unit.read(record.response)
    else:
        stored = await _write(work, record, decisions, review, state)
    return RecordedDecision(
        claim_response=f"{record.response}/_history/{stored['meta']['versionId']}",
        actions=tuple(each.action for each in decisions),
        state=state,
        at=fhir.parse_instant(stored["created"]),
    )


async def _write(
    work: Work[RecordDecisionInput],
    record: CaseRecord,
    decisions: tuple[ItemDecision, ...],
    review: Resource | None,
    state: CaseState,
) -> Resource:
    """The new version of the ClaimResponse, as stored."""
    claim = await work.unit.read(record.claim)
    if work.data.reject_code:
        error = ResponseError(code=work.data.reject_code, follow_up=FollowUp.CORRECT)
        response = claim_response(record.subject, claim, created=work.envelope.at, errors=[error])
    else:
        response = _response(work, record, claim, decisions, review, await _providers(work, claim))
    work.unit.update({**response, "id": record.response.split("/")[1]})
    await change_record(work, record, state=state, appeal_until=_appeal_until(work, record, state))
    return (await work.unit.commit())[0]


def _state(work: Work[RecordDecisionInput], decisions: tuple[ItemDecision, ...]) -> CaseState:
    return CaseState.INELIGIBLE if work.data.reject_code else overall(decisions)


def _appeal_until(work: Work[RecordDecisionInput], record: CaseRecord, state: CaseState) -> datetime | None:
    """How long the decision may be appealed here; the decision of an appeal may not."""
    if work.data.policy is None or record.appeals or state not in APPEALABLE:
        return None
    return clock.appeal_until(work.envelope.at, work.data.policy, plan_zone(work, record).key)


def _decisions(work: Work[RecordDecisionInput], review: Resource | None) -> tuple[ItemDecision, ...]:
    if review:
        return decided_items(review)
    return tuple(ItemDecision(sequence=item.sequence, action=item.action) for item in work.data.items)


def _response(
    work: Work[RecordDecisionInput],
    record: CaseRecord,
    claim: Resource,
    decisions: tuple[ItemDecision, ...],
    review: Resource | None,
    providers: Mapping[int, str],
) -> Resource:
    on = work.envelope.at.astimezone(plan_zone(work, record)).date()
    items = answers(
        decisions,
        tracking=record.tracking_number,
        authorization=authorization_number(record.subject),
        on=on,
        notes=review_notes(review) if review else None,
    )
    reviewer = reviewer_of(review) if review else Reviewer(human=False)
    return claim_response(
        record.subject, claim, items, created=work.envelope.at, reviewer=reviewer, providers=providers
    )


async def _providers(work: Work[RecordDecisionInput], claim: Resource) -> Mapping[int, str]:
    """Who may perform each item."""
    members = (str(fhir.reference(member["provider"])) for member in claim.get("careTeam") or [])
    roles = [member for member in members if member.startswith("PractitionerRole/")]
    found = dict(zip(roles, await work.unit.read_many(roles), strict=True)) if roles else {}
    return authorized_providers(claim, found.get)
