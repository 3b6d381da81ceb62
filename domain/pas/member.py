"""The payer's own record of a member: matched to a request, and as facts for the eligibility rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pydantic import BaseModel, ConfigDict

from domain import fhir
from domain.codes import LINE_OF_BUSINESS, MEMBER_ID
from domain.facts import CoverageFact, LineOfBusiness, MemberMatch
from domain.json import Resource


class PayerMatch(BaseModel):
    """What the payer's own records hold of the submitted member id. References are ``Type/id``."""

    model_config = ConfigDict(frozen=True)

    matches: int = 0
    """How many members carry the id; linked only when it is one."""
    patient: str | None = None
    coverage: str | None = None
    """The coverage that the Claim is linked to; the eligibility rules judge all of ``coverages``."""
    coverages: tuple[str, ...] = ()
    insurer: str | None = None
    """The payer's own Organization."""
    birth_date_agrees: bool | None = None
    """Submitted against recorded birth date; ``None`` when either is absent."""
    line_of_business: LineOfBusiness | None = None


def payer_match(
    coverages: Sequence[Resource],
    patients: Sequence[Resource],
    *,
    on: date,
    birth_date: date | None,
    insurer: str | None = None,
) -> PayerMatch:
    """The match of a member id from the payer's Coverages that carry it (``member_token``) and their beneficiaries.

    ``on`` is the first service date or the date of receipt: a coverage in force then is preferred. ``birth_date`` is
    the submitted one. ``insurer``: ``Organization/<id>`` of the payer.
    """
    if len(patients) != 1:
        return PayerMatch(matches=len(patients), insurer=insurer)
    own = [c for c in coverages if fhir.reference(c.get("beneficiary")) == f"Patient/{patients[0]['id']}"]
    own.sort(key=lambda coverage: _preference(coverage_fact(coverage), on), reverse=True)
    first = own[0] if own else None
    recorded = fhir.full_date(patients[0].get("birthDate"))
    return PayerMatch(
        matches=1,
        patient=f"Patient/{patients[0]['id']}",
        coverage=f"Coverage/{first['id']}" if first else None,
        coverages=tuple(f"Coverage/{coverage['id']}" for coverage in own),
        insurer=insurer,
        birth_date_agrees=recorded == birth_date if recorded and birth_date else None,
        line_of_business=coverage_fact(first).line_of_business if first else None,
    )


def member_match(matches: int, patient: Resource | None, birth_date_agrees: bool | None) -> MemberMatch:
    """Fact ``Member``. ``patient``: the payer's own, when exactly one matches."""
    if patient is None:
        return MemberMatch(matches=matches)
    died = patient.get("deceasedDateTime")
    return MemberMatch(
        matches=matches,
        active=patient.get("active"),
        birth_date_agrees=birth_date_agrees,
        deceased=True if died else patient.get("deceasedBoolean"),
        deceased_on=fhir.full_date(died),
    )


def coverage_fact(coverage: Resource) -> CoverageFact:
    """Fact ``Coverage`` of one of the payer's own Coverages."""
    period = coverage.get("period") or {}
    line = fhir.code(coverage.get("type"), LINE_OF_BUSINESS)
    return CoverageFact(
        reference=f"Coverage/{coverage['id']}",
        status=coverage.get("status"),
        start=fhir.full_date(period.get("start")),
        end=fhir.full_date(period.get("end")),
        line_of_business=LineOfBusiness(line) if line in set(LineOfBusiness) else None,
    )


def member_token(member_id: str = "") -> str:
    """``identifier`` token to search the payer's Coverage by; without an id, every one of the payer's Coverages."""
    return fhir.token(MEMBER_ID, member_id)


def member_numbers(coverage: Resource) -> frozenset[str]:
    """The payer's numbers on a Coverage. Only the payer's own have any: ``domain.pas.adopt`` takes them from every
    resource that is submitted."""
    return frozenset(
        i["value"] for i in coverage.get("identifier", []) if i.get("system") == MEMBER_ID and "value" in i
    )


def _preference(coverage: CoverageFact, on: date) -> tuple[bool, bool, date]:
    start, end = coverage.start or date.min, coverage.end or date.max
    return coverage.status == "active", start <= on <= end, start
