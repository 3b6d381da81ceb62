"""Random orchestrations: the engine must number tasks as the SDK does, or results go astray."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from host.model import Status
from host.options import Compat
from host.recording import replay
from host.testing import FunctionsInvoker, durable_host

pytestmark = pytest.mark.usefixtures("sessions")

Step = dict[str, Any]
ATTEMPTS = 3
FAILED = "failed"

leaves = st.one_of(
    st.fixed_dictionaries({"do": st.just("call"), "failures": st.integers(0, 1)}),
    st.fixed_dictionaries({"do": st.just("retry"), "failures": st.integers(0, ATTEMPTS)}),
    st.fixed_dictionaries({"do": st.just("timer"), "minutes": st.integers(0, 90)}),
    st.fixed_dictionaries({"do": st.just("child"), "failures": st.integers(0, 1)}),
    st.just({"do": "entity"}),
)
steps = st.one_of(
    leaves,
    st.just({"do": "signal"}),
    st.fixed_dictionaries({"do": st.sampled_from(["all", "any"]), "of": st.lists(leaves, min_size=1, max_size=4)}),
)


def program(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Interprets its input."""
    results: list[Any] = []
    for step in context.get_input():
        if step["do"] == "signal":
            context.signal_entity(df.EntityId("counter", "signals"), "add", 1)
            continue
        try:
            value = yield _task(context, step)
            results.append("any" if step["do"] == "any" else value)
        except Exception:
            results.append("any" if step["do"] == "any" else FAILED)
    return results


def _task(context: df.DurableOrchestrationContext, step: Step) -> Any:
    match step["do"]:
        case "call":
            return context.call_activity("flaky", step)
        case "retry":
            options = df.RetryOptions(first_retry_interval_in_milliseconds=60_000, max_number_of_attempts=ATTEMPTS)
            return context.call_activity_with_retry("flaky", options, step)
        case "timer":
            return context.create_timer(context.current_utc_datetime + timedelta(minutes=step["minutes"]))
        case "child":
            return context.call_sub_orchestrator("child", step)
        case "entity":
            return context.call_entity(df.EntityId("counter", "calls"), "add", 1)
        case combinator:
            tasks = [_task(context, leaf) for leaf in step["of"]]
            return context.task_all(tasks) if combinator == "all" else context.task_any(tasks)


def child(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.call_activity("flaky", context.get_input()))


def counter(context: df.DurableEntityContext) -> None:
    context.set_state(context.get_state(lambda: 0) + context.get_input())
    context.set_result("counted")


def _numbered(whole: list[Step]) -> list[Step]:
    """Give every leaf an id, which is its result."""
    count = iter(range(1000))
    return [
        step | ({"of": [leaf | {"id": next(count)} for leaf in step["of"]]} if "of" in step else {"id": next(count)})
        for step in whole
    ]


def _expected(step: Step) -> Any:
    match step["do"]:
        case "call" | "child":
            return FAILED if step["failures"] else step["id"]
        case "retry":
            return FAILED if step["failures"] >= ATTEMPTS else step["id"]
        case "timer":
            return None
        case "entity":
            return "counted"
        case "any":
            return "any"
        case _:
            results = [_expected(leaf) for leaf in step["of"]]
            return FAILED if FAILED in results else results


@pytest.mark.parametrize("compat", ["azure", "fixed"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(whole=st.lists(steps, min_size=1, max_size=6))
def test_random_programs_end_as_they_say(compat: Compat, whole: list[Step]) -> None:
    assume(compat == "fixed" or not _goes_astray_on_azure(whole))
    asyncio.run(_check(compat, _numbered(whole)))


def _goes_astray_on_azure(whole: list[Step]) -> bool:
    """See test_compat: a task_all that fails while retries go on, in it or left behind by an earlier task_any."""
    left: list[Step] = []
    for step in whole:
        retried = [leaf for leaf in step.get("of", ()) if leaf["do"] == "retry" and leaf["failures"]]
        if step["do"] == "any":
            left += retried
        elif step["do"] == "all":
            failing = [
                leaf for leaf in step["of"] if leaf.get("failures", 0) >= (ATTEMPTS if leaf["do"] == "retry" else 1)
            ]
            if any(one is not other for one in failing for other in (*left, *retried)):
                return True
    return False


async def _check(compat: Compat, whole: list[Step]) -> None:
    calls: Counter[int] = Counter()

    def flaky(step: Step) -> int:
        calls[step["id"]] += 1
        if calls[step["id"]] <= step["failures"]:
            raise ValueError(f"call {calls[step['id']]}")
        number: int = step["id"]
        return number

    invoker = FunctionsInvoker({"program": program, "child": child}, {"flaky": flaky}, {"counter": counter})
    async with durable_host(invoker, compat=compat) as host:
        begun = await host.run("program", whole)
        await host.advance(days=1)
        ended = await host.settled(begun.instance_id)
        assert ended.status is Status.COMPLETED, ended
        assert json.loads(ended.output or "") == [_expected(step) for step in whole if step["do"] != "signal"]
        assert replay(await host.record(begun.instance_id), program) == []
        signals = await host.hub.read_entity("counter", "signals")
        assert (json.loads(signals.state or "") if signals else 0) == sum(step["do"] == "signal" for step in whole)
