"""What a reviewer sends: ``POST /tasks/{id}/decision``."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.codes import Action
from domain.decision import DenialReason, ItemDecision
from domain.errors import Malformed, Problem
from domain.json import Json, Resource


class Decision(StrEnum):
    """The four decisions."""

    APPROVE = "approve"
    DENY = "deny"
    MODIFY = "modify"
    REQUEST_INFORMATION = "request-information"


_ACTIONS: Final = {
    Decision.APPROVE: Action.CERTIFIED,
    Decision.DENY: Action.NOT_CERTIFIED,
    Decision.MODIFY: Action.MODIFIED,
    Decision.REQUEST_INFORMATION: Action.PENDED,
}


Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$")]
"""A code and no prose: codes go into histories, words do not."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ItemChoice(_Body):
    """What differs for one item from the decision on the whole."""

    sequence: int
    decision: Decision | None = None
    reason: DenialReason | None = None
    criteria: tuple[Code, ...] = ()
    start: date | None = None
    end: date | None = None
    quantity: float | None = Field(default=None, gt=0, lt=10**15)
    information: tuple[Code, ...] = ()


class ReviewDecision(_Body):
    """A decision on a case: for all items, unless ``items`` says otherwise."""

    decision: Decision
    reason: DenialReason | None = None
    """Needed to deny and to modify."""
    criteria: tuple[Code, ...] = ()
    """Criteria that the reason rests on."""
    start: date | None = None
    end: date | None = None
    quantity: float | None = Field(default=None, gt=0, lt=10**15)
    """For a Claim of one item; else each of ``items`` has its own."""
    information: tuple[Code, ...] = Field(default=(), max_length=20)
    """LOINC codes of what is asked for."""
    items: tuple[ItemChoice, ...] = ()
    note: str | None = Field(default=None, max_length=4000)
    """For the provider; goes to FHIR only."""


def parse_decision(body: Json) -> ReviewDecision:
    """Read the body. Raises ``Malformed`` with JSON pointers; no value is quoted."""
    try:
        return ReviewDecision.model_validate(body)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        problems = [Problem(path=_pointer(one["loc"]), text=_TEXTS.get(one["type"], _OTHER)) for one in found]
        raise Malformed(problems) from None


def item_decisions(decision: ReviewDecision, claim: Resource) -> tuple[ItemDecision, ...]:
    """The decision on each item of ``claim``. Raises ``Malformed`` when it does not fit: an item that the Claim does
    not have, a denial without a reason, a question without a code, a modification that changes nothing.
    ``Malformed('needs-portal')``: one quantity for several items."""
    sequences = [item["sequence"] for item in claim.get("item") or []]
    if decision.quantity is not None and len(sequences) != 1:
        text = "The Claim has several items: give the quantity of each in items."
        raise Malformed([Problem(path="/quantity", text=text)], "needs-portal")
    choices = {choice.sequence: choice for choice in decision.items}
    problems = [
        Problem(path=f"/items/{index}/sequence", text="The Claim has no item of this sequence.", code="not-found")
        for index, choice in enumerate(decision.items)
        if choice.sequence not in sequences
    ]
    items = tuple(_item(decision, choices.get(sequence) or ItemChoice(sequence=sequence)) for sequence in sequences)
    problems += [problem for item in items for problem in _problems(item)]
    if problems:
        raise Malformed(list(dict.fromkeys(problems)))
    return items


def _item(decision: ReviewDecision, choice: ItemChoice) -> ItemDecision:
    action = _ACTIONS[choice.decision or decision.decision]
    adverse = action in (Action.NOT_CERTIFIED, Action.MODIFIED)
    authorized = action in (Action.CERTIFIED, Action.MODIFIED)
    return ItemDecision(
        sequence=choice.sequence,
        action=action,
        reason=(choice.reason or decision.reason) if adverse else None,
        criteria=(choice.criteria or decision.criteria) if adverse else (),
        start=(choice.start or decision.start) if authorized else None,
        end=(choice.end or decision.end) if authorized else None,
        quantity=(choice.quantity or decision.quantity) if authorized else None,
        information=tuple(dict.fromkeys(choice.information or decision.information)) if action == Action.PENDED else (),
    )


def _problems(item: ItemDecision) -> list[Problem]:
    problems = []
    if item.adverse and item.reason is None:
        text = "To deny or modify, give one of the reasons: " + ", ".join(DenialReason) + "."
        problems.append(Problem(path="/reason", text=text, code="required"))
    if item.action == Action.PENDED and not item.information:
        problems.append(Problem(path="/information", text="Name what is asked for by LOINC codes.", code="required"))
    if item.action == Action.MODIFIED and item.quantity is None and item.start is None and item.end is None:
        text = "Say what is authorized instead: a quantity or dates."
        problems.append(Problem(path="/items", text=text, code="required"))
    if item.start and item.end and item.end < item.start:
        problems.append(Problem(path="/end", text="The authorization ends before it starts."))
    return problems


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join(f"/{step}" for step in location)


_OTHER: Final = "This value is not allowed here."
_TEXTS: Final = {
    "missing": "This member is required.",
    "extra_forbidden": "There is no such member.",
    "enum": "This is none of the allowed words.",
    "model_type": "Send a JSON object.",
    "model_attributes_type": "Send a JSON object.",
    "string_pattern_mismatch": "Write a code, for example 59408-5; words go into the note.",
    "string_too_long": "This text is too long.",
    "too_long": "This list is too long.",
    "greater_than": "This number must be greater than zero.",
    "less_than": "Send a number of at most 15 digits.",
}
