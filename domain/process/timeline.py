"""The way of one case as stretches of time: each visit to an element of its model, from begin to end.

A timeline is a pure function of what was seen of a case and of its model, so that it can be made again at any time and
is the same again. Ids of elements, codes and instants only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from domain.process.conformance import stages
from domain.process.model import Model
from domain.process.seen import NEVER, Seen, What
from domain.process.tokens import Deviation, Stands, Token

DECISION: Final = "record-decision"
"""The step with which a case is decided."""
RESUMED: Final = "resumed"
"""The event with which an operator lets a parked case go on."""


class Group(StrEnum):
    """Who works at an element, or is waited for."""

    ENGINE = "engine"
    REVIEWER = "reviewer"
    PROVIDER = "provider"


GROUPS: Final = {"userTask": Group.REVIEWER, "receiveTask": Group.PROVIDER}
"""Who is waited for at an element of this kind."""
BY_TASK: Final = "=task"
"""How the message of a receive task is correlated at which somebody is awaited: by the open human task."""


class Visit(BaseModel):
    """One stay at an element."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    element: str
    n: int
    """The how manieth visit of this case to it (1-based)."""
    group: Group
    started: datetime
    ended: datetime | None = None
    completed: bool = False
    """``False`` while it lasts, and of a step whose tries were all in vain when the case went on without it."""
    tries: int = 0
    failed: int = 0
    """Tries in vain."""
    paused: timedelta = timedelta()
    """Time between a try in vain and the next one."""
    parked: timedelta = timedelta()
    """The part of it in which an operator was awaited."""
    aside: bool = False
    """It was on the way, beside what the case waited for."""

    @property
    def waits(self) -> bool:
        """Whether a person outside the engine was awaited."""
        return self.group is not Group.ENGINE


class Head(BaseModel):
    """A case as its instance tells of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    workflow: str
    version: str
    """Of the orchestrator, and of its model."""
    line_of_business: str | None = None
    urgency: str | None = None
    due: datetime | None = None
    created: datetime
    updated: datetime
    runtime: str
    """The Durable runtime status."""
    waits_for: str | None = None
    """``reviewer``, ``provider`` or ``operator``, now."""


class Timeline(Head):
    """A case and its way."""

    ended: datetime | None = None
    """A case that failed has not ended: an operator can let it go on."""
    decided: datetime | None = None
    deviation: str | None = None
    """Where the case and its model part. ``None`` also where there is no model."""
    visits: tuple[Visit, ...] = ()

    def breached(self, now: datetime) -> bool:
        """Whether its deadline passed undecided."""
        return self.due is not None and (self.decided or self.ended or now) > self.due


def timeline(head: Head, steps: Sequence[Seen], model: Model | None) -> Timeline:
    """The way that ``steps`` show. Without ``model`` nothing is known of waits for persons."""
    clerk = _Clerk(model)
    deviation = None
    try:
        for one, tokens in zip(steps, _tokens(steps, model), strict=False):
            clerk.note(one, tokens)
    except Deviation as found:
        deviation = str(found)
        for one in steps[clerk.noted :]:
            clerk.note(one, None)
    ended = _ended(head, steps)
    return Timeline(
        **dict(head),
        ended=ended,
        decided=_decided(steps),
        deviation=deviation,
        visits=clerk.visits(ended),
    )


def _tokens(steps: Sequence[Seen], model: Model | None) -> Iterator[tuple[Token, ...] | None]:
    yield from stages(steps, model) if model else (None for _ in steps)


def _ended(head: Head, steps: Sequence[Seen]) -> datetime | None:
    if head.runtime in ("Terminated", "Canceled"):
        return head.updated
    return next((one.at for one in steps if one.what is What.ENDED), None)


def _decided(steps: Sequence[Seen]) -> datetime | None:
    done = (one for one in steps if one.what is What.COMPLETED and one.step == DECISION)
    return next((one.at for one in done if not one.variables.get("superseded")), None)


@dataclass(slots=True)
class _Stay:
    """A visit as it is written down."""

    element: str
    n: int
    group: Group
    started: datetime
    aside: bool = False
    ended: datetime | None = None
    completed: bool = False
    tries: int = 0
    failed: int = 0
    paused: timedelta = field(default_factory=timedelta)
    parked: timedelta = field(default_factory=timedelta)
    idle: datetime | None = None
    """Since when no try runs."""

    def visit(self, ended: datetime | None) -> Visit:
        """The visit; it lasts no longer than its case."""
        return Visit(
            element=self.element, n=self.n, group=self.group, started=self.started, ended=self.ended or ended,
            completed=self.completed, tries=self.tries, failed=self.failed, paused=self.paused, parked=self.parked,
            aside=self.aside,
        )  # fmt: skip


class _Clerk:
    def __init__(self, model: Model | None) -> None:
        self._model = model
        self._stays: list[_Stay] = []
        self._open: dict[tuple[str, bool], _Stay] = {}
        self._counts: Counter[str] = Counter()
        self.noted = 0
        """How much was written down."""

    def visits(self, ended: datetime | None) -> tuple[Visit, ...]:
        return tuple(each.visit(ended) for each in self._stays)

    def note(self, one: Seen, tokens: tuple[Token, ...] | None) -> None:
        """``tokens``: where they stand then, if that is known."""
        at, key = one.at or NEVER, (one.step, one.aside)
        match one.what:
            case What.STARTED:
                self._tried(self._open.get(key) or self._enter(*key, Group.ENGINE, at), at)
            case What.FAILED if key in self._open:
                self._open[key].failed += 1
                self._open[key].idle = at
            case What.COMPLETED if key in self._open:
                self._leave(key, at, completed=True)
            case What.EVENT if one.step == RESUMED:
                self._resumed(at)
        if tokens is not None:
            self._compare(tokens, at)
        self.noted += 1

    def _enter(self, element: str, aside: bool, group: Group, at: datetime) -> _Stay:
        self._counts[element] += 1
        stay = _Stay(element, self._counts[element], group, at, aside)
        self._stays.append(stay)
        self._open[element, aside] = stay
        return stay

    def _tried(self, stay: _Stay, at: datetime) -> None:
        stay.tries += 1
        if stay.idle:
            stay.paused += at - stay.idle
            stay.idle = None

    def _resumed(self, at: datetime) -> None:
        for (_, aside), stay in self._open.items():
            if stay.idle and not aside:
                stay.parked += at - stay.idle

    def _leave(self, key: tuple[str, bool], at: datetime, *, completed: bool) -> None:
        stay = self._open.pop(key)
        stay.ended, stay.completed = at, completed

    def _compare(self, tokens: tuple[Token, ...], at: datetime) -> None:
        """Waits that began or are over, and steps that the case went on without."""
        waits = {token.element: group for token in tokens if (group := self._awaited(token.element))}
        for element, aside in list(self._open):
            stay = self._open[element, aside]
            if stay.group is not Group.ENGINE and element not in waits:
                self._leave((element, aside), at, completed=True)
            elif stay.idle and Token(element, Stands.FAILED, aside) not in tokens:
                self._leave((element, aside), at, completed=False)
        for element, group in waits.items():
            if (element, False) not in self._open:
                self._enter(element, False, group, at)

    def _awaited(self, id_: str) -> Group | None:
        """Who is waited for at an element, if it is a wait for somebody."""
        if self._model is None:
            return None
        element = self._model.elements[id_]
        if element.kind == "receiveTask" and element.correlation != BY_TASK:
            return None
        return GROUPS.get(element.kind)
