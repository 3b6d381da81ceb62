"""A request in which every free string, identifier and measured value is unique, so that each can be looked for.

What may be anywhere keeps its meaning: codes of code systems, canonical URLs, statuses, service dates.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, Final

from adapters.fhir.base import Entry
from domain.codes import LINE_OF_BUSINESS, MEMBER_ID
from domain.fhir import concept

BIRTH_DATE: Final = "1931-02-17"
MEASURED: Final = "83.7319"
_KEPT: Final = frozenset(
    {
        *("resourceType", "code", "url", "status", "use", "gender", "profile", "linkId", "type", "category"),
        *("created", "timestamp", "servicedDate", "start", "end", "effectiveDateTime", "authored", "reference"),
        *("fullUrl", "id", "valueCode", "productOrService", "priority", "relationship", "unit"),
    }
)
"""Elements that carry codes, canonical URLs, dates of the request, or names that are renamed as a whole."""


class Canaries:
    """Makes canaries and remembers them."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.all: set[str] = {BIRTH_DATE, MEASURED}

    def one(self) -> str:
        """A new canary."""
        made = f"canary{next(self._numbers):05d}q"
        self.all.add(made)
        return made

    def request(self, bundle: dict[str, Any], member: str) -> dict[str, Any]:
        """``bundle`` with canaries all over it, for the payer's ``member``."""
        marked = {**self._marked(bundle), "id": self.one()}
        for entry in marked["entry"]:
            self._enrich(entry["resource"], member)
        text = json.dumps(marked)
        for entry in marked["entry"]:
            name, fresh = f"{entry['resource']['resourceType']}/{entry['resource']['id']}", self.one()
            text = text.replace(f'"{name}"', f'"{name.split("/")[0]}/{fresh}"').replace(
                json.dumps(entry["fullUrl"]), f'"http://{self.one()}.example.org/{name.split("/")[0]}/{fresh}"'
            )
            text = text.replace(f'"id": "{entry["resource"]["id"]}"', f'"id": "{fresh}"')
        return json.loads(text)  # type: ignore[no-any-return]

    def member(self, member: str) -> list[Entry]:
        """The payer's own record of a member, with canaries too."""
        identifier = [{"system": MEMBER_ID, "value": member}]
        patient = {
            "resourceType": "Patient",
            "id": "member-of-test",
            "identifier": identifier,
            "active": True,
            "name": [{"family": self.one(), "given": [self.one()]}],
            "birthDate": BIRTH_DATE,
            "address": [{"line": [self.one()], "city": self.one()}],
        }
        coverage = {
            "resourceType": "Coverage",
            "id": "coverage-of-test",
            "identifier": identifier,
            "status": "active",
            "type": concept(LINE_OF_BUSINESS, "medicare-advantage"),
            "subscriberId": member,
            "beneficiary": {"reference": "Patient/member-of-test"},
            "period": {"start": "2000-01-01"},
            "payor": [{"reference": "Organization/payer"}],
        }
        return [Entry("PUT", f"{each['resourceType']}/{each['id']}", each) for each in (patient, coverage)]

    def found_in(self, content: str | bytes) -> list[str]:
        """Canaries in ``content``, sorted."""
        text = content if isinstance(content, str) else content.decode("latin-1")
        return sorted(canary for canary in self.all if canary in text)

    def _marked(self, element: Any, key: str = "") -> Any:
        if isinstance(element, dict):
            coded = "code" in element
            return {
                name: value if name == "system" and coded else self._marked(value, name)
                for name, value in element.items()
            }
        if isinstance(element, list):
            return [self._marked(each, key) for each in element]
        if isinstance(element, str) and key not in _KEPT:
            return f"http://{self.one()}.example.org" if "://" in element else self.one()
        return element

    def _enrich(self, resource: dict[str, Any], member: str) -> None:
        resource["text"] = {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{self.one()}</div>',
        }
        for coding in _codings(resource):
            coding["display"] = self.one()
        match resource["resourceType"]:
            case "Patient":
                resource["identifier"][0]["value"] = member
                resource["birthDate"] = BIRTH_DATE
                resource["telecom"] = [{"system": "phone", "value": self.one()}]
                resource["address"] = [{"line": [self.one()], "city": self.one(), "postalCode": self.one()}]
            case "Coverage":
                resource["subscriberId"] = member
            case "Observation":
                resource["note"] = [{"text": self.one()}]
                resource["valueQuantity"]["value"] = float(MEASURED)
            case "Claim":
                resource["diagnosis"][0]["diagnosisCodeableConcept"]["text"] = self.one()
                resource["item"][0]["productOrService"]["text"] = self.one()


def _codings(element: Any) -> Iterator[dict[str, Any]]:
    if isinstance(element, dict):
        yield from (each for each in element.get("coding", []) if isinstance(each, dict))
        for value in element.values():
            yield from _codings(value)
    elif isinstance(element, list):
        for each in element:
            yield from _codings(each)
