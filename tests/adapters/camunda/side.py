"""A Camunda under test, the person who works there, and jobs as they come."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
from pyzeebe import create_insecure_channel

import stack
from adapters.camunda.base import Camunda, Job, Message
from adapters.camunda.grpc import GrpcCamunda
from adapters.camunda.instance import DONE, STEP, WAIT
from adapters.camunda.memory import MemoryCamunda
from domain.process.routing import INITIAL
from mirror import connect
from stack.records import Records, records
from tests.processes.engine import ANSWERS
from tests.stack.camunda import camunda_options
from tests.stack.servers import running, until

KINDS: Final = (STEP, DONE, WAIT)
FETCH: Final = ("durableId", "mirrored", "task", "decision", "refused")
PATIENCE: Final = 60.0
"""Seconds after which what does not come is missed."""
LEASE: Final = 20.0
UNJUDGED: Final[dict[str, Any]] = {"set_deadline": {"clockPolicies": {"version": "", "items": []}}}
REVIEW: Final[dict[str, Any]] = {**UNJUDGED, "determine": {"outcome": "review", "determinations": None}}
QUESTION: Final[dict[str, Any]] = {**UNJUDGED, "determine": {"outcome": "information", "determinations": None}}
"""What steps answer in a case that is reviewed by a person, and in one for which information is asked."""


@dataclass(frozen=True)
class Engine:
    """The real one."""

    options: stack.Options
    sink: Records
    client: httpx.Client
    """Its REST API."""

    def finish(self, instance: int, element: str, variables: Mapping[str, Any]) -> None:
        """A person completes the user task that was opened there last."""

        def tasks() -> list[int]:
            opened = [each["value"] for each in self.sink.of("USER_TASK", "CREATED", instance)]
            return [each["userTaskKey"] for each in opened if each["elementId"] == element]

        def completed() -> bool:
            """Whether it was still open: of one that was given back, the record of the new one may be on its way."""
            body = {"variables": dict(variables)}
            return any(self._post(f"/user-tasks/{task}/completion", body) for task in tasks()[-1:])

        until(completed)

    def _post(self, path: str, body: Mapping[str, Any]) -> bool:
        return self.client.post(path, json=body).is_success

    def incidents(self, instance: int) -> list[str]:
        """What its incidents say, as soon as there is one."""
        until(lambda: bool(self.sink.of("INCIDENT", "CREATED", instance)))
        found = self.sink.of("INCIDENT", "CREATED", instance)
        return [each["value"]["errorMessage"] for each in found]


@contextmanager
def engine(data: Path) -> Iterator[Engine]:
    """An engine of a test's own. Skips where Camunda is not built."""
    with records() as sink:
        options = camunda_options(data, exporter_url=sink.url)
        with (
            running(options) as servers,
            httpx.Client(base_url=f"{servers.camunda_url}/v2", timeout=60, trust_env=False) as client,
        ):
            yield Engine(options, sink, client)


def at(port: int) -> GrpcCamunda:
    """The adapter for whatever listens there."""
    return GrpcCamunda(lambda: create_insecure_channel(grpc_address=f"127.0.0.1:{port}"))


@dataclass
class Side:
    """One Camunda."""

    camunda: Camunda
    finish: Callable[[int, str, Mapping[str, Any]], Awaitable[None]]
    """A person completes the user task of an instance at an element, with these variables."""
    incidents: Callable[[int], Awaitable[list[str]]]
    """What the incidents of an instance say."""

    async def start(self, workflow: str = "prior-authorization") -> str:
        """Show a case; its id."""
        return await start(self.camunda, workflow)

    async def begin(self, case: str, workflow: str = "prior-authorization", name: str = "1") -> bool:
        """Whether the message that starts a process instance for ``case`` was taken."""
        return await begin(self.camunda, case, workflow, name)


async def deploy(camunda: Camunda) -> dict[str, int]:
    """Everything that there is: process -> key."""
    models = {each.name: each.text for each in connect.releases()}
    return {each.process: each.key for each in await camunda.deploy({**models, **connect.beside()})}


async def start(camunda: Camunda, workflow: str = "prior-authorization") -> str:
    """Show a case; its id."""
    case = f"case-{uuid4().hex}"
    assert await begin(camunda, case, workflow, "1")
    return case


async def begin(camunda: Camunda, case: str, workflow: str, name: str) -> bool:
    """Whether the message ``name`` that starts a process instance for ``case`` was taken."""
    facts = {"due": "2026-12-24T00:00:00Z", "lineOfBusiness": "commercial", "urgency": "standard"}
    variables = {**INITIAL, **facts, "timers": {"information": None}, "durableId": case, "mirrored": 1}
    return await camunda.publish(Message(f"{workflow}.start", case, name, variables))


def twin() -> Side:
    """The one in memory."""
    camunda = MemoryCamunda(time.monotonic)

    async def finish(instance: int, element: str, variables: Mapping[str, Any]) -> None:
        camunda.finish(instance, element, "demo", dict(variables))

    async def incidents(instance: int) -> list[str]:
        return [each.failed for each in camunda.instances[instance].standing if each.failed]

    return Side(camunda, finish, incidents)


def real(engine: Engine) -> Side:
    """The real one."""

    async def finish(instance: int, element: str, variables: Mapping[str, Any]) -> None:
        await asyncio.to_thread(engine.finish, instance, element, variables)

    async def incidents(instance: int) -> list[str]:
        return await asyncio.to_thread(engine.incidents, instance)

    return Side(at(engine.options.camunda_grpc_port), finish, incidents)


class Jobs:
    """Those that were handed out and not asked for yet."""

    def __init__(self, camunda: Camunda) -> None:
        self._camunda = camunda
        self._came: defaultdict[str, asyncio.Queue[Job]] = defaultdict(asyncio.Queue)
        self._seen: set[int] = set()

    def came(self, job: Job) -> None:
        """Keep it for the test of its case."""
        self._came[str(job.variables.get("durableId"))].put_nowait(job)

    async def any(self, case: str) -> Job:
        """The next of a case, were it for the second time."""
        async with asyncio.timeout(PATIENCE):
            job = await self._came[case].get()
        self._seen.add(job.key)
        return job

    async def at(self, case: str, element: str) -> Job:
        """The next new one of a case, which is of ``element``."""
        seen = set(self._seen)
        while (job := await self.any(case)).key in seen:
            pass
        assert job.element == element
        return job

    async def drive(self, case: str, upto: str, **answers: Mapping[str, Any]) -> Job:
        """Complete steps until the job of ``upto`` is there. ``answers``: step (with ``_``) -> its variables."""
        given = {**ANSWERS, **{step.replace("_", "-"): values for step, values in answers.items()}}
        while (job := await self.any(case)).element != upto:
            await self._camunda.complete(job.key, given.get(job.element, {}))
        return job


@asynccontextmanager
async def taking(camunda: Camunda, lease: float = LEASE) -> AsyncIterator[Jobs]:
    """Jobs, as they come."""
    jobs = Jobs(camunda)

    async def take() -> None:
        async for job in camunda.jobs(KINDS, FETCH, lease):
            jobs.came(job)

    task = asyncio.create_task(take())
    try:
        yield jobs
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
