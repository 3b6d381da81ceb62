"""Clinical resources as a reviewer reads them: values with unit and date, the words of documents. Never logged."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from domain import fhir
from domain.codes import MEMBER_ID
from domain.json import Json, Resource

LONGEST: Final = 20_000
"""Characters of one document that the page shows."""
_KINDS: Final = {
    "Observation": "Observation",
    "QuestionnaireResponse": "Questionnaire answers",
    "DocumentReference": "Document",
    "DiagnosticReport": "Report",
    "Condition": "Condition",
    "Procedure": "Procedure",
}
_DATES: Final = (
    "effectiveDateTime", "effectiveInstant", "authored", "date", "performedDateTime", "onsetDateTime", "recordedDate",
    "issued",
)  # fmt: skip
_PERIODS: Final = ("effectivePeriod", "performedPeriod", "onsetPeriod")
_COUNTS: Final = frozenset({"final", "amended", "corrected", "completed", "current"})
"""Status of what may be relied on."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member as the page names them."""

    name: str
    born: date | None
    member_id: str | None


@dataclass(frozen=True, slots=True)
class Value:
    """One coded value of a resource."""

    code: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """One attachment."""

    title: str
    kind: str
    """Its media type."""
    content: bytes | None
    """``None`` when the record only says where it is."""

    @property
    def text(self) -> str | None:
        """Its words, when it is plain text; the first ``LONGEST`` characters."""
        return self._words[:LONGEST] or None

    @property
    def cut(self) -> bool:
        """Whether ``text`` is not all of it."""
        return len(self._words) > LONGEST

    @property
    def _words(self) -> str:
        return (self.content or b"").decode("utf-8", "replace") if self.kind == "text/plain" else ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One resource on file."""

    reference: str
    kind: str
    title: str
    on: date | None
    caution: str | None
    """Its status, when it is not final."""
    values: tuple[Value, ...]
    texts: tuple[str, ...]
    documents: tuple[Document, ...]

    def about(self, code: str | None) -> tuple[Value, ...]:
        """The values of ``code``; all of them when there is none (a criterion may look at several codes)."""
        return tuple(value for value in self.values if value.code == code) or self.values


def person(patient: Resource | None) -> Person:
    """Name, birth date and member id of a Patient."""
    names = (patient or {}).get("name") or [{}]
    name = names[0].get("text") or " ".join([*names[0].get("given", []), names[0].get("family", "")]).strip()
    return Person(name or "Name not on file", fhir.full_date((patient or {}).get("birthDate")),
                  fhir.identifier(patient, MEMBER_ID))  # fmt: skip


def evidence(resource: Resource) -> Evidence:
    """What ``resource`` tells a reviewer."""
    status = resource.get("status")
    kind = _KINDS.get(str(resource["resourceType"]), "Other record")
    return Evidence(
        reference=fhir.name(resource),
        kind=kind,
        title=_concept(resource.get("code") or resource.get("type")) or kind,
        on=_date(resource),
        caution=status if status and status not in _COUNTS else None,
        values=(*_observed(resource), *_answered(resource.get("item") or [])),
        texts=tuple(_texts(resource)),
        documents=tuple(_document(each) for each in _attachments(resource)),
    )


def _date(resource: Resource) -> date | None:
    single = next((resource[name] for name in _DATES if resource.get(name)), None)
    period: Resource = next((resource[name] for name in _PERIODS if resource.get(name)), {})
    return fhir.full_date(single or period.get("end") or period.get("start"))


def _observed(resource: Resource) -> Iterator[Value]:
    for element in (resource, *(resource.get("component") or [])):
        text = _value(element)
        if text is not None:
            yield Value(_code(element.get("code")), _concept(element.get("code")) or "Value", text)


def _answered(items: list[Resource]) -> Iterator[Value]:
    for item in items:
        link = item["linkId"].removeprefix("/")
        for answer in item.get("answer") or []:
            label = item.get("text") or link.replace("-", " ").capitalize()
            yield Value(link, label, _value(answer) or "an answer that this page cannot show")
            yield from _answered(answer.get("item") or [])
        yield from _answered(item.get("item") or [])


def _value(element: Resource) -> str | None:
    """``value[x]`` as text; ``None`` when there is none."""
    key = next((key for key in element if key.startswith("value")), None)
    if key is None:
        return None
    value = element[key]
    if key == "valueQuantity":
        return _quantity(value)
    if key == "valueBoolean":
        return "Yes" if value else "No"
    if key == "valueCodeableConcept":
        return _concept(value)
    if key == "valueCoding":
        return _concept({"coding": [value]})
    return str(value) if not isinstance(value, dict | list) else "a value that this page cannot show"


def _quantity(quantity: dict[str, Any]) -> str:
    number = quantity.get("value")
    unit = quantity.get("unit") or quantity.get("code") or ""
    return f"{quantity.get('comparator', '')}{number if number is not None else 'no number'} {unit}".strip()


def _concept(concept: Json) -> str:
    if not isinstance(concept, dict):
        return ""
    codings = concept.get("coding") or [{}]
    return concept.get("text") or codings[0].get("display") or codings[0].get("code") or ""


def _code(concept: Json) -> str:
    codings = (concept or {}).get("coding") or [{}] if isinstance(concept, dict) else [{}]
    return codings[0].get("code") or ""


def _texts(resource: Resource) -> Iterator[str]:
    for name in ("description", "conclusion"):
        if isinstance(resource.get(name), str):
            yield resource[name]
    for note in resource.get("note") or []:
        yield note["text"]


def _attachments(resource: Resource) -> list[Resource]:
    content = [each["attachment"] for each in resource.get("content") or [] if each.get("attachment")]
    return content + list(resource.get("presentedForm") or [])


def _document(attachment: Resource) -> Document:
    kind = str(attachment.get("contentType") or "unknown type").split(";")[0].strip().lower()
    return Document(attachment.get("title") or "Untitled", kind, _decoded(attachment.get("data")))


def _decoded(data: Json) -> bytes | None:
    try:
        return base64.b64decode(str(data or ""), validate=True) or None
    except binascii.Error:
        return None
