"""The helpers that read and build FHIR elements."""

from __future__ import annotations

from domain import fhir


def test_a_token_escapes_what_a_search_would_read() -> None:
    assert fhir.token("urn:x", r"a,b|c$d\e") == r"urn:x|a\,b\|c\$d\\e"
