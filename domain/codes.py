"""Code systems, extension URLs and codes, named once.

X12 codes carry no descriptors here: the descriptors are X12's. Sources: http://hl7.org/fhir/us/davinci-pas (2.2.1).
"""

from __future__ import annotations

from typing import Final

PAS: Final = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/"
X12_ACTION: Final = "https://codesystem.x12.org/005010/306"
X12_REASON: Final = "https://codesystem.x12.org/external/886"
X12_REJECT: Final = "https://codesystem.x12.org/005010/901"
X12_FOLLOW_UP: Final = "https://codesystem.x12.org/005010/889"
X12_LEVEL_OF_SERVICE: Final = "https://codesystem.x12.org/005010/1338"
X12_CERTIFICATION: Final = "https://codesystem.x12.org/005010/1322"
HCPCS: Final = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
ICD10CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
NPI: Final = "http://hl7.org/fhir/sid/us-npi"
ADJUDICATION: Final = "http://terminology.hl7.org/CodeSystem/adjudication"

ENGINE: Final = "urn:workflow-engine:"
"""Prefix of our own identifier and code systems."""
CASE_ID: Final = ENGINE + "case"
"""Identifier system of a case: the value is the instance id."""
TRACKING_NUMBER: Final = ENGINE + "tracking-number"
"""Identifier system of the number that a submitter quotes (X12 administration reference number)."""
AUTHORIZATION_NUMBER: Final = ENGINE + "authorization-number"
MEMBER_ID: Final = ENGINE + "member-id"
"""Identifier system of the payer's member numbers on its own Coverage (``subscriberId`` carries the value too). A
Coverage without one is not the payer's: intake takes identifiers of our systems from all that is submitted."""
CONTENT_HASH: Final = ENGINE + "content-hash"
TASK_CODE: Final = ENGINE + "task-code"
CASE_STATE: Final = ENGINE + "case-state"
LINE_OF_BUSINESS: Final = ENGINE + "line-of-business"
"""Code system of Coverage.type on the payer's own Coverage, and of the case's input."""
URGENCY: Final = ENGINE + "urgency"
NUCC: Final = "http://nucc.org/provider-taxonomy"
PAS_TOPIC: Final = "http://hl7.org/fhir/us/davinci-pas/SubscriptionTopic/PASSubscriptionTopic"
PAS_CODES: Final = "http://hl7.org/fhir/us/davinci-pas/CodeSystem/PASTempCodes"
X12_REPORT_TYPE: Final = "https://codesystem.x12.org/005010/755"
ISSUE_TYPE: Final = "http://hl7.org/fhir/issue-type"
RELATED_CLAIM: Final = "http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship"
IDENTIFIER_TYPE: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
USPS: Final = "https://www.usps.com/"

TASK_INPUT: Final = ENGINE + "task-input"
"""Code system of Task.input.type and Task.output.type; the codes stand in :mod:`domain.cases`."""
ROUTING_REASON: Final = ENGINE + "routing-reason"
DENIAL_REASON: Final = ENGINE + "denial-reason"
INFORMATION_REQUEST: Final = ENGINE + "information-request"
"""Identifier system of a question to a provider (CommunicationRequest); an attachment quotes it."""
ORGANIZATION: Final = ENGINE + "organization"
"""Identifier system of the organizations that principals belong to (claim ``organization``)."""
PRINCIPAL: Final = ENGINE + "principal"
"""Identifier system of a principal: the value is its id, never its name."""
SUBMITTED_REFERENCE: Final = ENGINE + "submitted-reference"
"""Identifier system of a reference of a submitted resource that resolves nowhere, kept as it was written."""
FINDING: Final = ENGINE + "criterion"


class Action:
    """X12 306 review action codes (HCR01)."""

    CERTIFIED: Final = "A1"
    NOT_CERTIFIED: Final = "A3"
    PENDED: Final = "A4"
    MODIFIED: Final = "A6"
    CANCELLED: Final = "C"
    NO_ACTION_REQUIRED: Final = "NA"


class TaskCode:
    """Codes of ``TASK_CODE``."""

    PRIOR_AUTHORIZATION: Final = "prior-authorization"
    """The case record."""
    APPEAL: Final = "appeal"
    """The record of an appeal."""
    CLINICAL_REVIEW: Final = "clinical-review"
    APPEAL_REVIEW: Final = "appeal-review"


class RejectReason:
    """X12 901 reject reason codes that the engine gives. Eligibility codes are given by the rules."""

    MEMBER_NOT_FOUND: Final = "75"
    INPUT: Final = "33"


class FollowUp:
    """X12 889 follow-up action codes."""

    CORRECT: Final = "C"
    DO_NOT_RESUBMIT: Final = "N"
