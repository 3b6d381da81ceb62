"""Comparing our answers with the official examples of hl7.fhir.us.davinci-pas#2.2.1.

Compared: the structure (every path), and the values of systems, codes, extension URLs and sequences. Numbers, dates,
ids and references are compared by shape. What differs is listed with its reason; the lists are exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from domain import fhir
from tests.domain.pas.examples import official

REQUEST = "Bundle-ReferralAuthorizationBundleExample"
EXACT = {"system", "code", "url", "itemSequence", "status", "use", "outcome", "valueBoolean", "resourceType", "profile"}
SHAPES = {
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "instant": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
    "reference": re.compile(r"(https?://\S+/)?[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}"),
}


def shape(element: Any, path: str) -> Iterator[str]:
    """Each leaf as ``path: value`` (for ``EXACT`` keys) or ``path: kind``; extensions are named by their URL."""
    if isinstance(element, dict):
        url = element.get("url")
        here = f"{path}({str(url).rsplit('/', 1)[-1]})" if isinstance(url, str) else path
        for key, value in element.items():
            if key not in ("id", "display", "text", "language"):
                yield from shape(value, f"{here}.{key}")
    elif isinstance(element, list):
        for each in element:
            yield from shape(each, path)
    else:
        key = path.rsplit(".", 1)[-1]
        yield f"{path}: {element if key in EXACT else kind(element)}"


def kind(value: Any) -> str:
    """What a leaf looks like."""
    forms = (name for name, form in SHAPES.items() if isinstance(value, str) and form.fullmatch(value))
    return next(forms, type(value).__name__)


TRACE = "ClaimResponse.item.extension(extension-itemTraceNumber)"
ADDED_EVERYWHERE = {
    # The Claim's identifier is echoed whole; the examples give it another system and leave its extensions out.
    "ClaimResponse.identifier.extension(extension-identifierJurisdiction)",
    "ClaimResponse.identifier.extension(extension-identifierSubDepartment)",
    "ClaimResponse.identifier.system: urn:trnorg:9012345678",
    # The request traces its item; the examples do not give the number back.
    TRACE,
}
LEFT_OUT_EVERYWHERE = {"ClaimResponse.identifier.system: http://example.org/PATIENT_EVENT_TRACE_NUMBER"}


@dataclass(frozen=True)
class Example:
    """An official response Bundle, and the paths in which our ClaimResponse differs from its own."""

    name: str
    added: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()


EXAMPLES = {
    "A1": Example(
        "Bundle-ReferralAuthorizationResponseBundleExample",
        # A courtesy of base R4; PAS puts the number in the review action, where it is too.
        added=frozenset({"ClaimResponse.preAuthRef"}),
        # The request names no service date, unit price or quantity, which the example gives back.
        left_out=frozenset(
            {
                "ClaimResponse.item.extension(extension-itemRequestedServiceDate)",
                "ClaimResponse.item.extension(extension-itemAuthorizedDetail).extension(unitPrice)",
                "ClaimResponse.item.extension(extension-itemAuthorizedDetail).extension(quantity)",
            }
        ),
    ),
    "A3": Example(
        "Bundle-RejectionResponseBundleExample",
        # A denial tells its reason (CMS-0057-F); the example tells none.
        added=frozenset(
            {
                "ClaimResponse.item.adjudication.extension(extension-reviewAction).extension(reasonCode)",
                "ClaimResponse.item.noteNumber",
                "ClaimResponse.processNote",
            }
        ),
    ),
    "A4": Example("Bundle-ReferralPendingAuthorizationResponseBundleExample"),
}


def response_differences(ours: dict[str, Any], example: Example, added: frozenset[str] = frozenset()) -> list[str]:
    """How a ClaimResponse differs from the example's beyond paths that are listed there or in ``added``. A listed path
    that does not differ is told too."""
    mine = set(shape(ours, "ClaimResponse"))
    theirs = set(shape(official(example.name)["entry"][0]["resource"], "ClaimResponse"))
    return [
        *_unlisted("added", mine - theirs, ADDED_EVERYWHERE | example.added | added),
        *_unlisted("left out", theirs - mine, LEFT_OUT_EVERYWHERE | example.left_out),
    ]


def bundle_differences(bundle: dict[str, Any], example: Example, request: dict[str, Any]) -> list[str]:
    """What an answer to ``request`` lacks that the example has, what it echoes changed and what dangles."""
    theirs = official(example.name)
    elements = set(shape({**bundle, "entry": []}, "Bundle")) ^ set(shape({**theirs, "entry": []}, "Bundle"))
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    missing = {entry["fullUrl"] for entry in theirs["entry"][1:]} - urls
    # Echoed resources keep fullUrl, id and content (spec-33).
    sent = {entry["fullUrl"]: entry["resource"] for entry in request["entry"]}
    changed = {each["fullUrl"] for each in bundle["entry"][1:] if each["resource"] != sent.get(each["fullUrl"])}
    # The examples refer to a PractitionerRole (requestor) and a Claim that they do not all include; here each resolves.
    dangling = {reference for entry in bundle["entry"] for reference in _dangling(entry, urls)}
    found = {"differs": elements, "lacks": missing, "changed": changed, "dangles": dangling}
    return [f"{what}: {each}" for what, names in found.items() for each in sorted(names)]


def _dangling(entry: dict[str, Any], urls: set[str]) -> Iterator[str]:
    base = entry["fullUrl"].rsplit("/", 2)[0]
    references = (fhir.reference(element) for _, element in fhir.walk(entry["resource"], ""))
    return (each for each in references if each and not {each, f"{base}/{each}"} & urls)


def _unlisted(what: str, leaves: set[str], listed: set[str]) -> Iterator[str]:
    yield from (f"{what}: {leaf}" for leaf in sorted(leaves) if not leaf.startswith(tuple(listed)))
    yield from (f"not {what}: {path}" for path in sorted(listed) if not any(leaf.startswith(path) for leaf in leaves))
