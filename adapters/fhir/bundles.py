"""Building requests and taking answers apart: transaction, batch and searchset Bundles.

https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.fhir.base import Entry
from domain.errors import Defect
from domain.json import Resource


def transaction_bundle(base: str, entries: Sequence[Entry]) -> Resource:
    """The transaction Bundle of ``entries``; ``base`` makes the full URLs, so that references resolve."""
    return {"resourceType": "Bundle", "type": "transaction", "entry": [_entry(base, entry) for entry in entries]}


def batch_of_reads(references: Sequence[str]) -> Resource:
    """A batch Bundle that reads ``references``."""
    reads = [{"request": {"method": "GET", "url": reference}} for reference in references]
    return {"resourceType": "Bundle", "type": "batch", "entry": reads}


def stored(entry: Entry, answer: Resource) -> Resource:
    """What the server stored for ``entry``, with version and time."""
    if entry.method == "DELETE":
        return {}
    resource: Resource | None = answer.get("resource")
    if resource is None or resource.get("resourceType") == "OperationOutcome":
        raise Defect("fhir-refused", "the server does not return what it stored (Prefer: return=representation)")
    return resource


def matches(bundle: Resource) -> tuple[Resource, ...]:
    """What a search asked for."""
    return _of_mode(bundle, "match")


def included(bundle: Resource) -> tuple[Resource, ...]:
    """What ``_include`` and ``_revinclude`` brought along."""
    return _of_mode(bundle, "include")


def _of_mode(bundle: Resource, mode: str) -> tuple[Resource, ...]:
    entries = bundle.get("entry", [])
    return tuple(e["resource"] for e in entries if e.get("search", {}).get("mode", "match") == mode)


def check(entry: Entry) -> None:
    """Raise ``Defect('fhir-refused')`` unless the resource of a PUT is the one that its URL names."""
    resource = entry.resource or {}
    if entry.method == "PUT" and entry.url != f"{resource.get('resourceType')}/{resource.get('id')}":
        raise Defect("fhir-refused", "type and id of the resource differ from the URL")


def _entry(base: str, entry: Entry) -> Resource:
    check(entry)
    request: dict[str, Any] = {"method": entry.method, "url": entry.url}
    if entry.if_none_exist:
        request["ifNoneMatch"] = "*"
    if entry.if_match is not None:
        request["ifMatch"] = f'W/"{entry.if_match}"'
    built: Resource = {"request": request}
    if entry.resource is not None:
        built["resource"] = entry.resource
    if entry.method == "PUT":
        built["fullUrl"] = f"{base}/{entry.url}"
    return built
