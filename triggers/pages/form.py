"""The four decision forms: what a reviewer entered, as the body of a decision, and problems beside their fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from domain.errors import Malformed, Problem, Rejected
from domain.facts import FindingStatus
from domain.json import Resource
from domain.review_decision import Decision, item_decisions, parse_decision
from triggers.pages.case import CaseView

Fields = Mapping[str, Sequence[str]]
CONFIRMED: Final = frozenset({Decision.APPROVE, Decision.DENY, Decision.MODIFY})
"""Decisions that are final: the reviewer confirms them (WCAG 3.3.4)."""
_CHANGES: Final = ("decision", "quantity", "start", "end")
_FIELDS: Final = ("reason", "start", "end", "items", "information", "note", "confirmed")
_WORDS: Final = {
    ("/reason", "required"): "Choose a reason.",
    ("/information", "required"): "Choose or write what you need.",
}
"""What the page says instead of the API's words, which name codes: by place and code of the problem."""
_LOINC: Final = re.compile(r"\d{1,7}-\d")


@dataclass(frozen=True, slots=True)
class Form:
    """One form with what stands in it."""

    kind: str
    fields: Fields = field(default_factory=dict)
    problems: tuple[tuple[str, str], ...] = ()
    """(name of the field, what to do); an empty name is about the whole form."""
    open: bool = False

    def value(self, name: str) -> str:
        """What stands in the field."""
        return next(iter(self.fields.get(name, ())), "")

    def has(self, name: str, value: str) -> bool:
        """Whether ``value`` is chosen in the field."""
        return value in self.fields.get(name, ())

    def id(self, name: str) -> str:
        """Id of the field in the page."""
        return f"{self.kind}-{name}"

    def problem(self, name: str) -> str | None:
        """What is wrong with the field."""
        return next((text for at, text in self.problems if at == name), None)


def fresh(view: CaseView) -> dict[str, Form]:
    """The forms as they are first shown: unmet criteria are ticked as reasons, missing evidence as what to ask for."""
    unmet = [each.criterion for each in view.of_status(FindingStatus.UNMET)]
    missing = [str(each.evidence_code) for each in view.missing]
    filled: dict[str, Fields] = {
        Decision.APPROVE: {},
        Decision.DENY: {"criteria": unmet},
        Decision.MODIFY: {"criteria": unmet},
        Decision.REQUEST_INFORMATION: {"information": missing},
    }
    return {kind: Form(kind, fields) for kind, fields in filled.items()}


def refused(fields: Fields, error: Rejected, claim: Resource) -> Form:
    """The form as it was sent, with what to do about ``error`` and about everything else that is wrong with it."""
    found = [*error.problems] if isinstance(error, Malformed) else [Problem(path="", text=_sentence(error))]
    found = list(dict.fromkeys([*found, *_every_problem(fields, claim)]))
    said = [(_field(each.path, fields), _WORDS.get((each.path, each.code), each.text)) for each in found]
    return Form(_one(fields, "decision"), fields, tuple(said), open=True)


def checked(fields: Fields) -> dict[str, Any]:
    """The body of ``POST /tasks/{id}/decision``. Raises ``Malformed`` for what the form alone can tell."""
    problems = _own_problems(fields)
    if problems:
        raise Malformed(problems)
    return _body(fields)


def _own_problems(fields: Fields) -> list[Problem]:
    problems = []
    if _one(fields, "decision") in CONFIRMED and "confirmed" not in fields:
        text = "Tick the box to confirm that you reviewed the request: the decision is final."
        problems.append(Problem(path="/confirmed", text=text, code="required"))
    if not all(_LOINC.fullmatch(code) for code in _typed(fields)):
        text = "Write LOINC codes such as 59408-5, with spaces between them."
        problems.append(Problem(path="/information", text=text))
    return problems


def _every_problem(fields: Fields, claim: Resource) -> list[Problem]:
    problems = _own_problems(fields)
    try:
        item_decisions(parse_decision(_body(fields)), claim)
    except Malformed as error:
        problems = [*error.problems, *problems]
    return problems


def _body(fields: Fields) -> dict[str, Any]:
    body: dict[str, Any] = {
        "decision": _one(fields, "decision"),
        "reason": _one(fields, "reason"),
        "criteria": [each for each in fields.get("criteria", ()) if each],
        "start": _one(fields, "start"),
        "end": _one(fields, "end"),
        "information": list(dict.fromkeys([*fields.get("information", ()), *_typed(fields)])),
        "items": [_item(fields, sequence) for sequence in _sequences(fields)],
        "note": _one(fields, "note"),
    }
    return {key: value for key, value in body.items() if value}


def _typed(fields: Fields) -> list[str]:
    return _one(fields, "other").replace(",", " ").split()


def _item(fields: Fields, sequence: str) -> dict[str, Any]:
    entered = {name: _one(fields, f"item-{sequence}-{name}") for name in _CHANGES}
    return {"sequence": sequence, **{name: value for name, value in entered.items() if value}}


def _sequences(fields: Fields) -> list[str]:
    """Items that the form says something about, in order."""
    named = (name.split("-") for name, values in fields.items() if name.startswith("item-") and any(values))
    return list(dict.fromkeys(parts[1] for parts in named if len(parts) == 3 and parts[2] in _CHANGES))


def _field(path: str, fields: Fields) -> str:
    """The field that a JSON pointer into the body means; an empty name when it means none."""
    parts = path.strip("/").split("/")
    if len(parts) == 3 and parts[0] == "items" and parts[2] in _CHANGES:
        return f"item-{_sequences(fields)[int(parts[1])]}-{parts[2]}"
    if parts[0] == "end" and not _one(fields, "end"):
        return "items"
    return parts[0] if parts[0] in _FIELDS else ""


def _sentence(error: Rejected) -> str:
    return f"{error.text[:1].upper()}{error.text[1:]}."


def _one(fields: Fields, name: str) -> str:
    return next(iter(fields.get(name, ())), "").strip()
