"""What a Binary holds: for whom, of what type, how much."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from domain.binary import content
from domain.errors import Malformed, NotFound, TooLarge, WorkflowError

OWNER = "Organization/a"
HELD = b'{"resourceType": "Bundle"}'
BINARY: dict[str, Any] = {
    "resourceType": "Binary",
    "contentType": "application/fhir+json",
    "securityContext": {"reference": OWNER},
    "data": base64.b64encode(HELD).decode(),
}


def test_the_bytes_as_they_were_sent() -> None:
    assert content(BINARY, OWNER, 100) == HELD


@pytest.mark.parametrize(
    "changes",
    [
        {"contentType": "application/json"},
        {"contentType": "Application/FHIR+JSON;charset=UTF-8"},
        {"data": "\n".join(BINARY["data"]) + "\r\n "},
    ],
)
def test_what_is_written_otherwise_and_means_the_same(changes: dict[str, Any]) -> None:
    assert content({**BINARY, **changes}, OWNER, 100) == HELD


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"securityContext": {"reference": "Organization/b"}}, NotFound, "reference"),
        ({"securityContext": {"reference": "Organization/a/_history/1"}}, NotFound, "reference"),
        ({"securityContext": {"reference": ["Organization/a"]}}, NotFound, "reference"),
        ({"securityContext": {"display": OWNER}}, NotFound, "reference"),
        ({"securityContext": OWNER}, NotFound, "reference"),
        ({"securityContext": None}, NotFound, "reference"),
        ({"contentType": "text/html"}, Malformed, "content-type"),
        ({"contentType": "application/fhir+xml"}, Malformed, "content-type"),
        ({"contentType": 5}, Malformed, "content-type"),
        ({"data": ""}, Malformed, "no-data"),
        ({"data": ["e30="]}, Malformed, "no-data"),
        ({"data": "e30=!"}, Malformed, "no-data"),
        ({"data": "e-30"}, Malformed, "no-data"),
        ({"data": "e30=" * 51}, TooLarge, "body"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], error: type[WorkflowError], code: str) -> None:
    with pytest.raises(error) as raised:
        content({**BINARY, **changes}, OWNER, 100)
    assert raised.value.code == code
    assert "html" not in f"{raised.value} {getattr(raised.value, 'problems', '')}", "no value is quoted"


def test_none_is_as_one_of_somebody_else() -> None:
    with pytest.raises(NotFound) as none:
        content(None, OWNER, 100)
    with pytest.raises(NotFound) as theirs:
        content(BINARY, "Organization/b", 100)
    assert str(none.value) == str(theirs.value)
