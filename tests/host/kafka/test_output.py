"""What becomes of the text that a function puts into a Kafka output."""

from __future__ import annotations

import json
from typing import Any

import pytest

from host.kafka.output import _record

FULL: dict[str, Any] = {
    "Offset": 1,
    "Partition": 2,
    "Topic": "t",
    "Timestamp": "2026-01-05T09:00:00Z",
    "Value": "made",
    "Headers": [{"Key": "ce_type", "Value": "a.b"}],
}


def test_envelope_becomes_key_headers_and_value() -> None:
    assert _record(json.dumps({**FULL, "Key": "k"})) == {"value": "made", "key": "k", "headers": [("ce_type", b"a.b")]}
    assert _record(json.dumps(FULL))["key"] is None
    assert _record(json.dumps({**FULL, "Key": 7}))["key"] == "7"
    assert json.loads(_record(json.dumps({**FULL, "Value": {"a": 1}}))["value"]) == {"a": 1}
    assert _record(json.dumps({**FULL, "Value": None}))["value"] is None


@pytest.mark.parametrize("missing", sorted(FULL))
def test_envelope_with_a_field_missing_is_the_value(missing: str) -> None:
    text = json.dumps({name: value for name, value in FULL.items() if name != missing})
    assert _record(text) == {"value": text.encode()}


@pytest.mark.parametrize("text", ["plain", "7", "[]", json.dumps({**FULL, "Headers": [{"Name": "x"}]})])
def test_other_text_is_the_value(text: str) -> None:
    assert _record(text) == {"value": text.encode()}


def test_bytes_are_the_value() -> None:
    assert _record(json.dumps(FULL).encode()) == {"value": json.dumps(FULL).encode()}
