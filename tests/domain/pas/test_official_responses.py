"""The official Referral request, driven to A1, A3 and A4, against the official responses.

tests/integration/test_official.py does it through the app. What differs is listed in tests/support/official.py.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

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
from tests.support.official import EXAMPLES, REQUEST, bundle_differences, response_differences, shape

pytestmark = needs_official
BASE = "https://payer.example.org/fhir"


def driven(decision: ItemDecision | None, reviewer: Reviewer | None) -> dict[str, Any]:
    """The response Bundle to the official Referral request after ``decision`` (``None``: pended)."""
    record, written = taken_in(official(REQUEST))
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


DECISIONS = {
    "A1": (ItemDecision(sequence=1, action=Action.CERTIFIED), None),
    "A3": (
        ItemDecision(sequence=1, action=Action.NOT_CERTIFIED, reason=DenialReason.NOT_NECESSARY),
        Reviewer(human=True),
    ),
    "A4": (None, None),
}


@pytest.mark.parametrize("action", DECISIONS)
def test_the_claim_response_has_the_structure_and_the_codes_of_the_official_one(action: str) -> None:
    response = driven(*DECISIONS[action])["entry"][0]["resource"]
    assert response_differences(response, EXAMPLES[action]) == []
    assert any(leaf.endswith(f".code: {action}") for leaf in shape(response, "ClaimResponse"))


@pytest.mark.parametrize("action", DECISIONS)
def test_the_bundle_has_the_resources_of_the_official_one_and_no_reference_dangles(action: str) -> None:
    assert bundle_differences(driven(*DECISIONS[action]), EXAMPLES[action], official(REQUEST)) == []


def test_the_requestor_is_who_asked() -> None:
    """The examples name the care team's PractitionerRole for A1 and A4 and Claim.provider for A3; we always name the
    latter, who sent the request."""
    for decision, reviewer in DECISIONS.values():
        response = driven(decision, reviewer)["entry"][0]["resource"]
        assert response["requestor"]["reference"] == "http://example.org/fhir/Organization/UMOExample"


def test_the_payers_own_records_are_not_shown() -> None:
    text = str(driven(*DECISIONS["A1"]))
    assert "member-ash" not in text
    assert "coverage-ash" not in text
    assert "Organization/payer" not in text
