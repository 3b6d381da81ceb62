"""Bundles that pose as the payer's records, on the real FHIR server: it reads search tokens more loosely than the one
in memory (white space, escapes). The rest is tests/triggers/test_hostile_bundles.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from uuid import uuid4

import pytest

from domain import fhir
from domain.codes import LINE_OF_BUSINESS, MEMBER_ID, X12_REJECT
from samples.client import Client
from samples.engine import Engine
from tests.support.samples import request, resource

pytestmark = pytest.mark.integration
IN_FORCE = {
    "status": "active",
    "type": fhir.concept(LINE_OF_BUSINESS, "commercial"),
    "period": {"start": "2020-01-01", "end": "2099-12-31"},
}


@pytest.fixture(scope="module")
def client(app_host: Engine) -> Iterator[Client]:
    with Client(app_host) as client:
        yield client


def rejected(client: Client, bundle: dict[str, Any], who: str = "lakeside-ehr") -> list[str]:
    """The X12 901 codes with which ``bundle`` is answered."""
    answered = client.send(who, "/fhir/Claim/$submit", json.dumps(bundle).encode())
    assert answered.status == 200
    response = answered.body["entry"][0]["resource"]
    return [code for error in response.get("error", []) for code in fhir.codes(error["code"], X12_REJECT)]


@pytest.mark.parametrize("system", [MEMBER_ID, MEMBER_ID + " ", "\t" + MEMBER_ID, MEMBER_ID.upper()])
def test_nobody_is_enrolled_by_a_submitted_coverage(client: Client, system: str) -> None:
    member = f"M-{uuid4().hex}"
    for _ in range(2):
        bundle = request("ineligible-member-unknown", number=uuid4().hex)
        for kind in ("Coverage", "Patient"):
            resource(bundle, kind)["identifier"] = [{"system": system, "value": member}]
        resource(bundle, "Coverage").update(deepcopy(IN_FORCE), subscriberId=member)
        assert rejected(client, bundle) == ["75"]


def test_a_second_coverage_makes_nobody_eligible(client: Client) -> None:
    before = rejected(client, request("ineligible-coverage-ended", number=uuid4().hex))
    assert before
    for _ in range(2):
        bundle = request("ineligible-coverage-ended", number=uuid4().hex)
        other = deepcopy(resource(bundle, "Coverage")) | deepcopy(IN_FORCE) | {"id": "cob"}
        other["identifier"] = [{"system": f" {MEMBER_ID}", "value": other["subscriberId"]}]
        bundle["entry"].append({"fullUrl": "http://lakeside.example.org/fhir/Coverage/cob", "resource": other})
        assert rejected(client, bundle) == before


@pytest.mark.parametrize("odd", ["x,{0}", "x\\,{0}", "{0}|", "x|{0}", "{0}\\", "x$y", "\\", ","])
def test_a_member_id_that_reads_like_a_search_is_nobodys(client: Client, odd: str) -> None:
    bundle = request("approved-at-once", number=uuid4().hex)
    coverage = resource(bundle, "Coverage")
    coverage["subscriberId"] = odd.format(f"{MEMBER_ID}|{coverage['subscriberId']}")
    assert rejected(client, bundle) == ["75"]
