"""A submitted Bundle as bytes -> a checked, indexed :class:`Submission`; every problem of it at once.

Rules: http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-pas-request-bundle (2.2.1) and
https://hl7.org/fhir/R4/bundle.html#references.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict

from domain import fhir
from domain.case import Identifier, resource_id
from domain.errors import Malformed, Problem, TooLarge
from domain.json import Json, Resource
from domain.pas.structure import structural_problems


class Limits(BaseModel):
    """What a body may be at most."""

    model_config = ConfigDict(frozen=True)

    body: int = 8_000_000
    """Bytes."""
    depth: int = 48
    """Nested objects and arrays."""
    entries: int = 200
    """Bundle.entry."""


Check = Callable[[Resource, fhir.Resolve], Iterable[Problem]]
_UNRESOLVED = "The reference resolves to no entry of this Bundle; include the resource."


@dataclass(frozen=True)
class Submission:
    """A Bundle whose structure is checked, with its entries findable."""

    bundle: Resource
    identifier: Identifier
    claim: Resource
    """Resource of the first entry."""
    content_hash: str
    """See :func:`content_hash`."""
    dangling: tuple[str, ...] = ()
    """Paths of references outside the Claim that resolve nowhere."""
    _index: Mapping[str, int] = field(default_factory=dict, repr=False)

    def resolve(self, reference: str | None) -> Resource | None:
        """The resource in the bundle that ``reference`` names (fullUrl, or relative ``Type/id``), or ``None``."""
        return _resolver(self.bundle["entry"], self._index)(reference or "")

    def position(self, reference: str | None) -> int | None:
        """Index of the entry that ``reference`` names, or ``None``."""
        return self._index.get(_unversioned(reference or ""))

    def resources(self, *types: str) -> Iterator[tuple[str, Resource]]:
        """``(Bundle.entry[i].resource, resource)`` of each entry of ``types`` (of all when none is named)."""
        for index, entry in enumerate(self.bundle["entry"]):
            if not types or entry["resource"]["resourceType"] in types:
                yield f"Bundle.entry[{index}].resource", entry["resource"]


def parse_bundle(body: bytes, limits: Limits, check: Check) -> Submission:
    """Read a PAS Bundle of a request or an inquiry.

    ``check`` names what is wrong with the Claim beyond its structure. Raises ``TooLarge`` over a limit, else one
    ``Malformed`` that lists every problem with its FHIRPath. A reference of the Claim must resolve inside the Bundle. A
    reference between other resources should; when it does not, it is listed in ``Submission.dangling`` and kept as
    written (the official Surgical example has two).
    """
    bundle = _read(body, limits)
    entries = bundle.get("entry")
    if not isinstance(entries, list) or not entries:
        missing = Problem(path="Bundle.entry", text="Send at least one entry, a Claim first.", code="required")
        raise Malformed([*_bundle_problems(bundle), missing])
    if len(entries) > limits.entries:
        raise TooLarge("entries", f"Send at most {limits.entries} entries in a Bundle.")
    index, problems = entry_index(entries)
    unresolved = list(_unresolved(entries, index))
    problems = [
        *_bundle_problems(bundle),
        *_entry_problems(entries),
        *problems,
        *(Problem(path=path, text=_UNRESOLVED, code="not-found") for position, path in unresolved if position == 0),
    ]
    claim = entries[0].get("resource") if isinstance(entries[0], dict) else None
    if isinstance(claim, dict) and claim.get("resourceType") == "Claim":
        problems += check(claim, _resolver(entries, index))
    else:
        problems.append(Problem(path="Bundle.entry[0].resource", text="The first entry must be a Claim."))
    if problems or not isinstance(claim, dict):
        # One sentence a place: what FHIR refuses and what PAS refuses is often the same.
        raise Malformed(list({problem.path: problem for problem in reversed(problems)}.values())[::-1])
    return Submission(
        bundle=bundle,
        identifier=Identifier(system=bundle["identifier"].get("system", ""), value=bundle["identifier"]["value"]),
        claim=claim,
        content_hash=content_hash(bundle),
        dangling=tuple(path for position, path in unresolved if position),
        _index=index,
    )


def content_hash(bundle: Resource) -> str:
    """SHA-256 (hex) of what a Bundle says.

    Left out, because a client that sends the same request again may write them anew: ``Bundle.id``,
    ``Bundle.timestamp`` and every ``meta``, ``language`` and narrative (``text`` of type Narrative). Order of keys and
    white space do not count.
    """
    meaning = {key: value for key, value in bundle.items() if key not in ("id", "timestamp")}
    canonical = json.dumps(_meaning(meaning), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _meaning(element: Json) -> Json:
    if isinstance(element, dict):
        noise = {"meta", "language"} if "resourceType" in element else set()
        return {
            k: _meaning(v) for k, v in element.items() if k not in noise and not (k == "text" and isinstance(v, dict))
        }
    if isinstance(element, list):
        return [_meaning(value) for value in element]
    return element


def _read(body: bytes, limits: Limits) -> Resource:
    if len(body) > limits.body:
        raise TooLarge("body", f"Send at most {limits.body} bytes.")
    try:
        bundle = json.loads(body, parse_constant=_not_a_number)
    except RecursionError:
        raise TooLarge("depth", f"Nest at most {limits.depth} levels.") from None
    except json.JSONDecodeError as error:
        text = f"The body is not JSON (line {error.lineno}, column {error.colno})."
        raise Malformed([Problem(path="$", text=text, code="structure")], "not-json") from None
    except ValueError:
        raise Malformed(
            [Problem(path="$", text="The body is not JSON in UTF-8.", code="structure")], "not-json"
        ) from None
    if deeper_than(bundle, limits.depth):
        raise TooLarge("depth", f"Nest at most {limits.depth} levels.")
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise Malformed([Problem(path="$", text="The body is not a FHIR Bundle.", code="structure")], "not-a-bundle")
    said: Resource = _said(bundle)
    return said


def _said(element: Json) -> Json:
    """``element`` without members that are ``null`` or empty: FHIR has none, and they say nothing. Positions in arrays
    stay, so that paths are right."""
    if isinstance(element, list):
        return [_said(each) for each in element]
    if not isinstance(element, dict):
        return element
    members = {key: _said(value) for key, value in element.items()}
    return {key: value for key, value in members.items() if value is not None and value not in ([], {})}


def _not_json(text: str) -> Malformed:
    return Malformed([Problem(path="$", text=text, code="structure")], "not-json")


def _not_a_number(_: str) -> NoReturn:
    raise ValueError


def deeper_than(element: Json, limit: int) -> bool:
    """Whether objects and arrays nest in more than ``limit`` levels."""
    level = [element]
    for _ in range(limit):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _children(element: Json) -> list[Any]:
    return list(element.values()) if isinstance(element, dict) else element if isinstance(element, list) else []


def _bundle_problems(bundle: Resource) -> Iterator[Problem]:
    envelope = {key: value for key, value in bundle.items() if key != "entry"}
    yield from structural_problems(envelope, "Bundle")
    if bundle.get("type") != "collection":
        yield Problem(path="Bundle.type", text="The type of the Bundle must be 'collection'.", code="value")
    identifier = bundle.get("identifier")
    if not isinstance(identifier, dict) or not isinstance(identifier.get("value"), str):
        yield Problem(path="Bundle.identifier", text="Identify the transaction, with a value.", code="required")
    if not bundle.get("timestamp"):
        yield Problem(path="Bundle.timestamp", text="Say when the Bundle was assembled.", code="required")


def _entry_problems(entries: list[Json]) -> Iterator[Problem]:
    for index, entry in enumerate(entries):
        path = f"Bundle.entry[{index}]"
        if not isinstance(entry, dict):
            yield Problem(path=path, text="An entry must be an object.", code="structure")
            continue
        if not isinstance(entry.get("fullUrl"), str) or not entry["fullUrl"]:
            yield Problem(path=f"{path}.fullUrl", text="Every entry needs a fullUrl.", code="required")
        for key in sorted({"search", "request", "response"} & entry.keys()):
            yield Problem(path=f"{path}.{key}", text="An entry of a collection has no such element.", code="structure")
        if not isinstance(entry.get("resource"), dict):
            yield Problem(path=f"{path}.resource", text="Every entry needs a resource.", code="required")
        else:
            yield from structural_problems(entry["resource"], f"{path}.resource")


def stored_name(case: str, index: int, resource: Resource) -> str:
    """``Type/id`` under which ``case`` stores its copy of the resource in entry ``index`` of the request."""
    kind = resource["resourceType"]
    return f"{kind}/{resource_id(case, 'claim' if index == 0 else f'{kind}:{index}')}"


def entry_index(entries: list[Json]) -> tuple[dict[str, int], list[Problem]]:
    """How references find entries: fullUrl and ``Type/id`` -> position; and a problem for each name given twice."""
    index: dict[str, int] = {}
    problems = []
    for position, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            continue
        full_url, id_ = entry.get("fullUrl"), resource.get("id")
        names = [("fullUrl", full_url)] if isinstance(full_url, str) else []
        names += [("resource.id", f"{resource.get('resourceType')}/{id_}")] if isinstance(id_, str) else []
        for place, name in names:
            if index.setdefault(name, position) != position:
                text = "Another entry of this Bundle has the same."
                problems.append(Problem(path=f"Bundle.entry[{position}].{place}", text=text, code="duplicate"))
    return index, problems


def _resolver(entries: list[Json], index: Mapping[str, int]) -> fhir.Resolve:
    def resolve(reference: str) -> Resource | None:
        position = index.get(_unversioned(reference))
        return None if position is None else entries[position]["resource"]

    return resolve


def _unversioned(reference: str) -> str:
    return reference.split("/_history/")[0]


def _unresolved(entries: list[Json], index: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    for position, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            continue
        contained = {f"#{c.get('id')}" for c in resource.get("contained") or [] if isinstance(c, dict)} | {"#"}
        for path, element in fhir.walk(resource, f"Bundle.entry[{position}].resource"):
            name = fhir.reference(element)
            if name and _unversioned(name) not in index and name not in contained:
                yield position, path
