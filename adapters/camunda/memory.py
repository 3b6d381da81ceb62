"""Camunda in memory: the token game with keys, jobs, leases and a message store. For tests."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count

from adapters.camunda.base import Deployed, Job, Message, Variables
from adapters.camunda.instance import DONE, STEP, WAIT, Instance, Standing
from domain.errors import Conflict, Defect, Unavailable
from domain.process.model import Model, parse_model


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
            instance.leave(standing)
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
        standing = its.find(leave) if its else None
        if its is None or standing is None:
            return False
        if enter not in its.game.model.elements:
            raise Defect("camunda-invalid-argument", "move")
        its.game.variables |= variables
        its.jump(standing, enter)
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
        return any(its.receive(message) for its in self.instances.values() if its.active)

    def _start(self, deployed: Deployed, message: Message) -> bool:
        others = [its for its in self.instances.values() if its.active and its.correlation == message.correlation]
        if any(its.game.model.process == deployed.process for its in others):
            return False
        its = Instance.begin(deployed.key, self._models[deployed.key], message, self._keys)
        self.instances[its.key] = its
        return True

    def _job(self, key: int) -> tuple[Instance, Standing] | None:
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
                    found.append(its.told(standing, fetch))
        return found


def _parsed(text: bytes) -> Model:
    try:
        return parse_model(text.decode())
    except ValueError:
        raise Defect("camunda-deployment", "INVALID_ARGUMENT") from None
