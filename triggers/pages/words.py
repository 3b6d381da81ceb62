"""What codes are called on the pages: one plain sentence or label each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from domain.decision import DenialReason
from domain.facts import FindingStatus, LineOfBusiness, RequirementKind, Urgency

REASONS: Final = {
    "eligibility-unknown": "The records do not show whether the member is eligible. Check the coverage, then decide.",
    "ineligible": "The member was not eligible on the service date. Confirm what follows from it.",
    "not-required": "One of the services needs no prior authorization.",
    "no-criterion": "There is no written criterion for this service, so a person must decide.",
    "criterion-unmet": "The evidence does not meet at least one criterion. Only a person may decide against a request.",
    "evidence-missing": "Evidence for at least one criterion is missing, and another service of the request needs you.",
    "evidence-still-missing": "Evidence was requested and is still missing. Decide on what is there.",
    "criteria-met": "One of the services meets all of its criteria; another one of the request needs you.",
    "no-finding": "Authorization is required, but no criterion could be judged. A person must decide.",
    "appeal": "The provider appeals an earlier answer. You decide anew, on all the evidence.",
}
"""Reason codes of the ruleset ``determination`` and of appeals."""
REQUIREMENTS: Final = {
    RequirementKind.REQUIRED: "Needs prior authorization",
    RequirementKind.NOT_REQUIRED: "Needs no prior authorization",
    RequirementKind.NO_CRITERION: "No criterion is written for it",
}
FINDINGS: Final = {
    FindingStatus.MET: "Met",
    FindingStatus.UNMET: "Not met",
    FindingStatus.UNKNOWN: "Unknown",
}
DENIALS: Final = {
    DenialReason.CRITERIA_NOT_MET: "A criterion is not met",
    DenialReason.NOT_NECESSARY: "Not medically necessary",
    DenialReason.DOCUMENTATION: "The documentation is insufficient",
    DenialReason.CONSERVATIVE_FIRST: "Conservative treatment first",
}
DECISIONS: Final = {
    "approve": "Approve",
    "deny": "Deny",
    "modify": "Modify",
    "request-information": "Request information",
}
DONE: Final = {
    "approve": "Your approval is recorded. The provider is told now.",
    "deny": "Your denial is recorded. The provider is told now.",
    "modify": "Your modified authorization is recorded. The provider is told now.",
    "request-information": "Your question is recorded. The provider is asked now; the case returns when it answers.",
    "claim": "You have claimed this case.",
}
STATES: Final = {
    "open": "Waiting",
    "claimed": "In review",
    "decided": "Decided",
    "recorded": "Decided, answer sent",
    "withdrawn": "Withdrawn, appealed",
}
"""Codes of ``domain.review.REVIEW_STATE``."""
QUEUES: Final = {"clinical-review": "Clinical review", "appeals": "Appeals"}
URGENCIES: Final = {Urgency.STANDARD: "Standard", Urgency.EXPEDITED: "Expedited"}
LINES: Final = {
    LineOfBusiness.MEDICARE_ADVANTAGE: "Medicare Advantage",
    LineOfBusiness.MEDICAID: "Medicaid",
    LineOfBusiness.CHIP: "CHIP",
    LineOfBusiness.MARKETPLACE: "Marketplace",
    LineOfBusiness.COMMERCIAL: "Commercial",
}
ACTIONS: Final = {
    "A1": "Approved",
    "A3": "Denied",
    "A4": "Pended",
    "A6": "Modified",
    "NA": "No authorization needed",
}
"""X12 306 codes, in our own words."""
WHAT_TO_DO: Final = {
    400: "Go back with your browser: what you wrote is still there. Correct it and send it again.",
    401: "Sign in, then open the case again.",
    403: "If you should be able to do this, ask your administrator for the role.",
    404: "The case may have moved. Look for it in the queue.",
    409: "Open the case again to see how it stands now.",
    413: "Go back with your browser, shorten what you wrote and send it again.",
    500: "Nothing was recorded. Tell an operator; the log says where it failed.",
    503: "Go back with your browser: what you wrote is still there. Send it again in a minute.",
}
"""HTTP status -> what a person can do."""

_SOON: Final = timedelta(hours=24)


def remaining(due: datetime | None, now: datetime) -> str:
    """How much time is left, in its two largest units."""
    if due is None:
        return "No deadline"
    seconds = int(abs((due - now).total_seconds()))
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    first = next((index for index, (number, _) in enumerate(parts) if number), 2)
    text = " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2])
    return f"{text} left" if due > now else f"{text} overdue"


def pressure(due: datetime | None, now: datetime) -> str:
    """``calm``, ``soon`` (under a day) or ``late``: how the remaining time is drawn."""
    if due is None or due - now > _SOON:
        return "calm"
    return "soon" if due > now else "late"
