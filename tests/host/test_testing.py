"""The host for tests takes an app object too."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import pytest

from host import testing_functions
from host.clock import SystemClock, VirtualClock
from host.errors import UnknownFunction
from host.model import EventKind, Status
from host.options import Compat
from host.store import Store
from host.store.sqlite import SqliteStore
from host.testing import DurableHost, FunctionsInvoker, durable_host

Flow = Generator[Any, Any, Any]
DAYS = 180


def _app() -> df.DFApp:
    app = df.DFApp()

    @app.orchestration_trigger(context_name="context", orchestration="greeting")
    def greet(context: df.DurableOrchestrationContext) -> Flow:
        return (yield context.call_activity("say", "you"))

    @app.activity_trigger(input_name="whom", activity="say")
    def say_hello(whom: str) -> str:
        return f"hello {whom}"

    @app.entity_trigger(context_name="context")
    def counter(context: df.DurableEntityContext) -> None:
        context.set_state(1)

    return app


async def test_the_functions_of_an_app_are_known_by_their_trigger_names() -> None:
    async with durable_host(_app()) as host:
        assert (await host.run("Greeting")).output == '"hello you"'
        assert host.invoker.known("activity") == {"say": "say", "say_hello": "say"}
        assert set(host.invoker.known("entity")) == {"counter"}
        assert [call.kind for call in host.invoker.calls] == ["orchestrator", "activity", "orchestrator"]


async def test_functions_of_an_app_are_bound_as_in_the_host(caplog: pytest.LogCaptureFixture) -> None:
    app = df.DFApp()

    @app.activity_trigger(input_name="whom", activity="say")
    def say_hello(whom: str, context: func.Context) -> str:
        return f"{context.function_name}: hello {whom}"

    @app.activity_trigger(input_name="whom")
    async def say_later(whom: str, context: func.Context) -> str:
        return f"{context.function_name}: hello {whom}"

    @app.activity_trigger(input_name="whom")
    @app.durable_client_input(client_name="client")
    async def tell(whom: str, client: df.DurableOrchestrationClient) -> None:
        """Needs the management API."""

    @app.activity_trigger(input_name="whom")
    @app.blob_output(arg_name="blob", path="x", connection="y")
    def keep(whom: str, blob: func.Out[str]) -> None:
        """Needs a blob."""

    @app.orchestration_trigger(context_name="context")
    def greet(context: df.DurableOrchestrationContext) -> Flow:
        said = []
        for call in (say_hello, say_later, tell, keep):
            try:
                said.append((yield context.call_activity(call, "you")))
            except Exception as error:
                said.append(str(error))
        return said

    async with durable_host(app) as host:
        ended = await host.run("greet")
        calls = [call.name for call in host.invoker.calls if call.kind == "activity"]
        assert calls == ["say", "say_later", "tell"]
        assert ended.status is Status.FAILED
        assert "no activity function named 'keep'" in (ended.output or "")
        history = await host.hub.history(ended.instance_id)
    results = [event["Result"] for event in history if event["EventType"] == EventKind.TASK_COMPLETED]
    assert results == ['"say_hello: hello you"', '"say_later: hello you"']
    (reason,) = [event["Reason"] for event in history if event["EventType"] == EventKind.TASK_FAILED]
    assert "durable client needs a port" in reason
    assert "keep is not served" in caplog.text


@pytest.mark.timeout(60)
async def test_a_turn_that_loops_for_ever_is_told_and_ends_the_test(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(testing_functions, "PATIENCE", 0.5)
    test_over, turns = Event(), list[int]()

    def spin(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_activity("say", "you")
        turns.append(1)
        while not test_over.wait(0.01):
            pass

    async with durable_host(FunctionsInvoker({"spin": spin}, {"say": lambda _: 1})) as host:
        begun = await host.run("spin", instance_id="s")
        await host.advance(minutes=5)
        assert (await host.settled("s")).status is begun.status is Status.RUNNING
        assert "spin (s) computes for over 0.5 s" in caplog.text
    assert turns == [1], "not again beside the one that goes on"
    test_over.set()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("of_app", [True, False])
async def test_an_iterator_that_has_ended_ends_the_call(of_app: bool) -> None:
    def say(whom: str) -> str:
        return next(iter(()))

    def greet(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_activity("say", "you")

    app = df.DFApp()
    app.activity_trigger(input_name="whom")(say)
    app.orchestration_trigger(context_name="context")(greet)
    async with durable_host(app if of_app else FunctionsInvoker({"greet": greet}, {"say": say})) as host:
        ended = await host.run("greet")
        assert ended.status is Status.FAILED
        assert "StopIteration" in (ended.output or "")


async def test_an_error_of_which_no_text_can_be_made_ends_the_call() -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def say(_: object) -> None:
        raise Unspeakable

    def greet(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_activity("say", "you")

    async with durable_host(FunctionsInvoker({"greet": greet}, {"say": say})) as host:
        assert (await host.run("greet")).status is Status.FAILED


async def test_a_failure_can_be_injected_for_a_while() -> None:
    async with durable_host(_app()) as host:
        host.fail("say", times=1)
        assert (await host.run("greeting")).status is Status.FAILED
        assert (await host.run("greeting")).status is Status.COMPLETED


async def test_what_is_raised_may_be_a_class() -> None:
    async with durable_host(_app()) as host:
        host.fail("say", error=LookupError)
        assert "failed:  LookupError: " in ((await host.run("greeting")).output or "")
        host.fail("say", error=ConnectionError)
        assert (await host.run("greeting", instance_id="i")).status is Status.RUNNING, "a worker that died"
        await host.advance(minutes=1)
        assert (await host.settled("i")).status is Status.COMPLETED


async def test_a_failure_can_be_injected_by_any_name_of_a_function() -> None:
    async with durable_host(_app()) as host:
        host.fail("say_hello")
        host.fail("Greet", times=1, instance="b")
        assert [(await host.run("greeting", instance_id=each)).status for each in "abc"] == [
            Status.FAILED,
            Status.FAILED,
            Status.COMPLETED,
        ]


async def test_time_begins_where_the_test_says() -> None:
    start = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    async with durable_host(_app(), clock=VirtualClock(start)) as host:
        assert (await host.run("greeting")).created == start


async def test_the_system_clock_cannot_be_advanced() -> None:
    async with durable_host(FunctionsInvoker(), clock=SystemClock()) as host:
        with pytest.raises(AssertionError, match="only a VirtualClock"):
            await host.advance(days=1)


@pytest.mark.timeout(60)
async def test_a_store_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_bytes(b"no database" * 1000)
    with pytest.raises(RuntimeError, match="cannot be used"):
        async with durable_host(_app(), store=SqliteStore(tmp_path / "hub.db")):
            pass


async def test_an_app_object_can_be_run_again() -> None:
    app = _app()
    for _ in range(2):
        async with durable_host(app) as host:
            assert (await host.run("greeting")).output == '"hello you"'


# --- failures of one attempt


def retried(context: df.DurableOrchestrationContext) -> Flow:
    options = df.RetryOptions(first_retry_interval_in_milliseconds=60_000, max_number_of_attempts=3)
    return (yield context.call_activity_with_retry("say", options, "you"))


def retried_side_by_side(context: df.DurableOrchestrationContext) -> Flow:
    slow = df.RetryOptions(first_retry_interval_in_milliseconds=90_000, max_number_of_attempts=3)
    quick = df.RetryOptions(first_retry_interval_in_milliseconds=60_000, max_number_of_attempts=3)
    calls = [
        context.call_activity_with_retry("say", slow, "other"),
        context.call_activity_with_retry("say", quick, "you"),
        context.call_activity_with_retry("say", quick, "you"),
    ]
    return (yield context.task_all(calls))


def retried_twice(context: df.DurableOrchestrationContext) -> Flow:
    options = df.RetryOptions(first_retry_interval_in_milliseconds=60_000, max_number_of_attempts=2)
    try:
        yield context.call_activity_with_retry("say", options, "you")
    except Exception:
        return (yield context.call_activity_with_retry("say", options, "you"))


def overtaken(context: df.DurableOrchestrationContext) -> Flow:
    options = df.RetryOptions(first_retry_interval_in_milliseconds=60_000, max_number_of_attempts=2)
    slow = context.call_activity_with_retry("say", options, "you")
    yield context.task_any([slow, context.create_timer(context.current_utc_datetime + timedelta(minutes=1))])
    try:
        yield context.call_activity("say", "late")
    except Exception:
        return (yield slow)


def _invoker() -> FunctionsInvoker:
    flows = (retried, retried_side_by_side, retried_twice, overtaken)
    return FunctionsInvoker({flow.__name__: flow for flow in flows}, {"say": lambda whom: f"hello {whom}"})


async def _ended(host: DurableHost, name: str) -> tuple[Status, Counter[EventKind]]:
    """How an instance ended, and its history in numbers."""
    begun = await host.run(name, instance_id=name)
    await host.advance(hours=1)
    history = await host.hub.history(name)
    return (await host.settled(begun.instance_id)).status, Counter(EventKind(event["EventType"]) for event in history)


@pytest.mark.parametrize(("attempts", "failures"), [((1,), 1), ((2,), 0), ((1, 2), 2), ((1, 3), 1), ((1, 2, 3), 3)])
async def test_a_failure_can_be_that_of_one_attempt(
    store: Store, compat: Compat, attempts: tuple[int, ...], failures: int
) -> None:
    async with durable_host(_invoker(), store=store, compat=compat) as host:
        for attempt in attempts:
            host.fail("Say", attempt=attempt)
        status, seen = await _ended(host, "retried")
        assert status is (Status.FAILED if failures == 3 else Status.COMPLETED)
        assert seen[EventKind.TASK_FAILED] == failures


async def test_attempts_are_those_of_each_call_by_itself() -> None:
    async with durable_host(_invoker()) as host:
        host.fail("say", times=3, attempt=1)
        host.fail("say", times=2, attempt=2)
        status, seen = await _ended(host, "retried_side_by_side")
        assert status is Status.COMPLETED
        assert seen[EventKind.TASK_FAILED] == 5
        host.fail("say", attempt=2)
        assert (await _ended(host, "retried"))[1][EventKind.TASK_FAILED] == 0, "nothing was left but the second attempt"


async def test_a_call_that_is_made_anew_begins_with_its_first_attempt() -> None:
    async with durable_host(_invoker()) as host:
        host.fail("say", times=2, attempt=1)
        host.fail("say", times=1, attempt=2)
        status, seen = await _ended(host, "retried_twice")
        assert status is Status.COMPLETED
        assert seen[EventKind.TASK_FAILED] == 3


async def test_a_second_attempt_beside_the_first_one_of_another_call() -> None:
    async with durable_host(_invoker()) as host:
        host.fail("say", times=2, attempt=1)
        status, seen = await _ended(host, "overtaken")
        assert (status, seen[EventKind.TASK_FAILED]) == (Status.COMPLETED, 2)
        assert (await host.settled("overtaken")).output == '"hello you"'


async def test_a_worker_that_dies_leaves_the_attempt_as_it_was() -> None:
    async with durable_host(_invoker()) as host:
        host.fail("say", times=1)
        host.fail("say", times=2, error=ConnectionError("killed"), attempt=2)
        assert (await _ended(host, "retried"))[0] is Status.COMPLETED
        assert [call.name for call in host.invoker.calls].count("say") == 4


async def test_a_failure_can_be_that_of_one_instance() -> None:
    async with durable_host(_app()) as host:
        host.fail("say", instance="b")
        ended = [await host.run("greeting", instance_id=name) for name in ("a", "b", "c")]
        assert [each.status for each in ended] == [Status.COMPLETED, Status.FAILED, Status.COMPLETED]


@pytest.mark.parametrize(("name", "attempt"), [("greeting", 1), ("say", 0)])
async def test_a_failure_that_can_never_come_is_refused(name: str, attempt: int) -> None:
    async with durable_host(_app()) as host:
        with pytest.raises(ValueError, match="ttempt"):
            host.fail(name, attempt=attempt)
        with pytest.raises(ValueError, match="At least one"):
            host.fail("say", times=0)


async def test_only_functions_of_the_app_can_fail() -> None:
    async with durable_host(_app()) as host:
        with pytest.raises(UnknownFunction, match=r"named 'sya'. Known: counter, greeting, say\."):
            host.fail("sya")


async def test_time_does_not_go_back() -> None:
    async with durable_host(_app()) as host:
        with pytest.raises(ValueError, match="forward"):
            await host.advance(hours=-1)


# --- long flows


def half_a_year(context: df.DurableOrchestrationContext) -> Flow:
    days = []
    for _ in range(DAYS):
        yield context.create_timer(context.current_utc_datetime + timedelta(days=1))
        days.append((yield context.call_activity("day")))
    return days


@pytest.mark.timeout(900)
async def test_half_a_year_of_daily_timers(record_property: Callable[[str, object], None]) -> None:
    clock = VirtualClock()
    begin = clock.now()
    invoker = FunctionsInvoker({"half_a_year": half_a_year}, {"day": lambda _: (clock.now() - begin).total_seconds()})
    async with durable_host(invoker, clock=clock) as host:
        used = time.process_time()
        begun = await host.run("half_a_year")
        await host.advance(days=DAYS)
        ended = await host.settled(begun.instance_id)
        used = time.process_time() - used
        history = await host.hub.history(begun.instance_id)
    assert ended.status is Status.COMPLETED
    assert ended.updated == begin + timedelta(days=DAYS)
    assert json.loads(ended.output or "") == [timedelta(days=day).total_seconds() for day in range(1, DAYS + 1)]
    seen = Counter(EventKind(event["EventType"]) for event in history)
    assert seen[EventKind.TIMER_FIRED] == seen[EventKind.TASK_COMPLETED] == DAYS
    assert seen[EventKind.TURN_STARTED] == 1 + 2 * DAYS, "a turn for the start, one for each timer and each activity"
    record_property("cpu_seconds", round(used, 2))
    print(f"{DAYS} days: {used:.2f} s of CPU")
