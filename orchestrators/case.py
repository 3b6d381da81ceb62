"""The case that an orchestrator keeps while it runs: where it stands, what it pinned, what falls due."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azure.durable_functions import DurableOrchestrationContext
from pydantic import ValidationError

from domain.envelope import CaseRef, Envelope, Message, StepRef
from domain.errors import Defect
from domain.facts import Eligibility
from domain.messages import CaseFile, StartInput, TimelineEntry


@dataclass(frozen=True, slots=True)
class Due:
    """Something that happens at an instant while the case is open, whatever it waits for: an escalation, the expiry."""

    at: datetime
    step: str
    data: Message
    tries: int = 0
    """Tries in vain so far, while what it needs was unavailable."""


@dataclass(slots=True)
class Case:
    """Rebuilt by replay, never stored."""

    context: DurableOrchestrationContext
    workflow: str
    started: StartInput
    line_of_business: str | None = None
    rules: dict[str, str] = field(default_factory=dict)
    due: datetime | None = None
    agenda: list[Due] = field(default_factory=list)
    outbox: list[Due] = field(default_factory=list)
    """Events that others are to be told, in order: they go out while the case waits, or at its end. ``at`` of the first
    one is when it is tried next."""
    eligible: Eligibility | None = None
    """What was last judged of the member; ``None``: not asked, as in an appeal."""
    task: str | None = None
    """The open human task, if any."""
    fired: tuple[str, ...] = ()
    """Ids of the rules that took part so far."""
    accessed: tuple[str, ...] = ()
    """References read by steps that did not write: the next writing step audits them."""
    timeline: list[TimelineEntry] = field(default_factory=list)
    calls: int = 0
    """Tries of activities so far."""

    @classmethod
    def begin(cls, context: DurableOrchestrationContext, workflow: str) -> Case:
        """The case that ``context`` was started for. Raises ``Defect('invalid-input')`` (pydantic quotes the input)."""
        try:
            return cls(context, workflow, StartInput.model_validate(context.get_input()))
        except ValidationError:
            raise Defect("invalid-input") from None

    @property
    def version(self) -> str:
        """The orchestrator version that the case was started with."""
        return str(self.context.version or "")

    @property
    def now(self) -> datetime:
        """The deterministic time of this turn (UTC)."""
        now: datetime = self.context.current_utc_datetime
        return now

    def pin(self, file: CaseFile) -> None:
        """Keep what the first step pinned for the whole life of the case."""
        self.line_of_business = file.line_of_business.value
        self.rules = dict(file.rules)

    def credit(self, *fired: str) -> None:
        """Remember which rules took part."""
        self.fired = tuple(dict.fromkeys((*self.fired, *fired)))

    def plan(self, due: Due) -> None:
        """Put ``due`` on the agenda."""
        self.agenda = sorted([*self.agenda, due], key=lambda item: item.at)

    def tell(self, event: Due) -> None:
        """Put ``event`` into the outbox."""
        self.outbox.append(event)

    def passed(self, step: str) -> None:
        """Put ``step`` into the timeline."""
        self.timeline.append(TimelineEntry(step=step, at=self.now))

    def show(self, step: str, waiting_for: str | None = None, detail: str | None = None) -> None:
        """Publish where the case stands as the custom status: codes and references only, under 2 KB."""
        if not self.timeline or self.timeline[-1].step != step:
            self.passed(step)
        status: dict[str, Any] = {
            "step": step,
            "since": self.timeline[-1].at.isoformat(),
            "waitingFor": waiting_for,
            "due": self.due.isoformat() if self.due else None,
            "task": self.task,
            "versions": {"orchestrator": self.version, **self.rules},
        }
        if detail:
            status["detail"] = detail
        self.context.set_custom_status(status)

    def envelope(self, step: str, data: Message | None, number: int | None = None) -> dict[str, Any]:
        """The envelope of the next try. Without ``data`` the activity gets the record's reference alone. ``number``:
        that of the first try of this call; its AuditEvent is one, however often it is tried."""
        self.calls += 1
        payload = data.model_dump(mode="json", exclude_none=True) if data else {}
        envelope = Envelope(
            case=CaseRef(
                id=self.context.instance_id,
                workflow=self.workflow,
                version=self.version,
                record=self.started.record,
                line_of_business=self.line_of_business,
                rules=self.rules,
            ),
            step=StepRef(id=step, n=number or self.calls),
            at=self.now,
            due=self.due,
            task=self.task,
            fired=self.fired,
            accessed=self.accessed,
            data=payload,
        )
        return envelope.model_dump(mode="json", exclude_none=True)
