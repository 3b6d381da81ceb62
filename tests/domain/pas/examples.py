"""The requests that the tests of this folder start from."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.cases import CaseRecord
from domain.pas.intake import Submitter, intake
from domain.pas.member import PayerMatch
from domain.pas.request import PasRequest, parse

ROOT = Path(__file__).parents[3]
OFFICIAL = ROOT.parent / "shared" / "data" / "pas-2.2.1"
"""The examples of hl7.fhir.us.davinci-pas#2.2.1, where they are at hand."""
RECEIVED = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
MATCH = PayerMatch(
    matches=1,
    patient="Patient/member-ash",
    coverage="Coverage/coverage-ash",
    coverages=("Coverage/coverage-ash",),
    insurer="Organization/payer",
)
needs_official = pytest.mark.skipif(not OFFICIAL.is_dir(), reason="the official PAS examples are not at hand")


def sample(name: str = "approved-at-once") -> dict[str, Any]:
    """A fresh copy of a sample request."""
    bundle: dict[str, Any] = json.loads((ROOT / "samples" / "cases" / f"{name}.json").read_text())
    return copy.deepcopy(bundle)


def official(name: str) -> dict[str, Any]:
    """An official example."""
    resource: dict[str, Any] = json.loads((OFFICIAL / f"{name}.json").read_text())
    return resource


def read(bundle: dict[str, Any]) -> PasRequest:
    """``bundle`` as it arrives."""
    return parse(json.dumps(bundle).encode())


def taken_in(bundle: dict[str, Any], payer: PayerMatch = MATCH) -> tuple[CaseRecord, dict[str, dict[str, Any]]]:
    """The record of a request and what intake writes, by reference."""
    request = read(bundle)
    case = request.key("lakeside-clinic").instance_id()
    record, writes = intake(
        request, case, RECEIVED, payer, Submitter(organization="lakeside-clinic"), "America/New_York"
    )
    return record, {write.url: write.resource for write in writes}
