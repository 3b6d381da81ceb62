"""The regulatory clock of a case: its deadline, its escalations and what happens when it runs out."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any, Final

from domain.facts import ExpiryMeaning, Tolling
from domain.messages import CaseFile, DeadlineSet, EscalateInput, ExpireInput, NotifyInput, Pause, SetDeadlineInput
from orchestrators.case import Case, Due
from orchestrators.steps import call
from orchestrators.telling import expired

AFTER_EXPIRY: Final = timedelta(seconds=1)
"""The notice of an expiry follows its record, and others are told after the provider."""


class Clock:
    """Starts with the case; stands still while information is missing, where the policy says so."""

    def __init__(self, case: Case, kind: str, file: CaseFile) -> None:
        self._case = case
        self._kind = kind
        self._file = file
        self._pauses: tuple[Pause, ...] = ()
        self._still_since: datetime | None = None
        self.deadline: DeadlineSet

    def start(self) -> Generator[Any, Any, None]:
        """Compute the deadline from the time of receipt and put what follows from it on the agenda."""
        case = self._case
        data = SetDeadlineInput(
            kind=self._kind,
            received_at=self._file.received_at,
            line_of_business=self._file.line_of_business,
            urgency=self._file.urgency,
            pauses=self._pauses,
        )
        self.deadline = yield from call(case, "set-deadline", DeadlineSet, data)
        case.due = self.deadline.due
        for milestone in self.deadline.milestones:
            if milestone.at > case.now:
                case.plan(Due(milestone.at, "escalate", EscalateInput(percent=milestone.percent)))
        policy = self.deadline.policy
        case.plan(Due(case.due, "record-deemed", ExpireInput(policy=policy)))
        case.plan(Due(case.due, "escalate", EscalateInput(percent=100)))
        event = "overdue" if policy.expiry is ExpiryMeaning.LATE else "deemed"
        case.plan(Due(case.due + AFTER_EXPIRY, "notify-provider", NotifyInput(event=event, key=case.due.isoformat())))
        case.plan(expired(case.due, event, policy, case.due + AFTER_EXPIRY))

    def pause(self) -> None:
        """Stand still, if the policy tolls the clock while information is missing. What fell due before, and was tried
        in vain, is still owed."""
        if self.deadline.policy.tolling is Tolling.PAUSES and self._case.due and self._case.now < self._case.due:
            self._still_since = now = self._case.now
            self._case.agenda = [due for due in self._case.agenda if due.tries or due.at <= now]

    def resume(self) -> Generator[Any, Any, None]:
        """Run on: the deadline moves by as long as the clock stood still."""
        if self._still_since is not None:
            self._pauses = (*self._pauses, Pause(start=self._still_since, end=self._case.now))
            self._still_since = None
            yield from self.start()
