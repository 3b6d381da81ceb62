"""The official Referral request through the real app, decided to A1, A3 and A4, against the official responses.

tests/domain/pas/test_official_responses.py does the same with domain functions alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from samples.client import Client
from samples.engine import Engine
from tests.domain.pas.examples import needs_official, official
from tests.support.official import EXAMPLES, REQUEST, bundle_differences, response_differences

pytestmark = [pytest.mark.integration, needs_official]
SUBMITTER, DIRECTOR = "hillview-ehr", "director-chen"
REVIEWER = "ClaimResponse.extension(extension-claimResponseReviewer)"
DECISIONS: dict[str, tuple[dict[str, Any] | None, frozenset[str]]] = {
    # Who reviewed is always told; the example of an authorization tells nobody.
    "A1": ({"decision": "approve"}, frozenset({REVIEWER})),
    # The example of a denial tells no more than that it was a person.
    "A3": (
        {"decision": "deny", "reason": "criteria-not-met"},
        frozenset({f"{REVIEWER}.extension(reviewerNPI)", f"{REVIEWER}.extension(reviewerSpecialty)"}),
    ),
    "A4": (None, frozenset()),
}
"""What is decided, and what the answer then has beyond what tests/support/official.py lists."""


@pytest.fixture(scope="module")
def client(app_host: Engine) -> Iterator[Client]:
    with Client(app_host) as client:
        yield client


@pytest.mark.parametrize("action", DECISIONS)
def test_the_app_answers_as_the_official_example_does(client: Client, action: str) -> None:
    decision, added = DECISIONS[action]
    request = official(REQUEST)
    request["identifier"]["value"] = request["entry"][0]["resource"]["identifier"][0]["value"] = uuid4().hex
    answer = _decided(client, request, decision)
    response = answer["entry"][0]["resource"]
    assert response_differences(response, EXAMPLES[action], added) == []
    assert bundle_differences(answer, EXAMPLES[action], request) == []
    assert f'"code": "{action}"' in json.dumps(response["item"])


def _decided(client: Client, request: dict[str, Any], decision: dict[str, Any] | None) -> dict[str, Any]:
    """The answer to ``request`` once a medical director made ``decision``; at once without one."""
    body = json.dumps(request).encode()
    first = client.send(SUBMITTER, "/fhir/Claim/$submit", body)
    if decision is None:
        return first.body
    case = str(first.case)
    client.wait(case, {"in-review"})
    task = client.open_task(DIRECTOR, case)
    assert task is not None
    client.decide(DIRECTOR, task["id"], decision)
    client.wait(case, {"approved", "denied"})
    return client.send(SUBMITTER, "/fhir/Claim/$submit", body).body
