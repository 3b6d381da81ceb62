"""A review as the page shows it: everything that is read from FHIR to decide one case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from adapters.fhir.unit import UnitOfWork
from domain import fhir, review
from domain.cases import CaseRecord, case_task_id, read_case
from domain.decision import ItemDecision
from domain.facts import Finding, FindingStatus, Requirement
from domain.json import Resource
from domain.pas import claim as claims
from domain.pas.evidence import attachment_code
from domain.principal import Principal, Role
from triggers.pages.clinical import Document, Evidence, Person, Value, evidence, person

_DIAGNOSES: Final = "29308-4"
"""Evidence code of criteria that look at the diagnoses of the request."""
_QUANTITY: Final = "requested-quantity"
"""Evidence code of criteria that look at the requested quantity."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a criterion was judged on."""

    kind: str
    on: date | None
    caution: str | None
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Criterion:
    """A finding with its evidence."""

    finding: Finding
    proofs: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """One item of the Claim."""

    item: claims.Item
    requirement: Requirement | None
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """A review of the case that is decided."""

    decision: str
    by: str
    at: datetime | None
    items: tuple[ItemDecision, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseView:
    """All that the page of one review shows."""

    task: Resource
    record: CaseRecord
    claim: Resource
    member: Person
    matched: bool
    """Whether the member is the payer's own, or as submitted."""
    provider: str
    services: tuple[Service, ...]
    on_file: tuple[Evidence, ...]
    decided: Round | None
    """The decision of this review, once there is one."""
    earlier: tuple[Round, ...]
    authorization: str | None

    @property
    def id(self) -> str:
        """Id of the review."""
        return str(self.task["id"])

    @property
    def state(self) -> str | None:
        """Code of ``domain.review.REVIEW_STATE``."""
        return fhir.code(self.task.get("businessStatus"), review.REVIEW_STATE)

    @property
    def owner(self) -> str | None:
        """Principal who claimed the review."""
        return review.owner(self.task)

    @property
    def reasons(self) -> list[str]:
        """Why a person must decide."""
        return review.reasons(self.task)

    @property
    def missing(self) -> list[Finding]:
        """Findings that lack evidence, one a thing to ask for; ``evidence_code`` is the LOINC code to ask with."""
        found = {each.evidence_code: each for each in self.of_status(FindingStatus.UNKNOWN) if each.evidence_code}
        return [each.model_copy(update={"evidence_code": attachment_code(code)}) for code, each in found.items()]

    @property
    def documents(self) -> tuple[Document, ...]:
        """Every document on file, numbered by their order."""
        return tuple(document for each in self.on_file for document in each.documents)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all services."""
        return review.findings(self.task)

    def of_status(self, status: FindingStatus) -> list[Finding]:
        """The findings of one status."""
        return [finding for finding in self.findings if finding.status is status]


async def view(work: UnitOfWork, task: Resource) -> CaseView:
    """Read what the review ``task`` is about, in three requests to the server."""
    found = await work.read_many([str(fhir.reference(task["partOf"][0])), str(fhir.reference(task["focus"]))])
    record_task, claim = (resource or {} for resource in found)
    record = read_case(record_task)
    findings = review.findings(task)
    about = [fhir.reference(claim.get("patient")), fhir.reference(claim.get("provider")), record.response]
    names = list(dict.fromkeys([*record.evidence, *(source for each in findings for source in each.sources)]))
    patient, provider, response, *resources = await work.read_many([name or "" for name in about] + names)
    on_file = {each.reference: each for each in (evidence(resource) for resource in resources if resource)}
    rounds = await _rounds(work, record)
    return CaseView(
        task=task,
        record=record,
        claim=claim,
        member=person(patient),
        matched=record.patient is not None,
        provider=(provider or {}).get("name") or "Name not on file",
        services=_services(task, claim, on_file),
        on_file=tuple(on_file.values()),
        decided=_round(task) if task["status"] == "completed" else None,
        earlier=tuple(_round(each) for each in rounds if each["id"] != task["id"]),
        authorization=(response or {}).get("preAuthRef") if record.decided else None,
    )


def obstacle(view: CaseView, who: Principal) -> str | None:
    """Why ``who`` cannot decide at all; the server refuses for the same reasons."""
    if view.task["status"] in review.FINISHED:
        return "This review is finished. A decision is changed by an appeal only."
    if who.id in review.excluded(view.task):
        return "You decided what is appealed here. An appeal is decided by another reviewer."
    owner = review.owner(view.task)
    if owner not in (None, who.id):
        return f"{owner} has claimed this case. A medical director or an operator can assign it to you."
    return None


def adverse_obstacle(who: Principal) -> str | None:
    """Why ``who`` can neither deny nor authorize less."""
    if Role.MEDICAL_DIRECTOR not in who.roles:
        return "Only a medical director may deny or authorize less than was asked (42 CFR 438.210(b)(3))."
    if not who.npi:
        return "An adverse decision names its reviewer, and your account has no NPI. Ask your administrator to add it."
    return None


def _services(task: Resource, claim: Resource, on_file: dict[str, Evidence]) -> tuple[Service, ...]:
    required = {each.sequence: each for each in review.requirements(task)}
    findings = review.findings(task)
    return tuple(
        Service(
            item,
            required.get(item.sequence),
            tuple(Criterion(f, _proofs(f, item, on_file)) for f in findings if f.sequence == item.sequence),
        )
        for item in claims.items(claim)
    )


def _proofs(finding: Finding, item: claims.Item, on_file: dict[str, Evidence]) -> tuple[Proof, ...]:
    sources = [on_file[source] for source in finding.sources if source in on_file]
    found = [Proof(each.kind, each.on, each.caution, each.about(finding.evidence_code)) for each in sources]
    if finding.evidence_code == _DIAGNOSES:
        codes = ", ".join(item.diagnoses) or "none"
        found.append(Proof("On the request", None, None, (Value(_DIAGNOSES, "Diagnoses (ICD-10-CM)", codes),)))
    if finding.evidence_code == _QUANTITY:
        quantity = "none" if item.quantity is None else f"{item.quantity:g}"
        found.append(Proof("On the request", None, None, (Value(_QUANTITY, "Requested quantity", quantity),)))
    return tuple(found)


async def _rounds(work: UnitOfWork, record: CaseRecord) -> Sequence[Resource]:
    """The decided reviews of the case, and of the one that it appeals, oldest first."""
    records = [record.reference, *([f"Task/{case_task_id(record.appeals)}"] if record.appeals else [])]
    query = {"part-of": ",".join(records), "code": review.REVIEW_CODES, "status": "completed"}
    return sorted(await work.search("Task", query), key=lambda task: str(task["authoredOn"]))


def _round(task: Resource) -> Round:
    return Round(
        decision=review.decision_kind(task),
        by=review.decision_maker(task),
        at=fhir.parse_instant(task.get("lastModified")),
        items=review.decided_items(task),
        notes=tuple(note["text"] for note in task.get("note", [])),
    )
