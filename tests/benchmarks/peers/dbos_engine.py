"""DBOS on SQLite, as its documentation shows it: workflows and steps are decorated functions of this process.

``wal``: the file is in WAL mode; ``full``: as DBOS makes it, with a rollback journal. Both sync at every commit,
SQLite's default (``synchronous=FULL``). ``wal-sync``: plain functions on DBOS's own threads instead of ``async def``.
https://docs.dbos.dev/python/programming-guide
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Literal

from dbos import DBOS, DBOSConfig, SetWorkflowID

from tests.benchmarks.peers import activity
from tests.benchmarks.peers.engine import Engine

Flavour = Literal["wal", "full", "wal-sync"]
FLAVOURS: Final[dict[str, Flavour]] = {"dbos-wal": "wal", "dbos-full": "full", "dbos-wal-sync": "wal-sync"}
TOPIC: Final = "approved"
WAITERS: Final = 64
"""Threads that wait for plain workflows: more than instances at a time."""


@DBOS.step()
async def work(instance: str, step: int) -> dict[str, Any]:
    return activity.work(instance, step)


@DBOS.step()
def plain_work(instance: str, step: int) -> dict[str, Any]:
    return activity.work(instance, step)


@DBOS.workflow()
async def steps(instance: str, count: int) -> str:
    for step in range(count):
        await work(instance, step)
    return "done"


@DBOS.workflow()
def plain_steps(instance: str, count: int) -> str:
    for step in range(count):
        plain_work(instance, step)
    return "done"


@DBOS.workflow()
async def fan(instance: str, count: int) -> int:
    return len(await asyncio.gather(*(work(instance, step) for step in range(count))))


@DBOS.workflow()
async def task(instance: str, _: int) -> bool:
    activity.reached(instance)
    return await DBOS.recv_async(TOPIC, timeout_seconds=activity.DEADLINE) is not None


WORKFLOWS: Final = {"steps": steps, "fan": fan, "task": task}


class DbosEngine(Engine):
    """One executor, the default settings."""

    def __init__(self, data: Path, flavour: Flavour) -> None:
        super().__init__(data)
        self._flavour = flavour
        self._handles: dict[str, Any] = {}
        self._waiters = ThreadPoolExecutor(WAITERS)

    async def open(self) -> None:
        file = self.data / "dbos.sqlite"
        if self._flavour != "full":
            with sqlite3.connect(file) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            connection.close()
        url = f"sqlite:///{file}"
        DBOS(config=DBOSConfig(name="peers", system_database_url=url, log_level="ERROR", application_version="1"))
        DBOS.launch()

    async def start(self, workflow: str, instance: str, argument: int) -> None:
        if self._flavour == "wal-sync":
            assert workflow == "steps"
            self._handles[instance] = await self._threaded(_start_plain, instance, argument)
            return
        with SetWorkflowID(instance):
            self._handles[instance] = await DBOS.start_workflow_async(WORKFLOWS[workflow], instance, argument)

    async def wait(self, instance: str) -> object:
        handle = self._handles.pop(instance)
        if self._flavour == "wal-sync":
            return await self._threaded(handle.get_result)
        return await handle.get_result()

    async def approve(self, instance: str) -> None:
        await DBOS.send_async(instance, True, TOPIC)

    async def close(self) -> None:
        await asyncio.to_thread(DBOS.destroy)

    async def _threaded(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._waiters, function, *arguments)


def _start_plain(instance: str, argument: int) -> Any:
    with SetWorkflowID(instance):
        return DBOS.start_workflow(plain_steps, instance, argument)
