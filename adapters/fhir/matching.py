"""The searches of the in-memory FHIR server: which resources match which parameters.

Covers what the engine asks (https://hl7.org/fhir/R4/search.html): token, reference, date and string parameters, AND by
repetition, OR by comma, ``:not`` and ``:missing``, chains. A parameter that is not listed is refused, as HAPI does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from adapters.fhir.instants import Range, compare, precise
from domain.errors import Defect, NotFound
from domain.json import Resource

Kind = Literal["token", "reference", "date", "string"]
Read = Callable[[str], Resource]
"""Reads ``Type/id``; raises ``NotFound``."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter: its type and where its values stand."""

    kind: Kind
    paths: tuple[str, ...]


def _table(**parameters: str) -> dict[str, Parameter]:
    """``name="kind path|path"``; a dash of a name is written as an underscore."""
    table = {}
    for name, text in parameters.items():
        kind, _, paths = text.partition(" ")
        table[name.replace("_", "-")] = Parameter(kind, tuple(paths.split("|")))  # type: ignore[arg-type]
    return table


_COMMON: Final = {
    "_id": Parameter("token", ("id",)),
    "_lastUpdated": Parameter("date", ("meta.lastUpdated",)),
}
PARAMETERS: Final[Mapping[str, Mapping[str, Parameter]]] = {
    "AuditEvent": _table(
        entity="reference entity.what", date="date recorded", action="token action", type="token type",
        agent="reference agent.who", patient="reference entity.what",
    ),
    "Bundle": _table(identifier="token identifier", type="token type", timestamp="date timestamp"),
    "Claim": _table(
        identifier="token identifier", patient="reference patient", status="token status", use="token use",
        created="date created", insurer="reference insurer", provider="reference provider",
    ),
    "ClaimResponse": _table(
        identifier="token identifier", patient="reference patient", request="reference request", status="token status",
        use="token use", outcome="token outcome", created="date created", requestor="reference requestor",
    ),
    "Communication": _table(
        identifier="token identifier", patient="reference subject", subject="reference subject", status="token status",
        based_on="reference basedOn", part_of="reference partOf", recipient="reference recipient", sent="date sent",
    ),
    "Coverage": _table(
        identifier="token identifier", beneficiary="reference beneficiary", patient="reference beneficiary",
        subscriber="reference subscriber", subscriber_id="token subscriberId", status="token status",
        payor="reference payor", type="token type",
    ),
    "DocumentReference": _table(
        identifier="token identifier", patient="reference subject", subject="reference subject", status="token status",
    ),
    "Observation": _table(
        identifier="token identifier", patient="reference subject", subject="reference subject", code="token code",
        status="token status", date="date effectiveDateTime|effectivePeriod",
    ),
    "Organization": _table(identifier="token identifier", name="string name", active="token active"),
    "Patient": _table(
        identifier="token identifier", active="token active", birthdate="date birthDate", family="string name.family",
        gender="token gender",
    ),
    "Practitioner": _table(identifier="token identifier", active="token active"),
    "QuestionnaireResponse": _table(
        identifier="token identifier", patient="reference subject", subject="reference subject", status="token status",
        questionnaire="reference questionnaire",
    ),
    "ServiceRequest": _table(
        identifier="token identifier", patient="reference subject", subject="reference subject", code="token code",
        status="token status",
    ),
    "Subscription": _table(status="token status", url="string channel.endpoint", criteria="string criteria"),
    "Task": _table(
        identifier="token identifier", code="token code", status="token status",
        business_status="token businessStatus", requester="reference requester", owner="reference owner",
        patient="reference for", subject="reference for", focus="reference focus", based_on="reference basedOn",
        part_of="reference partOf", group_identifier="token groupIdentifier", priority="token priority",
        authored_on="date authoredOn", modified="date lastModified", due="date restriction.period.end",
        performer="token performerType",
    ),
}  # fmt: skip


