"""A process instance of the Camunda in memory: the token game with keys, jobs and leases."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.camunda.base import Job, Message
from domain.process.model import DUE, JOBS, Model
from domain.process.tokens import Game, Token

STEP: Final = "durable.step"
DONE: Final = "durable.usertask.end"
WAIT: Final = "durable.wait"


class Running(Game):
    """As the engine plays it: an end that clears a scope asks nobody."""

    def _clear(self, scope: str | None, by: str) -> None:
        del by
        for token in list(self._tokens(scope)):
            self.tokens.remove(token)
        kept = [each for each in self._coming if scope and not self.model.within(each, scope)]
        self._coming.clear()
        self._coming.extend(kept)


@dataclass
class Standing:
    """A token with its keys."""

    element: str
    key: int
    job: int = 0
    kind: str = ""
    failed: str | None = None
    leased: float = 0.0
    finished_by: str | None = None
    """Who completed the user task, whose listener's job is open."""

    @property
    def deaf(self) -> bool:
        """Whether it hears no message: it is about to go on, or its wait is about to begin."""
        return bool(self.finished_by or (self.kind == WAIT and self.job))


@dataclass
class Instance:
    """One process instance."""

    key: int
    definition: int
    game: Game
    correlation: str
    keys: Iterator[int] = field(repr=False)
    """The engine's: tokens and jobs that are new take theirs from it."""
    standing: list[Standing] = field(default_factory=list)
    cancelled: bool = False
    incidents: int = 0
    """Ever shown."""

    @classmethod
    def begin(cls, definition: int, model: Model, message: Message, keys: Iterator[int]) -> Instance:
        """An instance that ``message`` has started."""
        game = Running.begin(model, copy.deepcopy(dict(message.variables)))
        its = cls(next(keys), definition, game, message.correlation, keys)
        its._renew()
        return its

    @property
    def active(self) -> bool:
        """Whether it goes on."""
        return not (self.cancelled or self.game.ended)

    def find(self, key: int) -> Standing | None:
        """The token of this key, as long as the instance goes on."""
        return next((each for each in self.standing if each.key == key), None) if self.active else None

    def receive(self, message: Message) -> bool:
        """Whether it has awaited the message, and has taken it."""
        mine = self.correlation if message.name.endswith(DUE) else self.game.variables.get("task")
        if mine != message.correlation:
            return False
        return any(self._hears(standing, message) for standing in self.standing if not standing.deaf)

    def _hears(self, standing: Standing, message: Message) -> bool:
        model = self.game.model
        for event in model.attached(standing.element):
            if event.event == "message" and event.code == message.name:
                self.game.variables |= message.variables
                self.game.fire(event, Token(standing.element))
                if event.interrupting:
                    self.standing.remove(standing)
                self._renew()
                return True
        element = model.elements[standing.element]
        if element.kind == "receiveTask" and element.code == message.name:
            self.game.variables |= message.variables
            self.leave(standing)
            return True
        return False

    def leave(self, standing: Standing) -> None:
        """The token goes on."""
        self.game.leave(Token(standing.element))
        self.standing.remove(standing)
        self._renew()

    def jump(self, standing: Standing, enter: str) -> None:
        """The token leaves its element, and another one enters ``enter``."""
        self.game.jump(Token(standing.element), enter)
        self.standing.remove(standing)
        self._renew()

    def _renew(self) -> None:
        """Keys and jobs for tokens that are new; none any more for those that are gone."""
        wanted = Counter(token.element for token in self.game.tokens)
        for standing in list(self.standing):
            if wanted[standing.element]:
                wanted[standing.element] -= 1
            else:
                self.standing.remove(standing)
        for element in wanted.elements():
            kind = _kind(self.game.model, element)
            job = next(self.keys) if kind else 0
            self.standing.append(Standing(element, next(self.keys), job, kind))

    def told(self, standing: Standing, fetch: Sequence[str]) -> Job:
        """Its job as a worker gets it."""
        variables: dict[str, Any] = {name: self.game.variables[name] for name in fetch if name in self.game.variables}
        return Job(
            key=standing.job,
            kind=standing.kind,
            element=standing.element,
            element_instance=standing.key,
            instance=self.key,
            definition=self.definition,
            variables=variables,
        )


def _kind(model: Model, element: str) -> str:
    found = model.elements[element]
    if found.kind in JOBS:
        return STEP
    timed = any(event.event == "timer" for event in model.attached(element))
    return WAIT if found.kind == "receiveTask" and timed else ""
