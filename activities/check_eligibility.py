"""*check-eligibility*: the member by the payer's own records, judged by rules. Writes nothing."""

from __future__ import annotations

from activities.records import plan_zone, read_record
from activities.step import Work, step
from adapters.fhir.members import own_coverages
from domain.envelope import Message
from domain.facts import Eligibility, EligibilityRequest
from domain.messages import EligibilityAnswer
from domain.pas import claim as claims
from domain.pas.member import coverage_fact, member_match

RULESET = "eligibility"


@step(Message)
async def check_eligibility(work: Work[Message]) -> EligibilityAnswer:
    """Eligible, ineligible with an X12 901 code, or unknown. Submitted Coverages are never asked."""
    record = await read_record(work)
    names = [record.claim, *([record.patient] if record.patient else [])]
    claim, *patients = await work.unit.read_many(names)
    coverages = await own_coverages(work.unit, record.patient) if record.patient else ()
    start, end = claims.service_dates(claim or {})
    zone = plan_zone(work, record)
    request = EligibilityRequest(
        received_on=record.received_at.astimezone(zone).date(), service_start=start, service_end=end
    )
    member = member_match(record.member_matches, patients[0] if patients else None, record.birth_date_agrees)
    facts = {
        "Request": request.model_dump(mode="json", by_alias=True),
        "Member": member.model_dump(mode="json", by_alias=True),
        "Coverage": [coverage_fact(each).model_dump(mode="json", by_alias=True) for each in coverages],
    }
    judged = await work.to.rules.evaluate(RULESET, work.envelope.case.rules[RULESET], facts)
    (result,) = judged.results["Eligibility"]
    return EligibilityAnswer(
        eligibility=Eligibility.model_validate(result), fired=tuple(rule.id for rule in judged.fired)
    )
