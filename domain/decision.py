"""Decisions on items, and what they amount to for the whole case. Codes and dates only: safe in history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from domain.cases import CaseState
from domain.codes import Action


class DenialReason(StrEnum):
    """Why a person denied or modified, in our own words; :data:`X12_REASONS` maps them."""

    CRITERIA_NOT_MET = "criteria-not-met"
    NOT_NECESSARY = "not-medically-necessary"
    DOCUMENTATION = "documentation-insufficient"
    CONSERVATIVE_FIRST = "conservative-treatment-first"


X12_REASONS = {
    DenialReason.CRITERIA_NOT_MET: "0F",
    DenialReason.NOT_NECESSARY: "0F",
    DenialReason.DOCUMENTATION: "0U",
    DenialReason.CONSERVATIVE_FIRST: "44",
}
"""Reason -> X12 886 code (required binding of ``reviewAction.reasonCode``)."""

SENTENCES = {
    DenialReason.CRITERIA_NOT_MET: "The request does not meet the plan's coverage criterion for this service.",
    DenialReason.NOT_NECESSARY: "The reviewer found that this service is not medically necessary for the member now.",
    DenialReason.DOCUMENTATION: "The documentation that was sent does not show that the criterion is met.",
    DenialReason.CONSERVATIVE_FIRST: "The plan asks that conservative treatment be tried and documented first.",
}
"""Reason -> the sentence that a provider reads when the reviewer wrote none."""


class ItemDecision(BaseModel):
    """What was decided of one Claim.item."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sequence: int
    action: str
    """X12 306, see :class:`domain.codes.Action`."""
    reason: DenialReason | None = None
    criteria: tuple[str, ...] = ()
    """Ids of the criteria that the reason rests on, for example ``MN-E0601-1``."""
    start: date | None = None
    """First authorized date; ``None``: the first requested date, else the date of decision."""
    end: date | None = None
    """Last authorized date; ``None``: the last requested date, else as the plan's policy says."""
    quantity: float | None = None
    """Authorized quantity when it differs from the requested one (action A6)."""
    information: tuple[str, ...] = ()
    """LOINC codes of what is asked for (action A4)."""

    @property
    def adverse(self) -> bool:
        """Denied, or authorized for less than was asked: a named clinician decides so, never a rule."""
        return self.action in (Action.NOT_CERTIFIED, Action.MODIFIED)


def overall(decisions: Sequence[ItemDecision]) -> CaseState:
    """What the decisions on all items amount to. Pended when any item is (X12: the request is as open as its items)."""
    actions = {decision.action for decision in decisions}
    if Action.PENDED in actions:
        asked = any(decision.information for decision in decisions)
        return CaseState.INFORMATION_REQUESTED if asked else CaseState.IN_REVIEW
    if actions <= {Action.NO_ACTION_REQUIRED}:
        return CaseState.NOT_REQUIRED
    if actions <= {Action.CERTIFIED, Action.NO_ACTION_REQUIRED}:
        return CaseState.APPROVED
    if actions == {Action.NOT_CERTIFIED}:
        return CaseState.DENIED
    return CaseState.PARTLY_APPROVED if Action.NOT_CERTIFIED in actions else CaseState.MODIFIED
