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
"""Identifier system of the payer's member numbers on its own Coverage (``subscriberId`` carries the value too)."""
CONTENT_HASH: Final = ENGINE + "content-hash"
TASK_CODE: Final = ENGINE + "task-code"
CASE_STATE: Final = ENGINE + "case-state"
LINE_OF_BUSINESS: Final = ENGINE + "line-of-business"
URGENCY: Final = ENGINE + "urgency"


class Action:
    """X12 306 review action codes (HCR01)."""

    CERTIFIED: Final = "A1"
    NOT_CERTIFIED: Final = "A3"
    PENDED: Final = "A4"
    MODIFIED: Final = "A6"
    CANCELLED: Final = "C"
    NO_ACTION_REQUIRED: Final = "NA"
