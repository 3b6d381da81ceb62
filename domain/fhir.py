"""Reading and building FHIR elements as plain JSON: the few helpers that every resource needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any, Final

from domain.json import Json, Resource

Resolve = Callable[[str], Resource | None]
"""Finds the resource that a reference names, or ``None``."""

Rename = Callable[[str], Resource]
"""What stands in a Reference instead of a literal reference."""

_RESERVED: Final = re.compile(r"[\\,|$]")
_ESCAPED: Final = r"\\\g<0>"


def concept(system: str, code: str) -> Resource:
    """A CodeableConcept with one coding and no display."""
    return {"coding": [{"system": system, "code": code}]}


def codes(concept_: Json, system: str) -> list[str]:
    """The codes of ``system`` in a CodeableConcept, in order; empty for anything else."""
    codings = concept_.get("coding", []) if isinstance(concept_, dict) else []
    return [c["code"] for c in codings if isinstance(c, dict) and c.get("system") == system and c.get("code")]


def code(concept_: Json, system: str) -> str | None:
    """The first code of ``system`` in a CodeableConcept."""
    return next(iter(codes(concept_, system)), None)


def extensions(element: Json, url: str) -> list[Resource]:
    """The extensions of ``element`` with ``url``."""
    found = element.get("extension", []) if isinstance(element, dict) else []
    return [e for e in found if isinstance(e, dict) and e.get("url") == url]


def extension_value(element: Json, url: str) -> Json:
    """``value[x]`` of the first extension with ``url``, or ``None``."""
    for extension in extensions(element, url):
        return next((value for key, value in extension.items() if key.startswith("value")), None)
    return None


def reference(element: Json) -> str | None:
    """``Reference.reference``, or ``None``."""
    value = element.get("reference") if isinstance(element, dict) else None
    return value if isinstance(value, str) and value else None


def name(resource: Resource) -> str:
    """``Type/id``."""
    return f"{resource['resourceType']}/{resource['id']}"


def refer(resource: Resource) -> Resource:
    """A Reference to ``resource``."""
    return {"reference": name(resource)}


def identifier(resource: Json, system: str) -> str | None:
    """Value of the first ``identifier`` of ``system``."""
    found = resource.get("identifier", []) if isinstance(resource, dict) else []
    return next((i.get("value") for i in found if isinstance(i, dict) and i.get("system") == system), None)


def token(system: str, value: str) -> str:
    """``system|value`` as a search takes it. What has a meaning in a search is escaped:
    https://hl7.org/fhir/R4/search.html#escaping"""
    return f"{system}|{_RESERVED.sub(_ESCAPED, value)}"


def instant(at: datetime) -> str:
    """An aware ``datetime`` as a FHIR instant in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: str | None) -> datetime | None:
    """A FHIR instant as an aware ``datetime`` in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def full_date(text: Json) -> date | None:
    """The date of a FHIR date or dateTime; ``None`` when absent or without a day (a part of a date is unknown)."""
    return date.fromisoformat(text[:10]) if isinstance(text, str) and len(text) >= 10 else None


def strip_empty(element: dict[str, Any]) -> dict[str, Any]:
    """``element`` without keys whose value is ``None``, ``[]`` or ``{}``: FHIR has no empty elements."""
    return {key: value for key, value in element.items() if value is not None and value != [] and value != {}}


def walk(element: Json, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in ``element`` with its FHIRPath, outermost first."""
    if isinstance(element, dict):
        yield path, element
        for key, value in element.items():
            yield from walk(value, f"{path}.{key}")
    elif isinstance(element, list):
        for index, value in enumerate(element):
            yield from walk(value, f"{path}[{index}]")


def renamed(element: Json, rename: Rename) -> Json:
    """A deep copy of ``element`` in which ``rename(reference)`` takes the place of each literal ``reference`` (its keys
    are merged into the Reference). References to contained resources (``#id``) stay."""
    if isinstance(element, list):
        return [renamed(each, rename) for each in element]
    if not isinstance(element, dict):
        return element
    copy: dict[str, Any] = {key: renamed(value, rename) for key, value in element.items()}
    written = reference(element)
    if written is None or written.startswith("#"):
        return copy
    del copy["reference"]
    return {**rename(written), **copy}
