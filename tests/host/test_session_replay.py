"""Sessions answer what cold replay answers, turn by turn: written flows, whole apps, recordings, random programs."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from host.model import Event, EventKind
from host.options import Compat, HubOptions
from host.replay import CREATED
from host.testing import durable_host
from host.wire_v1 import unwire
from tests.host import session_flows, test_compat, test_flows, test_programs, test_recording
from tests.host.session_flows import HOUR, SCRIPTS, Flow, flows, twin
from tests.host.twin import Function, Move, Twin, drive, instance_of, say

HERE = Path(__file__).parent
HISTORIES = HERE.parent / "histories"
FEW_RECORDED = 3


def test_every_flow_has_a_script() -> None:
    modules = (session_flows, test_flows, test_compat, test_recording, test_programs)
    found = {code for module in modules for code in flows(module).values()}
    assert found == {code for code, _, _ in SCRIPTS}


@pytest.mark.parametrize(("every", "spans"), [(None, False), (None, True), (1, False), (2, True), (3, False)])
@pytest.mark.parametrize(("code", "data", "moves"), SCRIPTS, ids=lambda value: getattr(value, "__name__", ""))
async def test_written_flows(
    compat: Compat, code: Function, data: Any, moves: Sequence[Move], every: int | None, spans: bool
) -> None:
    """``every``: how often a session is evicted."""
    invoker = twin(code)
    if every is not None:
        invoker.keeps = lambda turn: turn % every != 0
    async with durable_host(invoker, options=HubOptions(compat=compat, send_timer_spans=spans)) as host:
        await drive(host, code.__name__, data, moves)
    invoker.check()
    assert invoker.turns


async def test_turns_are_taken_by_living_sessions() -> None:
    invoker = twin(test_flows.sequence)
    async with durable_host(invoker) as host:
        await drive(host, "sequence", None, [])
    assert (invoker.turns, invoker.fed) == (4, 3)


APPS: Mapping[str, Sequence[tuple[str, Any, Sequence[Move]]]] = {
    "surface": [
        ("sequence", 1, []),
        ("Approval", None, [("decided", 1)]),
        ("failing", None, []),
        ("slow", 0, []),
        ("reading", 1, []),
    ],
    "kafka": [("flow", "x", [])],
}


@pytest.mark.parametrize("app", APPS)
async def test_apps(app: str) -> None:
    spec = importlib.util.spec_from_file_location(f"{app}_app", HERE / app / "app" / "function_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    invoker = Twin.of_app(module.app)
    assert isinstance(invoker, Twin)
    assert {name for name, *_ in APPS[app]} == set(invoker.known("orchestrator").values())
    for name, data, moves in APPS[app]:
        async with durable_host(invoker) as host:
            await drive(host, name, data, moves)
    invoker.check()


CASES = {
    "prior-authorization": import_module("orchestrators.prior_authorization").prior_authorization,
    "appeal": import_module("orchestrators.appeal").appeal,
}


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*/*.json")), ids=lambda path: path.stem)
def test_recorded_cases(path: Path) -> None:
    recording = json.loads(path.read_text())
    events = [unwire(event) for event in recording["history"]]
    function = df.Orchestrator.create(CASES[recording["name"]])
    instance = instance_of(recording["instanceId"], recording["input"], events)
    invoker = Twin()
    for end in _ends(events):
        invoker.compare(function, instance, events[:end], False)
    invoker.check()
    assert invoker.turns == invoker.fed + 1 >= FEW_RECORDED


def _ends(events: Sequence[Event]) -> Generator[int, None, None]:
    """Where the new events of each turn end."""
    after = CREATED | {EventKind.TURN_COMPLETED, EventKind.EXECUTION_COMPLETED}
    for start, event in enumerate(events):
        if event.kind is EventKind.TURN_STARTED:
            yield next(end for end in range(start, len(events)) if events[end].kind in after)


wild_steps = st.one_of(
    test_programs.steps,
    st.fixed_dictionaries(
        {"do": st.just("race"), "event": st.sampled_from("ab"), "hours": st.integers(0, 200), "cancel": st.booleans()}
    ),
    st.just({"do": "again"}),
    st.fixed_dictionaries({"do": st.just("status"), "value": st.integers(0, 2)}),
    st.just({"do": "stamp"}),
)
moves = st.one_of(
    st.tuples(st.sampled_from("ab"), st.integers(0, 9)),
    st.tuples(st.just("advance"), st.integers(1, 100 * HOUR)),
)


def wild(context: df.DurableOrchestrationContext) -> Flow:
    """Interprets its input; says at each step whether it is replayed."""
    kept: list[Any] = []
    results: list[Any] = []
    for step in context.get_input():
        say(context, step["do"])
        try:
            results.append((yield from _step(context, step, kept)))
        except Exception as error:
            results.append(str(error))
    return results


def _step(context: df.DurableOrchestrationContext, step: Mapping[str, Any], kept: list[Any]) -> Flow:
    match step["do"]:
        case "signal":
            context.signal_entity(df.EntityId("counter", "signals"), "add", 1)
        case "status":
            context.set_custom_status(step["value"])
        case "stamp":
            return [str(context.new_uuid()), context.current_utc_datetime.isoformat()]
        case "again":
            if kept:
                yield kept[-1]
        case "race":
            timer = context.create_timer(context.current_utc_datetime + timedelta(hours=step["hours"]))
            event = context.wait_for_external_event(step["event"])
            kept += [timer, event]
            winner = yield context.task_any([event, timer])
            if step["cancel"] and winner is event:
                timer.cancel()
            return winner.result
        case _:
            kept.append(test_programs._task(context, dict(step)))
            result = yield kept[-1]
            return "any" if step["do"] == "any" else result


@pytest.mark.parametrize("compat", ["azure", "fixed"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    whole=st.lists(wild_steps, min_size=1, max_size=6),
    moves=st.lists(moves, max_size=6),
    evicted=st.sets(st.integers(1, 12)),
    spans=st.booleans(),
)
def test_random_programs(
    compat: Compat, whole: list[dict[str, Any]], moves: list[Move], evicted: set[int], spans: bool
) -> None:
    asyncio.run(_run_wild(compat, test_programs._numbered(whole), moves, evicted, spans))


async def _run_wild(
    compat: Compat, whole: list[dict[str, Any]], moves: list[Move], evicted: set[int], spans: bool
) -> None:
    calls: Counter[int] = Counter()

    def flaky(step: dict[str, Any]) -> int:
        calls[step["id"]] += 1
        if calls[step["id"]] <= step["failures"]:
            raise ValueError(f"call {calls[step['id']]}")
        return int(step["id"])

    invoker = Twin({"wild": wild, "child": test_programs.child}, {"flaky": flaky}, {"counter": test_programs.counter})
    invoker.keeps = lambda turn: turn not in evicted
    async with durable_host(invoker, options=HubOptions(compat=compat, send_timer_spans=spans)) as host:
        await drive(host, "wild", whole, moves)
        await host.advance(days=30)
    invoker.check(may_lose=compat == "azure")