def parameter(resource_type: str, name: str) -> Parameter:
    """The definition of ``name``; ``Defect('fhir-refused')`` when there is none."""
    found = _COMMON.get(name) or PARAMETERS.get(resource_type, {}).get(name)
    if found is None:
        raise Defect("fhir-refused", f"unknown search parameter {name} of {resource_type}")
    return found


def check(resource_type: str, key: str) -> None:
    """Raise as ``parameter`` does when ``key``, with its modifier or chain, names no parameter."""
    parameter(resource_type, key.partition(".")[0].partition(":")[0])


def matches(resource: Resource, key: str, value: str, read: Read) -> bool:
    """Whether ``resource`` satisfies ``key=value``, key with its modifier or chain."""
    head, dot, rest = key.partition(".")
    name, _, modifier = head.partition(":")
    definition = parameter(resource["resourceType"], name)
    found = list(values(resource, definition))
    if dot:
        return any(_chained(item, modifier, rest, value, read) for item in found)
    if modifier == "missing":
        return (not found) == (value == "true")
    hit = any(_MATCH[definition.kind](item, wanted) for item in found for wanted in value.split(","))
    if modifier in ("", "not"):
        return hit != (modifier == "not")
    raise Defect("fhir-refused", f"search modifier :{modifier} is not supported")


def sort_key(resource: Resource, name: str) -> tuple[int, Any]:
    """Orders by the parameter's first value; what has none comes last."""
    definition = parameter(resource["resourceType"], name)
    found = list(values(resource, definition))
    if not found:
        return (1, "")
    first = found[0]
    if definition.kind == "date":
        return (0, precise(first).start)
    if definition.kind == "token":
        return (0, next(_codings(first))[1])
    return (0, str(first.get("reference") if isinstance(first, dict) else first))


def values(resource: Resource, definition: Parameter) -> Iterator[Any]:
    """The elements of ``resource`` that ``definition`` looks at."""
    for path in definition.paths:
        yield from _walk(resource, path.split("."))


def _walk(element: Any, steps: list[str]) -> Iterator[Any]:
    if isinstance(element, list):
        for item in element:
            yield from _walk(item, steps)
    elif not steps:
        yield element
    elif isinstance(element, dict) and steps[0] in element:
        yield from _walk(element[steps[0]], steps[1:])


def _codings(element: Any) -> Iterator[tuple[Any, Any]]:
    """(system, code) of a code, boolean, Identifier, Coding or CodeableConcept."""
    if not isinstance(element, dict):
        yield None, str(element).lower() if isinstance(element, bool) else str(element)
    elif "coding" in element:
        yield from ((coding.get("system"), coding.get("code", "")) for coding in element["coding"])
    else:
        yield element.get("system"), element.get("value", element.get("code", ""))


def _token(element: Any, wanted: str) -> bool:
    system, bar, code = wanted.rpartition("|")
    for has_system, has_code in _codings(element):
        if (not code or code == has_code) and (not bar or (system or None) == has_system):
            return True
    return False


def _reference(element: Any, wanted: str) -> bool:
    has = element.get("reference", "") if isinstance(element, dict) else str(element)
    has = has.partition("/_history/")[0]
    return bool(has == wanted or ("/" not in wanted and has.rpartition("/")[2] == wanted))


def _string(element: Any, wanted: str) -> bool:
    return str(element).lower().startswith(wanted.lower())


def _date(element: Any, wanted: str) -> bool:
    has: Range = precise(element)
    return compare(has, wanted)


_MATCH: Final[Mapping[Kind, Callable[[Any, str], bool]]] = {
    "token": _token,
    "reference": _reference,
    "string": _string,
    "date": _date,
}


def _chained(element: Any, resource_type: str, rest: str, value: str, read: Read) -> bool:
    try:
        target = read(element.get("reference", ""))
    except NotFound:
        return False
    return (not resource_type or target["resourceType"] == resource_type) and matches(target, rest, value, read)
