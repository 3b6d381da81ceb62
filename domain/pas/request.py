"""A PAS request: bytes of ``POST Claim/$submit`` -> :class:`PasRequest`.

http://hl7.org/fhir/us/davinci-pas/OperationDefinition/Claim-submit (2.2.1)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from domain import fhir
from domain.case import CaseKey, Identifier
from domain.codes import IDENTIFIER_TYPE, MEMBER_ID
from domain.facts import EvidenceFact, LineOfBusiness, ServiceFact, Urgency
from domain.json import Json, Resource
from domain.pas import claim as claims
from domain.pas.bundle import Limits, Submission, parse_bundle
from domain.pas.problems import claim_problems


@dataclass(frozen=True)
class PasRequest:
    """A well-formed request. What the submitter did not say is ``None``."""

    submission: Submission
    claim: Resource
    claim_identifier: Identifier
    member_id: str | None
    """Coverage.subscriberId, else the member identifier (type MB) of Coverage or Patient."""
    birth_date: date | None
    urgency: Urgency
    is_update: bool
    """Updates or cancels an earlier request."""
    service_start: date | None
    service_end: date | None

    @property
    def bundle_identifier(self) -> Identifier:
        """Bundle.identifier."""
        return self.submission.identifier

    @property
    def content_hash(self) -> str:
        """Hash of what the Bundle says."""
        return self.submission.content_hash

    def key(self, submitter: str) -> CaseKey:
        """The business key; ``submitter`` is the principal's organization."""
        return CaseKey(submitter=submitter, bundle=self.bundle_identifier, claim=self.claim_identifier)

    def resolve(self, reference: str | None) -> Resource | None:
        """The submitted resource that ``reference`` names."""
        return self.submission.resolve(reference)

    @property
    def patient(self) -> Resource:
        """The submitted Patient of the Claim."""
        return self._required("patient")

    @property
    def insurer(self) -> Resource:
        """The submitted insurer."""
        return self._required("insurer")

    @property
    def provider(self) -> Resource:
        """The submitted requestor (Organization or PractitionerRole)."""
        return self._required("provider")

    @property
    def coverage(self) -> Resource:
        """The submitted Coverage: the focal one."""
        return self.resolve(fhir.reference(focal_insurance(self.claim)["coverage"])) or {}

    def services(self, received_on: date, line_of_business: LineOfBusiness | None = None) -> tuple[ServiceFact, ...]:
        """Facts ``Service``, one an item."""
        return claims.service_facts(self.claim, received_on, line_of_business, self.resolve)

    def evidence(self) -> tuple[EvidenceFact, ...]:
        """Facts ``Evidence`` of the submitted resources."""
        return claims.evidence_facts(resource for _, resource in self.submission.resources())

    def _required(self, element: str) -> Resource:
        return self.resolve(fhir.reference(self.claim[element])) or {}


def parse(body: bytes, limits: Limits | None = None) -> PasRequest:
    """Read a request.

    Raises ``TooLarge`` over a limit and one ``Malformed`` with every problem. Only what FHIR, the Bundle rules and this
    engine cannot do without is required; any other omission is accepted (conf-14).
    """
    return _request(parse_bundle(body, limits or Limits(), claim_problems))


def focal_insurance(claim: Resource) -> Resource:
    """The ``insurance`` of a Claim or ClaimResponse that the insurer answers for: the focal one, else the first."""
    insurance: list[Resource] = claim["insurance"]
    return next((i for i in insurance if i.get("focal")), insurance[0])


def member_id(coverage: Json, patient: Json) -> str | None:
    """The member number in a submitted Coverage and Patient."""
    if coverage and coverage.get("subscriberId"):
        return str(coverage["subscriberId"])
    for resource in (coverage, patient):
        for identifier in (resource or {}).get("identifier") or []:
            kinds = fhir.codes(identifier.get("type"), IDENTIFIER_TYPE)
            if identifier.get("value") and ("MB" in kinds or identifier.get("system") == MEMBER_ID):
                return str(identifier["value"])
    return None


def _request(submission: Submission) -> PasRequest:
    claim = submission.claim
    patient = submission.resolve(fhir.reference(claim["patient"])) or {}
    coverage = submission.resolve(fhir.reference(focal_insurance(claim)["coverage"]))
    identifier = claim["identifier"][0]
    start, end = claims.service_dates(claim)
    return PasRequest(
        submission=submission,
        claim=claim,
        claim_identifier=Identifier(system=identifier.get("system", ""), value=identifier["value"]),
        member_id=member_id(coverage, patient),
        birth_date=fhir.full_date(patient.get("birthDate")),
        urgency=claims.urgency(claim),
        is_update=claims.is_update(claim),
        service_start=start,
        service_end=end,
    )
