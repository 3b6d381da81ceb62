"""Rules in memory that judge the samples as the real rulesets do (``tests/rules`` tests those)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.rules.base import FiredRule
from adapters.rules.memory import Judgement, MemoryRules
from tests.support.tables import table

VERSION = "1.0.0"
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Criterion:
    """Met when ``holds`` says so of the evidence with ``code``."""

    id: str
    code: str
    holds: Callable[[Facts], bool]


def _said(wanted: bool) -> Callable[[Facts], bool]:
    return lambda evidence: evidence["boolean"] is wanted


CRITERIA = {
    "E0601": (
        Criterion("MN-E0601-2", "69990-0", lambda evidence: evidence["number"] >= 15),
        Criterion("MN-E0601-3", "sleep-evaluation", _said(True)),
    ),
    "E1390": (Criterion("MN-E1390-2", "59408-5", lambda evidence: evidence["number"] <= 88),),
    "K0823": (
        Criterion("MN-K0823-1", "mobility-examination", _said(True)),
        Criterion("MN-K0823-3", "manual-wheelchair-sufficient", _said(False)),
    ),
    "A4239": (
        Criterion("MN-A4239-1", "glucose-monitor-in-use", _said(True)),
        Criterion("MN-A4239-2", "requested-quantity", lambda evidence: evidence["number"] <= 3),
    ),
}
NOT_REQUIRED = frozenset({"E0143", "A4253"})


def rules() -> MemoryRules:
    """All rulesets of the engine."""
    made = MemoryRules()
    made.register("eligibility", VERSION, eligibility)
    made.register("medical-necessity", VERSION, necessity)
    made.register("determination", VERSION, table("determination", "Determination"))
    made.register("clock-policy", VERSION, table("clock-policy", "ClockPolicy"))
    return made


def eligibility(facts: Facts) -> Judgement:
    """``eligibility``: the rows that the samples meet."""
    member, on = facts["Member"], facts["Request"]["serviceStart"] or facts["Request"]["receivedOn"]
    in_force = [each for each in facts["Coverage"] if each["status"] == "active" and _covers(each, on)]
    if member["matches"] == 0:
        return _eligible("EL-10", "ineligible", reject="75")
    if member["matches"] > 1:
        return _eligible("EL-11", "unknown")
    if member["birthDateAgrees"] is False:
        return _eligible("EL-12", "ineligible", reject="71")
    if member["birthDateAgrees"] is None:
        return _eligible("EL-16", "unknown")
    if not in_force:
        return _eligible("EL-22", "ineligible", reject="95")
    return _eligible("EL-30", "eligible", coverage=in_force[0]["reference"])


def necessity(facts: Facts) -> Judgement:
    """``medical-necessity``: one requirement a service, one finding a criterion of it."""
    requirements, findings = [], []
    for service in facts["Service"]:
        code, sequence = service["code"], service["sequence"]
        kind = "required" if code in CRITERIA else "not-required" if code in NOT_REQUIRED else "no-criterion"
        rule = "PA-NONE" if kind == "no-criterion" else f"PA-{code}"
        requirements.append({"sequence": sequence, "kind": kind, "rule": rule})
        known = [*facts["Evidence"], {"code": "requested-quantity", "number": service["quantity"], "source": None}]
        findings += [_finding(sequence, each, known) for each in CRITERIA.get(code, ())]
    ids = [each["rule"] for each in requirements] + [each["criterion"] for each in findings]
    return Judgement({"Requirement": requirements, "Finding": findings}, tuple(_fired(each) for each in ids))


def _finding(sequence: int, criterion: Criterion, evidence: list[Facts]) -> dict[str, Any]:
    seen = [each for each in evidence if each["code"] == criterion.code]
    status = "unknown" if not seen else "met" if any(map(criterion.holds, seen)) else "unmet"
    return {
        "sequence": sequence,
        "criterion": criterion.id,
        "status": status,
        "text": "A criterion of the test.",
        "evidenceCode": criterion.code,
        "sources": [each["source"] for each in seen if each["source"]],
    }


def _covers(coverage: Facts, on: str) -> bool:
    start, end = coverage["start"] or "9999", coverage["end"] or "9999"
    return bool(start <= on <= end)


def _eligible(rule: str, outcome: str, *, reject: str | None = None, coverage: str | None = None) -> Judgement:
    result = {"outcome": outcome, "rejectCode": reject, "coverage": coverage}
    return Judgement({"Eligibility": [result]}, (_fired(rule),))


def _fired(rule: str) -> FiredRule:
    return FiredRule(id=rule, text="A sentence of the test.")
