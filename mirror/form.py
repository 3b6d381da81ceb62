"""The Camunda Form ``clinical-review`` as a decision: codes, dates and numbers. Words in a field go nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from domain.decision import DenialReason
from domain.review_decision import Decision

DECISION: Final = "form-decision"
REASON: Final = "form-reason"
QUANTITY: Final = "form-quantity"
DATES: Final = "form-dates"
MODIFICATION: Final = "form-modification"
INFORMATION: Final = "form-information"
"""Codes of what is wrong with a form; ``domain.refusals`` has a sentence for each."""

MOST_CODES: Final = 20
_BELOW: Final = 10.0**15
_LOINC: Final = re.compile(r"[0-9]{1,7}-[0-9]")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Fields = Mapping[str, Any]
Body = dict[str, Any]


class _Refused(Exception):
    """Carries the code of what is wrong."""


def decision(variables: Fields) -> Body | str:
    """The body of ``POST /tasks/{id}/decision`` (``domain.review_decision``), or the code of what is wrong.

    Only the fields that the form shows for a decision count: others may be left from an earlier round. ``variables``
    may hold anything.
    """
    try:
        kind = Decision(_text(variables, "decision"))
    except ValueError:
        return DECISION
    try:
        return {"decision": kind.value, **_PARTS[kind](variables)}
    except _Refused as refused:
        return str(refused)


def _denied(variables: Fields) -> Body:
    try:
        return {"reason": DenialReason(_text(variables, "reason")).value}
    except ValueError:
        raise _Refused(REASON) from None


def _modified(variables: Fields) -> Body:
    body = {**_denied(variables), **_quantity(variables), **_dates(variables)}
    if len(body) == 1:
        raise _Refused(MODIFICATION)
    return body


def _questions(variables: Fields) -> Body:
    codes = [code.strip() for code in _text(variables, "information").split(",")]
    if len(codes) > MOST_CODES or not all(_LOINC.fullmatch(code) for code in codes):
        raise _Refused(INFORMATION)
    return {"information": codes}


def _quantity(variables: Fields) -> Body:
    given = variables.get("quantity")
    if given is None or given == "":
        return {}
    try:
        number = float("" if isinstance(given, bool) else given)
    except (TypeError, ValueError, OverflowError):
        raise _Refused(QUANTITY) from None
    if not 0 < number < _BELOW:
        raise _Refused(QUANTITY)
    return {"quantity": number}


def _dates(variables: Fields) -> Body:
    found = {name: text for name in ("start", "end") if (text := _day(variables.get(name)))}
    if len(found) == 2 and found["end"] < found["start"]:
        raise _Refused(DATES)
    return found


def _day(given: object) -> str | None:
    if given is None or given == "":
        return None
    try:
        if isinstance(given, str) and _DATE.fullmatch(given):
            return date.fromisoformat(given).isoformat()
    except ValueError:
        pass
    raise _Refused(DATES)


def _text(variables: Fields, name: str) -> str:
    given = variables.get(name)
    return given if isinstance(given, str) else ""


_PARTS: Final[Mapping[Decision, Callable[[Fields], Body]]] = {
    Decision.APPROVE: lambda _: {},
    Decision.DENY: _denied,
    Decision.MODIFY: _modified,
    Decision.REQUEST_INFORMATION: _questions,
}
