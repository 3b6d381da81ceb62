"""An appeal of an adverse decision: a person who did not decide before looks again.

open-case → set-deadline → open-review → clinical-review → take-decision → record-decision → notify-provider
    → publish-… → close-case
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from azure.durable_functions import DurableOrchestrationContext

from domain.messages import CaseFile, DecisionSource, OpenReviewInput, RecordDecisionInput
from orchestrators.case import Case
from orchestrators.clock import Clock
from orchestrators.prior_authorization import conclude
from orchestrators.review import review
from orchestrators.steps import call
from orchestrators.telling import received

WORKFLOW = "appeal"


def appeal(context: DurableOrchestrationContext) -> Generator[Any, Any, dict[str, Any]]:
    """One appeal, one instance. Input: ``StartInput``. Output: the state and the X12 306 actions."""
    case = Case.begin(context, WORKFLOW)
    file = yield from call(case, "open-case", CaseFile)
    if file.closed:
        return {"state": file.state, "actions": []}
    case.pin(file)
    clock = Clock(case, "appeal", file)
    yield from clock.start()
    case.tell(received(case, file))
    opened = OpenReviewInput(round=1, reasons=("appeal",), excluded_reviewers=file.excluded_reviewers, queue="appeals")
    taken = yield from review(case, clock, opened)
    decision = RecordDecisionInput(source=DecisionSource.REVIEWER, items=taken.items, review=taken.task)
    return (yield from conclude(case, clock, decision))
