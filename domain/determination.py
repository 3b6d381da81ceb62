"""What the rules are given to determine each requested item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from domain.facts import DeterminationInput, Finding, FindingStatus
from domain.messages import DetermineInput


def inputs(data: DetermineInput) -> dict[int, DeterminationInput]:
    """The facts of each item, by its sequence: how many criteria are met, unmet and unknown."""
    given = {}
    for requirement in data.requirements:
        statuses = _statuses(data.findings, requirement.sequence)
        given[requirement.sequence] = DeterminationInput(
            eligibility=data.eligibility,
            requirement=requirement.kind,
            met=statuses[FindingStatus.MET],
            unmet=statuses[FindingStatus.UNMET],
            unknown=statuses[FindingStatus.UNKNOWN],
            information_requested=data.information_requested,
        )
    return given


def _statuses(findings: Iterable[Finding], sequence: int) -> Counter[FindingStatus]:
    return Counter(finding.status for finding in findings if finding.sequence == sequence)
