"""Camunda in memory: the token game with keys, jobs, leases and a message store. For tests."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from adapters.camunda.base import Deployed, Job, Message, Variables
from domain.errors import Conflict, Defect, Unavailable
from domain.process.model import DUE, JOBS, Model, parse_model
from domain.process.tokens import Game, Token

STEP: Final = "durable.step"
DONE: Final = "durable.usertask.end"
WAIT: Final = "durable.wait"


class _Running(Game):
    """As the engine plays it: an end that clears a scope asks nobody."""

    def _clear(self, scope: str | None, by: str) -> None:
        del by
        for token in list(self._tokens(scope)):
            self.tokens.remove(token)
        kept = [each for each in self._coming if scope and not self.model.within(each, scope)]
        self._coming.clear()
        self._coming.extend(kept)


@dataclass
class _Standing:
    """A token with its keys."""

    element: str
    key: int
    job: int = 0
    kind: str = ""
    failed: str | None = None
    leased: float = 0.0
    finished_by: str | None = None
    """Who completed the user task, whose listener's job is open."""


@dataclass
class Instance:
    """One process instance."""

    key: int
    definition: int
    game: Game
    correlation: str
    standing: list[_Standing] = field(default_factory=list)
    cancelled: bool = False
    incidents: int = 0
    """Ever shown."""

    @property
    def active(self) -> bool:
        """Whether it goes on."""
        return not (self.cancelled or self.game.ended)


