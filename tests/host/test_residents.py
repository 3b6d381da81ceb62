"""Code that lives on between turns: when it does, when it is thrown away, and what is told."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any

import azure.durable_functions as df
import pytest

from host import sdk
from host.model import Status
from host.options import HubOptions
from host.store.base import Loaded
from host.store.memory import MemoryStore
from host.testing import FunctionsInvoker, durable_host

Flow = Generator[Any, Any, Any]


def waiting(context: df.DurableOrchestrationContext) -> Flow:
    first = yield context.wait_for_external_event("a")
    second = yield context.wait_for_external_event("b")
    return [first, second]


def reading(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("hello")
    return len(context.histories)


def eternal(context: df.DurableOrchestrationContext) -> Flow:
    yield context.wait_for_external_event("a")
    context.continue_as_new(None)


@pytest.fixture(autouse=True)
def _no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HubOptions.__init__.__kwdefaults__ or {}, "session_trial", 0)


class Reads(MemoryStore):
    """Notes of each load whether the history was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.whole: list[bool] = []

    async def load(self, instance_id: str, now: datetime, *, history: bool = True) -> Loaded | None:
        self.whole.append(history)
        return await super().load(instance_id, now, history=history)


def invoker(*codes: Callable[[df.DurableOrchestrationContext], Flow]) -> FunctionsInvoker:
    return FunctionsInvoker({code.__name__: code for code in codes}, {"hello": lambda _: "hello"})


async def test_a_turn_of_living_code_reads_no_history() -> None:
    store = Reads()
    async with durable_host(invoker(waiting), store=store) as host:
        case = await host.run("waiting")
        await host.raise_event(case.instance_id, "a", 1)
        ended = await host.raise_event(case.instance_id, "b", 2)
    assert (ended.status, ended.output) == (Status.COMPLETED, "[1, 2]")
    assert store.whole == [True, False, False]


@pytest.mark.parametrize("sessions", ["cold", "verify"])
async def test_other_modes_read_it(sessions: Any) -> None:
    store = Reads()
    async with durable_host(invoker(waiting), store=store, options=HubOptions(sessions=sessions)) as host:
        case = await host.run("waiting")
        await host.raise_event(case.instance_id, "a", 1)
    assert store.whole == [True, True]


async def test_code_that_was_idle_is_evicted_and_made_again() -> None:
    store = Reads()
    closed: list[bool] = []

    def noting(context: df.DurableOrchestrationContext) -> Flow:
        try:
            return (yield from waiting(context))
        finally:
            closed.append(True)

    async with durable_host(invoker(noting), store=store, options=HubOptions(session_idle=0.02)) as host:
        case = await host.run("noting")
        assert closed == []
        while not closed:
            await asyncio.sleep(0.01)
            gc.collect()
        await host.raise_event(case.instance_id, "a", 1)
        ended = await host.raise_event(case.instance_id, "b", 2)
    assert ended.output == "[1, 2]"
    assert store.whole == [True, True, False]


async def test_over_the_limit_the_least_recently_used_goes() -> None:
    store = Reads()
    async with durable_host(invoker(waiting), store=store, options=HubOptions(session_memory=15_000)) as host:
        first, second, third = [(await host.run("waiting")).instance_id for _ in range(3)]
        for instance, whole in ((second, False), (first, True), (third, True)):
            await host.raise_event(instance, "a", 1)
            assert store.whole[-1] is whole
        for instance in (first, second, third):
            assert (await host.raise_event(instance, "b", 2)).output == "[1, 2]"


async def test_what_was_given_to_the_code_counts() -> None:
    store = Reads()
    async with durable_host(invoker(waiting), store=store, options=HubOptions(session_memory=20_000)) as host:
        small, large = [(await host.run("waiting")).instance_id for _ in range(2)]
        await host.raise_event(large, "a", "x" * 20_000)
        for instance in (small, large):
            await host.raise_event(instance, "b", 2)
            assert store.whole[-1] is True


async def test_after_continue_as_new_other_code_lives() -> None:
    store = Reads()
    async with durable_host(invoker(eternal), store=store) as host:
        case = await host.run("eternal")
        for _ in range(3):
            assert (await host.raise_event(case.instance_id, "a")).status is Status.RUNNING
        await host.hub.terminate(case.instance_id)
        assert (await host.settled(case.instance_id)).status is Status.TERMINATED
    assert store.whole == [True, *([False, True] * 3), False]


