"""Puts the FHIR resources of a folder on the server. Running it again changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from stack.options import StackError

Resource = dict[str, Any]


def _as_it_is(resource: Resource) -> Resource:
    return resource


def seed(
    fhir_url: str, folder: Path, timeout: float = 120.0, change: Callable[[Resource], Resource] = _as_it_is
) -> int:
    """PUT every resource of every ``*.json`` below ``folder``, as ``change`` gives it back, in one transaction; returns
    how many.

    A file holds one resource, or a Bundle whose entries are taken instead. Each resource needs an ``id``. A PUT that
    changes nothing makes no version, so that the second run is free. Raises ``StackError``.
    """
    resources = [change(resource) for path in sorted(folder.rglob("*.json")) for resource in _resources(path)]
    if not resources:
        raise StackError(f"{folder} holds no FHIR resources (*.json): nothing to load.")
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [_entry(each) for each in resources]}
    headers = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}
    try:
        response = httpx.post(fhir_url, json=bundle, headers=headers, timeout=timeout, trust_env=False)
    except httpx.TransportError as error:
        raise StackError(f"The FHIR server at {fhir_url} does not answer ({type(error).__name__}): start it.") from None
    if not response.is_success:
        raise StackError(f"The FHIR server refused the resources of {folder} with HTTP {response.status_code}.")
    return len(resources)


def _resources(path: Path) -> Iterator[Resource]:
    try:
        document: Resource = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise StackError(f"{path} is not JSON.") from None
    found = [document]
    if document.get("resourceType") == "Bundle":
        found = [entry["resource"] for entry in document.get("entry", []) if "resource" in entry]
    for resource in found:
        if not resource.get("resourceType") or not resource.get("id"):
            raise StackError(f"A resource of {path} has no resourceType or no id.")
        yield resource


def _entry(resource: Resource) -> Resource:
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url}}
