"""Temporal's development server on a SQLite file (WAL, synced at every commit) with its Python SDK's worker.

As shipped the server hands on 20 tasks a second; ``history.transferProcessorMaxPollRPS`` is raised, so that it is
measured at its best.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from temporalio import activity as activities
from temporalio import workflow
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from tests.benchmarks.peers import activity
from tests.benchmarks.peers.engine import Engine
from tests.ports import free_port

QUEUE: Final = "peers"
PATIENCE: Final = timedelta(seconds=10)
OPEN_SECONDS: Final = 60
"""For the server to answer, tried again every quarter of a second."""
SETTINGS: Final = (
    ("--sqlite-pragma", "journal_mode=WAL"),
    ("--sqlite-pragma", "synchronous=FULL"),
    ("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"),
)


@activities.defn
async def work(instance: str, step: int) -> dict[str, Any]:
    return activity.work(instance, step)


async def _call(step: int) -> Any:
    instance = workflow.info().workflow_id
    return await workflow.execute_activity(work, args=[instance, step], start_to_close_timeout=PATIENCE)


@workflow.defn(name="steps")
class Steps:
    @workflow.run
    async def run(self, count: int) -> str:
        for step in range(count):
            await _call(step)
        return "done"


@workflow.defn(name="fan")
class Fan:
    @workflow.run
    async def run(self, count: int) -> int:
        return len(await asyncio.gather(*(_call(step) for step in range(count))))


@workflow.defn(name="task")
class Task:
    def __init__(self) -> None:
        self._approved = False

    @workflow.run
    async def run(self, _: int) -> bool:
        activity.reached(workflow.info().workflow_id)
        try:
            await workflow.wait_condition(lambda: self._approved, timeout=activity.DEADLINE)
        except TimeoutError:
            return False
        return True

    @workflow.signal
    def approved(self) -> None:
        self._approved = True


class TemporalEngine(Engine):
    """Server, worker and client."""

    async def open(self) -> None:
        binary, port = shutil.which("temporal"), free_port()
        assert binary is not None
        command = [binary, "server", "start-dev", "--headless", "--port", str(port), "--log-level", "error"]
        command += ["--db-filename", str(self.data / "temporal.sqlite")]
        command += [word for setting in SETTINGS for word in setting]
        self._server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
        self._client = await _connected(f"127.0.0.1:{port}")
        # Else the workflows, each in a sandbox, would have a copy of what they note their waits in.
        sandbox = SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules("tests"))
        self._worker = Worker(
            self._client,
            task_queue=QUEUE,
            workflows=[Steps, Fan, Task],
            activities=[work],
            workflow_runner=sandbox,
        )
        self._running = asyncio.create_task(self._worker.run())

    async def start(self, name: str, instance: str, argument: int) -> None:
        await self._client.start_workflow(name, argument, id=instance, task_queue=QUEUE)

    async def ensure(self, name: str, instance: str, argument: int) -> None:
        with suppress(WorkflowAlreadyStartedError):
            await self.start(name, instance, argument)

    async def wait(self, instance: str) -> object:
        return await self._client.get_workflow_handle(instance).result()

    async def approve(self, instance: str) -> None:
        await self._client.get_workflow_handle(instance).signal("approved")

    def pids(self) -> list[int]:
        return [self._server.pid]

    async def close(self) -> None:
        await self._worker.shutdown()
        await self._running
        self._server.terminate()
        await asyncio.to_thread(self._server.wait)


async def _connected(address: str) -> Client:
    for _ in range(OPEN_SECONDS * 4):
        try:
            return await Client.connect(address)
        except RuntimeError:
            await asyncio.sleep(0.25)
    raise TimeoutError(address)
