"""The official Referral request, driven to A1, A3 and A4, against the official responses.

Compared: the structure (every path), and the values of systems, codes, extension URLs and sequences. Numbers, dates,
ids and references are compared by shape. What differs is listed here with its reason; the lists are exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from domain import fhir
from domain.codes import Action
from domain.decision import DenialReason, ItemDecision
from domain.pas.response import (
    Reviewer,
    answers,
    authorization_number,
    authorized_providers,
    claim_response,
    pended,
)
from domain.pas.response_bundle import response_bundle
from tests.domain.pas.examples import RECEIVED, needs_official, official, taken_in

pytestmark = needs_official
BASE = "https://payer.example.org/fhir"
EXACT = {"system", "code", "url", "itemSequence", "status", "use", "outcome", "valueBoolean", "resourceType", "profile"}
SHAPES = {
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "instant": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
    "reference": re.compile(r"(https?://\S+/)?[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}"),
}


def shape(element: Any, path: str) -> Iterator[str]:
    """Each leaf as ``path: value`` (for ``EXACT`` keys) or ``path: kind``; extensions are named by their URL."""
    if isinstance(element, dict):
        url = element.get("url")
        here = f"{path}({str(url).rsplit('/', 1)[-1]})" if isinstance(url, str) else path
        for key, value in element.items():
            if key not in ("id", "display", "text", "language"):
                yield from shape(value, f"{here}.{key}")
    elif isinstance(element, list):
        for each in element:
            yield from shape(each, path)
    else:
        key = path.rsplit(".", 1)[-1]
        yield f"{path}: {element if key in EXACT else kind(element)}"


def kind(value: Any) -> str:
    """What a leaf looks like."""
    forms = (name for name, form in SHAPES.items() if isinstance(value, str) and form.fullmatch(value))
    return next(forms, type(value).__name__)


def driven(decision: ItemDecision | None, reviewer: Reviewer | None) -> dict[str, Any]:
    """The response Bundle to the official Referral request after ``decision`` (``None``: pended)."""
    record, written = taken_in(official("Bundle-ReferralAuthorizationBundleExample"))
    claim = written[record.claim]
    number = authorization_number(record.id)
    items = pended(claim, record.tracking_number)
    if decision:
        items = answers([decision], tracking=record.tracking_number, authorization=number, on=date(2026, 11, 24))
    providers = authorized_providers(claim, written.get)
    response = claim_response(record.id, claim, items, created=RECEIVED, reviewer=reviewer, providers=providers)
    bundle = response_bundle(record.id, response, written[record.bundle], BASE, RECEIVED)
    get_fhir_model_class("Bundle").model_validate(bundle)
    return bundle


TRACE = "ClaimResponse.item.extension(extension-itemTraceNumber)"
ADDED_EVERYWHERE = {
    # The Claim's identifier is echoed whole; the examples give it another system and leave its extensions out.
    "ClaimResponse.identifier.extension(extension-identifierJurisdiction)",
    "ClaimResponse.identifier.extension(extension-identifierSubDepartment)",
    "ClaimResponse.identifier.system: urn:trnorg:9012345678",
    # The request traces its item; the examples do not give the number back.
    TRACE,
}
LEFT_OUT_EVERYWHERE = {"ClaimResponse.identifier.system: http://example.org/PATIENT_EVENT_TRACE_NUMBER"}
EXAMPLES = {
    "A1": (
        "Bundle-ReferralAuthorizationResponseBundleExample",
        ItemDecision(sequence=1, action=Action.CERTIFIED),
        None,
        # A courtesy of base R4; PAS puts the number in the review action, where it is too.
        {"ClaimResponse.preAuthRef"},
        {
            # The request names no service date, unit price or quantity, which the example gives back.
            "ClaimResponse.item.extension(extension-itemRequestedServiceDate)",
            "ClaimResponse.item.extension(extension-itemAuthorizedDetail).extension(unitPrice)",
            "ClaimResponse.item.extension(extension-itemAuthorizedDetail).extension(quantity)",
        },
    ),
    "A3": (
        "Bundle-RejectionResponseBundleExample",
        ItemDecision(sequence=1, action=Action.NOT_CERTIFIED, reason=DenialReason.NOT_NECESSARY),
        Reviewer(human=True),
        {
            # A denial tells its reason (CMS-0057-F); the example tells none.
            "ClaimResponse.item.adjudication.extension(extension-reviewAction).extension(reasonCode)",
            "ClaimResponse.item.noteNumber",
            "ClaimResponse.processNote",
        },
        set(),
    ),
    "A4": ("Bundle-ReferralPendingAuthorizationResponseBundleExample", None, None, set(), set()),
}


@pytest.mark.parametrize("action", EXAMPLES)
def test_the_claim_response_has_the_structure_and_the_codes_of_the_official_one(action: str) -> None:
    example, decision, reviewer, added, left_out = EXAMPLES[action]
    ours = set(shape(driven(decision, reviewer)["entry"][0]["resource"], "ClaimResponse"))
    theirs = set(shape(official(example)["entry"][0]["resource"], "ClaimResponse"))
    assert unlisted(ours - theirs, added | ADDED_EVERYWHERE) == (set(), set())
    assert unlisted(theirs - ours, left_out | LEFT_OUT_EVERYWHERE) == (set(), set())
    assert any(leaf.endswith(f".code: {action}") for leaf in ours & theirs)


def unlisted(leaves: set[str], listed: set[str]) -> tuple[set[str], set[str]]:
    """Leaves that no listed path begins, and listed paths that begin no leaf."""
    return (
        {leaf for leaf in leaves if not leaf.startswith(tuple(listed))},
        {path for path in listed if not any(leaf.startswith(path) for leaf in leaves)},
    )


@pytest.mark.parametrize("action", EXAMPLES)
def test_the_bundle_has_the_resources_of_the_official_one_and_no_reference_dangles(action: str) -> None:
    example, decision, reviewer, _, _ = EXAMPLES[action]
    bundle = driven(decision, reviewer)
    theirs = official(example)
    assert set(shape({**bundle, "entry": []}, "Bundle")) == set(shape({**theirs, "entry": []}, "Bundle"))
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    # Echoed resources keep fullUrl, id and content (spec-33).
    request = {e["fullUrl"]: e["resource"] for e in official("Bundle-ReferralAuthorizationBundleExample")["entry"]}
    for entry in bundle["entry"][1:]:
        assert entry["resource"] == request[entry["fullUrl"]]
    assert {entry["fullUrl"] for entry in theirs["entry"][1:]} <= urls
    # The examples refer to a PractitionerRole (requestor) and a Claim that they do not all include; here each resolves.
    for entry in bundle["entry"]:
        for _, element in fhir.walk(entry["resource"], ""):
            reference = fhir.reference(element)
            base = entry["fullUrl"].rsplit("/", 2)[0]
            assert reference is None or {reference, f"{base}/{reference}"} & urls


def test_the_requestor_is_who_asked() -> None:
    """The examples name the care team's PractitionerRole for A1 and A4 and Claim.provider for A3; we always name the
    latter, who sent the request."""
    for _, decision, reviewer, *_ in EXAMPLES.values():
        response = driven(decision, reviewer)["entry"][0]["resource"]
        assert response["requestor"]["reference"] == "http://example.org/fhir/Organization/UMOExample"


def test_the_payers_own_records_are_not_shown() -> None:
    text = str(driven(*EXAMPLES["A1"][1:3]))
    assert "member-ash" not in text
    assert "coverage-ash" not in text
    assert "Organization/payer" not in text
