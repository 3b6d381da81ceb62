"""*assess-necessity*: each requested service against its criteria. Writes nothing; no value leaves for history."""

from __future__ import annotations

from activities.records import plan_zone, read_record
from activities.step import Work, step
from domain.envelope import Message
from domain.facts import Finding, Requirement
from domain.messages import NecessityAnswer
from domain.pas import claim as claims

RULESET = "medical-necessity"


@step(Message)
async def assess_necessity(work: Work[Message]) -> NecessityAnswer:
    """Which criteria are met, unmet or unknown, judged on the evidence on file for the case."""
    record = await read_record(work)
    claim, *evidence = await work.unit.read_many([record.claim, *record.evidence])
    zone = plan_zone(work, record)
    received_on = record.received_at.astimezone(zone).date()
    on_file = {f"{r['resourceType']}/{r['id']}": r for r in evidence if r}
    services = claims.service_facts(claim or {}, received_on, record.line_of_business, on_file.get)
    facts = {
        "Service": [service.model_dump(mode="json", by_alias=True) for service in services],
        "Evidence": [fact.model_dump(mode="json", by_alias=True) for fact in claims.evidence_facts(on_file.values())],
    }
    judged = await work.to.rules.evaluate(RULESET, work.envelope.case.rules[RULESET], facts)
    return NecessityAnswer(
        requirements=tuple(Requirement.model_validate(each) for each in judged.results["Requirement"]),
        findings=tuple(Finding.model_validate(each) for each in judged.results.get("Finding", [])),
        fired=tuple(rule.id for rule in judged.fired),
    )
