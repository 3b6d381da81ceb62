"""Requests that FHIR and PAS allow and the real FHIR server refuses, with whatever status."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from samples.client import Client
from samples.engine import Engine
from tests.support.samples import request, resource
from tests.support.world import case_of

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def client(app_host: Engine) -> Iterator[Client]:
    with Client(app_host) as client:
        yield client


def _status(bundle: dict[str, Any]) -> None:
    """HTTP 422: no such code."""
    resource(bundle, "Observation")["status"] = "zebra"


def _system(bundle: dict[str, Any]) -> None:
    """HTTP 409: its tables can't hold it."""
    resource(bundle, "Observation")["valueQuantity"]["system"] = "http://example.org/" + "s" * 300


@pytest.mark.parametrize("spoil", [_status, _system], ids=lambda spoil: spoil.__name__)
def test_it_is_told_to_who_sent_it_and_opens_no_case(client: Client, spoil: Callable[[dict[str, Any]], None]) -> None:
    bundle = request("approved-at-once", number=uuid4().hex)
    spoil(bundle)
    for _ in range(2):
        answered = client.send("lakeside-ehr", "/fhir/Claim/$submit", json.dumps(bundle).encode())
        (issue,) = answered.body["issue"]
        assert (answered.status, issue["details"]["coding"][0]["code"]) == (400, "fhir-refused")
    assert client.find(case_of(bundle)) is None