async def test_an_orchestrator_that_reads_its_history_is_replayed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "host.ask")
    store = Reads()
    async with durable_host(invoker(reading), store=store) as host:
        for _ in range(2):
            assert (await host.run("reading")).output == "6"
    assert store.whole == [True, False, True, True, True]
    told = [record.getMessage() for record in caplog.records if record.name == "host.ask"]
    assert told == ["Orchestrator reading is replayed at every turn: it reads context.histories"]


async def test_a_turn_that_was_not_written_leaves_nothing_behind() -> None:
    class Failing(Reads):
        left = 0

        async def commit(self, *turns: Any) -> frozenset[str]:
            self.left -= 1
            if self.left == 0:
                raise OSError("the disk is full")
            return await super().commit(*turns)

    store = Failing()
    async with durable_host(invoker(waiting), store=store) as host:
        case = await host.run("waiting")
        store.left = 1
        await host.raise_event(case.instance_id, "a", 1)
        await host.advance(minutes=1)
        ended = await host.raise_event(case.instance_id, "b", 2)
    assert ended.output == "[1, 2]"
    assert store.whole == [True, False, True, False]


async def test_an_injected_failure_ends_living_code_too() -> None:
    async with durable_host(invoker(waiting)) as host:
        case = await host.run("waiting")
        host.fail("waiting")
        ended = await host.raise_event(case.instance_id, "a", 1)
        assert ended.status is Status.FAILED
        assert ended.failure is not None
        assert (ended.failure.type, ended.failure.text) == ("RuntimeError", "injected")


async def test_suspended_code_is_made_again() -> None:
    async with durable_host(invoker(waiting)) as host:
        case = (await host.run("waiting")).instance_id
        await host.hub.suspend(case)
        await host.raise_event(case, "a", 1)
        await host.hub.resume(case)
        ended = await host.raise_event(case, "b", 2)
        assert ended.output == "[1, 2]"


@pytest.fixture
def other_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "missing_name", lambda: "Task:TaskBase.parent")


@pytest.mark.usefixtures("other_sdk")
async def test_with_another_sdk_every_turn_replays(caplog: pytest.LogCaptureFixture) -> None:
    store = Reads()
    async with durable_host(invoker(waiting), store=store) as host:
        case = await host.run("waiting")
        await host.raise_event(case.instance_id, "a", 1)
    assert store.whole == [True, True]
    assert "This SDK has no Task:TaskBase.parent: every turn replays its whole history" in caplog.text


async def test_verify_tells_where_no_code_lives(caplog: pytest.LogCaptureFixture) -> None:
    functions = invoker(waiting)
    functions.in_process = False
    async with durable_host(functions, options=HubOptions(sessions="verify")) as host:
        assert (await host.run("waiting")).status is Status.RUNNING
    assert "--sessions verify has no living code to compare" in caplog.text


async def test_verify_tells_of_code_that_is_not_deterministic(caplog: pytest.LogCaptureFixture) -> None:
    runs: list[str] = []

    def drifting(context: df.DurableOrchestrationContext) -> Flow:
        yield context.wait_for_external_event("a")
        runs.append("once more")
        yield context.call_activity("hello", len(runs))
        return "done"

    async with durable_host(invoker(drifting), options=HubOptions(sessions="verify")) as host:
        case = await host.run("drifting")
        await host.raise_event(case.instance_id, "a")
    assert f"Instance {case.instance_id}: living code and cold replay differ in actions" in caplog.text


async def test_the_first_instance_is_replayed_for_a_while() -> None:
    store = Reads()
    async with durable_host(invoker(waiting), store=store, options=HubOptions(session_trial=2)) as host:
        for _ in range(2):
            case = await host.run("waiting")
            await host.raise_event(case.instance_id, "a", 1)
            await host.raise_event(case.instance_id, "b", 2)
    assert store.whole == [True, True, True, True, False, False]


async def test_code_that_is_not_deterministic_fails_at_its_first_run() -> None:
    runs: list[str] = []

    def wandering(context: df.DurableOrchestrationContext) -> Flow:
        runs.append("once more")
        yield context.call_activity("hello" if len(runs) == 1 else "again")
        yield context.wait_for_external_event("a")

    functions = FunctionsInvoker({"wandering": wandering}, {"hello": lambda _: "1", "again": lambda _: "2"})
    async with durable_host(functions, options=HubOptions(session_trial=20)) as host:
        ended = await host.run("wandering")
    assert ended.status is Status.FAILED
    assert "Non-Deterministic workflow detected" in (ended.output or "")
