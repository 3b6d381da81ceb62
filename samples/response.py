"""What a PAS response says, in the words of ``samples/expected.json``."""

from __future__ import annotations

from typing import Any

from domain import fhir
from domain.codes import NPI, NUCC, PAS, X12_ACTION, X12_REASON, X12_REJECT
from domain.json import Resource


def told(bundle: Resource) -> dict[str, Any]:
    """Outcome, actions and reasons by item, reject codes, what is asked for, what is added and who reviewed."""
    response = bundle["entry"][0]["resource"]
    items = {str(item["itemSequence"]): _review(item) for item in response.get("item", [])}
    return {
        "outcome": response["outcome"],
        "actions": {number: _coded(review, "reviewActionCode", X12_ACTION) for number, review in items.items()},
        "reasons": {
            number: reason for number, review in items.items() if (reason := _reason(review, X12_REASON)) is not None
        },
        "reject": [code for error in response.get("error", []) for code in fhir.codes(error["code"], X12_REJECT)],
        "asked": _asked(bundle),
        "added": {str(add["itemSequence"][0]): add["quantity"]["value"] for add in response.get("addItem", [])},
        "reviewer": _reviewer(response),
    }


def _review(item: Resource) -> Resource:
    return fhir.extensions(item["adjudication"][0], PAS + "extension-reviewAction")[0]


def _coded(review: Resource, name: str, system: str) -> str | None:
    return fhir.code(fhir.extension_value(review, f"{PAS}extension-{name}"), system)


def _reason(review: Resource, system: str) -> str | None:
    return fhir.code(fhir.extension_value(review, "reasonCode"), system)


def _asked(bundle: Resource) -> dict[str, list[str]]:
    asked: dict[str, list[str]] = {}
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "CommunicationRequest":
            request = entry["resource"]
            line = fhir.extension_value(request, PAS + "extension-serviceLineNumber")
            asked.setdefault(str(line), []).extend(each["contentString"] for each in request["payload"])
    return asked


def _reviewer(response: Resource) -> dict[str, str] | None:
    found = fhir.extensions(response, PAS + "extension-claimResponseReviewer")
    npi = fhir.extension_value(found[0], "reviewerNPI") if found else None
    if npi is None:
        return None
    specialty = fhir.extension_value(found[0], "reviewerSpecialty")
    return {"npi": npi["value"] if npi.get("system") == NPI else "", "specialty": fhir.code(specialty, NUCC) or ""}