class MemoryCamunda:
    """``Camunda`` without a server. ``before`` is called with the name of each command and may raise."""

    def __init__(self, now: Callable[[], float], before: Callable[[str], None] = lambda _: None) -> None:
        self._now, self._before = now, before
        self._keys = count(1)
        self._models: dict[int, Model] = {}
        self._latest: dict[str, Deployed] = {}
        self._files: dict[str, tuple[str, bytes]] = {}
        """What was deployed last: name and text by process, or by name where it is none."""
        self._known: set[tuple[str, str, str]] = set()
        """Name, correlation and id of every message."""
        self._buffer: list[Message] = []
        self._changed = asyncio.Event()
        self.instances: dict[int, Instance] = {}
        self.commands: Counter[str] = Counter()
        self.away = False
        """Whether it does not answer."""

    # -- commands ----------------------------------------------------------------------------------------------------

    async def deploy(self, resources: Mapping[str, bytes]) -> Sequence[Deployed]:
        """See ``Camunda.deploy``."""
        self._begin("deploy")
        models = {name: _parsed(text) for name, text in resources.items() if name.endswith(".bpmn")}
        files = {models[name].process if name in models else name: (name, text) for name, text in resources.items()}
        if not files.items() <= self._files.items():
            self._files |= files
            for model in models.values():
                self._deploy(model)
        return [self._latest[model.process] for model in models.values()]

    async def publish(self, message: Message) -> bool:
        """See ``Camunda.publish``."""
        self._begin("publish")
        id_ = (message.name, message.correlation, message.id)
        if id_ in self._known:
            return False
        self._known.add(id_)
        self._buffer.append(message)
        self._correlate()
        return True

    async def complete(self, job: int, variables: Variables) -> bool:
        """See ``Camunda.complete``."""
        self._begin("complete")
        found = self._job(job)
        if found is None:
            return False
        instance, standing = found
        if standing.failed:
            raise Conflict("incident", "the job was failed")
        if standing.kind == STEP:
            instance.game.variables |= variables
        if standing.kind == WAIT:
            standing.job = 0
        else:
            self._leave(instance, standing)
        self._correlate()
        return True

    async def fail(self, job: int, code: str) -> bool:
        """See ``Camunda.fail``."""
        self._begin("fail")
        found = self._job(job)
        if found is not None and not found[1].failed:
            found[1].failed = code
            found[0].incidents += 1
        return found is not None

    async def move(self, instance: int, leave: int, enter: str, variables: Variables) -> bool:
        """See ``Camunda.move``."""
        self._begin("move")
        its = self.instances.get(instance)
        standing = next((s for s in its.standing if s.key == leave), None) if its and its.active else None
        if its is None or standing is None:
            return False
        if enter not in its.game.model.elements:
            raise Defect("camunda-invalid-argument", "move")
        its.game.variables |= variables
        its.game.jump(Token(standing.element), enter)
        its.standing.remove(standing)
        self._renew(its)
        self._correlate()
        return True

    async def migrate(self, instance: int, definition: int, elements: Sequence[str]) -> None:
        """See ``Camunda.migrate``."""
        self._begin("migrate")
        its = self.instances.get(instance)
        if its is None or not its.active:
            return
        if {each.element for each in its.standing} != set(elements):
            raise Defect("camunda-failed-precondition", "migrate")
        its.definition, its.game.model = definition, self._models[definition]

    async def show(self, instance: int, variables: Variables) -> bool:
        """See ``Camunda.show``."""
        self._begin("show")
        its = self.instances.get(instance)
        if its is None or not its.active:
            return False
        its.game.variables |= variables
        return True

    async def cancel(self, instance: int) -> bool:
        """See ``Camunda.cancel``."""
        self._begin("cancel")
        its = self.instances.get(instance)
        if its is None or not its.active:
            return False
        its.cancelled = True
        its.standing.clear()
        self._correlate()
        return True

    async def jobs(self, kinds: Sequence[str], fetch: Sequence[str], seconds: float) -> AsyncIterator[Job]:
        """See ``Camunda.jobs``."""
        while True:
            for job in [] if self.away else list(self._open(kinds, fetch, seconds)):
                yield job
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds / 4):
                    await self._changed.wait()

    async def aclose(self) -> None:
        """See ``Camunda.aclose``."""

    # -- what a test does as a person, and sees ------------------------------------------------------------------------

    def finish(self, instance: int, element: str, who: str, variables: Variables) -> None:
        """``who`` completes a user task in Tasklist."""
        its = self.instances[instance]
        standing = next(each for each in its.standing if each.element == element and not each.finished_by)
        its.game.variables |= variables
        standing.finished_by, standing.kind, standing.job = who, DONE, next(self._keys)
        self._changed.set()

    async def completed(self, instance: int, element_instance: int) -> str | None:
        """See ``People.completed``."""
        its = self.instances[instance]
        return next((each.finished_by for each in its.standing if each.key == element_instance), None)

    def of(self, correlation: str) -> list[Instance]:
        """The instances that were started for one case, in order."""
        return [each for each in self.instances.values() if each.correlation.partition("#")[0] == correlation]

    # -- inside ------------------------------------------------------------------------------------------------------

    def _begin(self, command: str) -> None:
        self._before(command)
        self.commands[command] += 1
        if self.away:
            raise Unavailable("camunda", "it is away")

    def _deploy(self, model: Model) -> None:
        latest = self._latest.get(model.process)
        deployed = Deployed(model.process, next(self._keys), latest.version + 1 if latest else 1)
        self._models[deployed.key] = model
        self._latest[model.process] = deployed

    def _correlate(self) -> None:
        """Give messages to whom they are for, until nothing more is taken."""
        while taken := next((each for each in self._buffer if self._take(each)), None):
            self._buffer.remove(taken)
        self._changed.set()

    def _take(self, message: Message) -> bool:
        begins = next(
            (each for each in self._latest.values() if self._models[each.key].start.code == message.name), None
        )
        if begins is not None:
            return self._start(begins, message)
        return any(self._receive(its, message) for its in self.instances.values() if its.active)

    def _start(self, deployed: Deployed, message: Message) -> bool:
        others = [its for its in self.instances.values() if its.active and its.correlation == message.correlation]
        if any(its.game.model.process == deployed.process for its in others):
            return False
        game = _Running.begin(self._models[deployed.key], copy.deepcopy(dict(message.variables)))
        its = Instance(next(self._keys), deployed.key, game, message.correlation)
        self.instances[its.key] = its
        self._renew(its)
        return True

    def _receive(self, its: Instance, message: Message) -> bool:
        mine = its.correlation if message.name.endswith(DUE) else its.game.variables.get("task")
        if mine != message.correlation:
            return False
        model = its.game.model
        for standing in its.standing:
            if standing.finished_by or (standing.kind == WAIT and standing.job):
                continue
            for event in model.attached(standing.element):
                if event.event == "message" and event.code == message.name:
                    its.game.variables |= message.variables
                    its.game.fire(event, Token(standing.element))
                    if event.interrupting:
                        its.standing.remove(standing)
                    self._renew(its)
                    return True
            element = model.elements[standing.element]
            if element.kind == "receiveTask" and element.code == message.name:
                its.game.variables |= message.variables
                self._leave(its, standing)
                return True
        return False

    def _leave(self, its: Instance, standing: _Standing) -> None:
        its.game.leave(Token(standing.element))
        its.standing.remove(standing)
        self._renew(its)

    def _renew(self, its: Instance) -> None:
        """Keys and jobs for tokens that are new; none any more for those that are gone."""
        wanted = Counter(token.element for token in its.game.tokens)
        for standing in list(its.standing):
            if wanted[standing.element]:
                wanted[standing.element] -= 1
            else:
                its.standing.remove(standing)
        for element in wanted.elements():
            kind = self._kind(its.game.model, element)
            job = next(self._keys) if kind else 0
            its.standing.append(_Standing(element, next(self._keys), job, kind))
        self._changed.set()

    def _kind(self, model: Model, element: str) -> str:
        found = model.elements[element]
        if found.kind in JOBS:
            return STEP
        timed = any(event.event == "timer" for event in model.attached(element))
        return WAIT if found.kind == "receiveTask" and timed else ""

    def _job(self, key: int) -> tuple[Instance, _Standing] | None:
        for its in self.instances.values():
            for standing in its.standing if its.active else ():
                if standing.job == key:
                    return its, standing
        return None

    def _open(self, kinds: Sequence[str], fetch: Sequence[str], seconds: float) -> list[Job]:
        found, now = [], self._now()
        for its in self.instances.values():
            for standing in its.standing if its.active else ():
                if standing.job and standing.kind in kinds and not standing.failed and standing.leased <= now:
                    standing.leased = now + seconds
                    found.append(self._told(its, standing, fetch))
        return found

    def _told(self, its: Instance, standing: _Standing, fetch: Sequence[str]) -> Job:
        variables: dict[str, Any] = {name: its.game.variables[name] for name in fetch if name in its.game.variables}
        return Job(
            key=standing.job,
            kind=standing.kind,
            element=standing.element,
            element_instance=standing.key,
            instance=its.key,
            definition=its.definition,
            variables=variables,
        )


def _parsed(text: bytes) -> Model:
    try:
        return parse_model(text.decode())
    except ValueError:
        raise Defect("camunda-deployment", "INVALID_ARGUMENT") from None
