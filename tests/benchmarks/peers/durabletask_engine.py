"""Python ``durabletask`` with its in-memory backend, all in this process, gRPC over loopback. Nothing survives it.

As shipped the backend serves ten calls at a time, and as many waiting clients block it: it gets more threads here. Its
log, a line a step, is off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator
from concurrent import futures
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import grpc
from durabletask import task as tasks
from durabletask.client import AsyncTaskHubGrpcClient, OrchestrationStatus
from durabletask.internal import orchestrator_service_pb2_grpc as stubs
from durabletask.testing.in_memory_backend import InMemoryOrchestrationBackend
from durabletask.worker import TaskHubGrpcWorker

from tests.benchmarks.peers import activity
from tests.benchmarks.peers.engine import Engine

THREADS: Final = 256
WAITERS: Final = 128
"""Clients that wait at a time; each takes a thread of the backend."""
LONG: Final = 600.0
"""Seconds that an instance may take."""
EVENT: Final = "approved"


def work(_: tasks.ActivityContext, call: dict[str, Any]) -> dict[str, Any]:
    return activity.work(call["instance"], call["step"])


def steps(context: tasks.OrchestrationContext, count: int) -> Generator[Any, Any, str]:
    for step in range(count):
        yield context.call_activity(work, input={"instance": context.instance_id, "step": step})
    return "done"


def fan(context: tasks.OrchestrationContext, count: int) -> Generator[Any, Any, int]:
    calls = [{"instance": context.instance_id, "step": step} for step in range(count)]
    answers = yield tasks.when_all([context.call_activity(work, input=call) for call in calls])
    return len(answers)


def task(context: tasks.OrchestrationContext, _: int) -> Generator[Any, Any, bool]:
    approved = context.wait_for_external_event(EVENT)
    deadline = context.create_timer(timedelta(seconds=activity.DEADLINE))
    activity.reached(context.instance_id)
    winner = yield tasks.when_any([approved, deadline])
    return bool(winner == approved)


class DurabletaskEngine(Engine):
    """Backend, worker and client."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self._waiting = asyncio.Semaphore(WAITERS)

    async def open(self) -> None:
        quiet = logging.getLogger("peers")
        quiet.setLevel(logging.CRITICAL)
        self._backend = InMemoryOrchestrationBackend(max_history_size=1_000_000)
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=THREADS))
        stubs.add_TaskHubSidecarServiceServicer_to_server(self._backend, self._server)
        address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        self._worker = TaskHubGrpcWorker(host_address=address, logger=quiet)
        for code in (steps, fan, task):
            self._worker.add_orchestrator(code)
        self._worker.add_activity(work)
        self._worker.start()
        self._client = AsyncTaskHubGrpcClient(host_address=address, logger=quiet)

    async def start(self, workflow: str, instance: str, argument: int) -> None:
        await self._client.schedule_new_orchestration(workflow, input=argument, instance_id=instance)

    async def wait(self, instance: str) -> object:
        async with self._waiting:
            state = await self._client.wait_for_orchestration_completion(instance, timeout=LONG)
        assert state is not None
        assert state.runtime_status is OrchestrationStatus.COMPLETED, state.runtime_status
        return state.get_output()

    async def approve(self, instance: str) -> None:
        await self._client.raise_orchestration_event(instance, EVENT, data=True)

    async def close(self) -> None:
        await self._client.close()
        await asyncio.to_thread(self._worker.stop)
        self._backend.stop()
        self._server.stop(0)
