"""The same invocations through this host and through Azure's own worker library (azure-functions-runtime): the same
answers, outputs and errors, of an app that both have indexed alike. What is not alike is here too, with its reason.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("azure_functions_runtime", reason="azure-functions-runtime (Python 3.13) is not installed")

from host.app import AppIndex, load_app
from host.functions import BoundType, Function, Kind
from host.http.triggers import build_routes
from host.invocation import FunctionFailed
from host.invoker import AppInvoker
from host.isolation import IsolatedInvoker
from host.message import Message, Value
from host.schedule import read_timers
from tests.host.parity.answers import Answered, answered
from tests.host.parity.calls import GROUPS, UNSENDABLE, Body, call, request
from tests.host.parity.worker import Worker, worker

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions :DeprecationWarning")  # said once a process
APP = Path(__file__).parent / "parity" / "app"
LABEL = "$OutOfProcData$"


@pytest.fixture(scope="module")
def library() -> Iterator[Worker]:
    """The app in the worker library."""
    with worker(APP, "parity_app.py") as loaded:
        yield loaded


@pytest.fixture(scope="module")
def app(library: Worker) -> AppIndex:
    """The app in this host; its script is named by the setting that ``library`` has made."""
    assert library.metadata
    return load_app(APP)


@pytest.fixture
async def invoker(app: AppIndex) -> AsyncIterator[AppInvoker]:
    made = AppInvoker(app)
    yield made
    await made.close()


# --- what is indexed --------------------------------------------------------------------------------------------------


def test_the_same_functions_are_found(library: Worker, app: AppIndex) -> None:
    assert [function.name for function in app.functions] == list(library.metadata)
    assert (app.refused, app.disabled) == ({}, ())


def test_parameters_are_bound_alike(library: Worker, app: AppIndex) -> None:
    for function in app.functions:
        info = library.info(function.name)
        assert function.inputs == {name: _bound(each) for name, each in info.input_types.items()}, function.name
        assert function.outputs == {name: _bound(each) for name, each in info.output_types.items()}, function.name
        assert function.returns == (_bound(info.return_type) if info.return_type else None), function.name
        assert (function.needs_context, function.is_async) == (info.requires_context, info.is_async), function.name


def _bound(info: Any) -> BoundType:
    return BoundType(info.binding_name, info.pytype)


def test_bindings_are_named_alike(library: Worker, app: AppIndex) -> None:
    for function in app.functions:
        raw = _raw(library, function)
        ins = {each["name"] for each in raw if each["direction"] == "IN"}
        outs = {each["name"] for each in raw if each["direction"] == "OUT"} - {"$return"}
        assert (set(function.inputs), set(function.outputs)) == (ins, outs), function.name
        assert _trigger(library, function)["type"] == function.kind


def test_routes_are_alike(library: Worker, app: AppIndex) -> None:
    targets = build_routes(app, {}).targets
    assert len(targets) == len(app.of(Kind.HTTP)) > 10
    for target in targets:
        told = _trigger(library, target.function)
        assert target.path == f"/api/{told['route']}"
        assert target.level == told["authLevel"].lower()
        assert told.get("methods") in (None, [*target.methods], [*reversed(target.methods)])


def test_schedules_and_durable_names_are_alike(library: Worker, app: AppIndex) -> None:
    for timer in read_timers(app, {}):
        assert timer.text == _trigger(library, timer.function)["schedule"]
    for kind, key in ((Kind.ORCHESTRATION, "orchestration"), (Kind.ACTIVITY, "activity"), (Kind.ENTITY, "entityName")):
        for function in app.of(kind):
            assert function.durable_name == _trigger(library, function).get(key, function.name)


def test_retry_options_are_alike(library: Worker, app: AppIndex) -> None:
    found = {name: each.retry_options for name, each in library.metadata.items() if each.HasField("retry_options")}
    assert found.keys() == {function.name for function in app.functions if function.retry} == {"tick", "tick_later"}
    for name, told in found.items():
        policy = app.function(name).retry
        assert policy is not None
        assert policy.strategy == ("exponential_backoff", "fixed_delay")[told.retry_strategy]
        assert policy.max_retry_count == told.max_retry_count
        waits = [told.delay_interval, told.minimum_interval, told.maximum_interval]
        assert [policy.delay, policy.minimum, policy.maximum] == [timedelta(seconds=each.seconds) for each in waits]


def _raw(library: Worker, function: Function) -> list[dict[str, Any]]:
    return [json.loads(each) for each in library.metadata[function.name].raw_bindings]


def _trigger(library: Worker, function: Function) -> dict[str, Any]:
    (found,) = (each for each in _raw(library, function) if each["name"] == function.trigger_param)
    return found


# --- what is invoked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", GROUPS)
async def test_invocations_end_alike(library: Worker, invoker: AppInvoker, group: str) -> None:
    assert await _differences(library, invoker, GROUPS[group]) == []


async def test_they_end_alike_in_a_child_process_too(library: Worker, app: AppIndex) -> None:
    invoker = IsolatedInvoker(app)
    try:
        for group in GROUPS.values():
            assert await _differences(library, invoker, group) == []
    finally:
        await invoker.close()


async def _differences(library: Worker, invoker: AppInvoker, calls: Iterable[tuple[str, Body]]) -> list[str]:
    found = []
    for name, body in calls:
        ours, theirs = await _both(library, invoker, name, body)
        if ours != theirs:
            found.append(f"{name} of {body}: here {ours}, there {theirs}")
    return found


async def _both(library: Worker, invoker: AppInvoker, name: str, body: Body) -> tuple[Answered, Answered]:
    function, given = invoker.app.function(name), call(name, body)
    theirs = await library.invoke(function, given)
    return _without_times(await _here(invoker, function, given)), _without_times(theirs)


async def _here(invoker: AppInvoker, function: Function, given: Any) -> Answered:
    try:
        return answered(await invoker._call(function, given))
    except FunctionFailed as failed:
        # Of an orchestrator the host names what its code raised, the library what the SDK made of it.
        kind = "Exception" if LABEL in failed.text else failed.type
        unspoken = failed.text.startswith("Unhandled exception in function.")
        return Answered(None, {}, failed.text if unspoken else f"{kind}: {failed.text}")


def _without_times(ended: Answered) -> Answered:
    """An entity tells when each operation began and how long it took."""
    if not isinstance(ended.answer, str) or '"startTime"' not in ended.answer:
        return ended
    state = json.loads(ended.answer)
    for result in state["results"]:
        del result["startTime"], result["duration"]
    return replace(ended, answer=json.dumps(state))


# --- what is not alike ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [("by_out", request(name="text", returns="text")), ("tick_later", '{"IsPastDue": true}')]
)
async def test_the_library_stumbles_over_its_own_text(
    library: Worker, invoker: AppInvoker, body: tuple[str, Body]
) -> None:
    ours, theirs = await _both(library, invoker, *body)
    assert ours.error == f"RuntimeError: function {body[0]} without a $return binding returned a non-None value"
    assert (theirs.error or "").startswith("RuntimeError: ('function %s without a $return binding")


@pytest.mark.filterwarnings("ignore:Field parity.TypedData.int:DeprecationWarning")  # True is handed on as a number
async def test_outputs_are_text_or_bytes_here(library: Worker, invoker: AppInvoker) -> None:
    """The library hands numbers and JSON to the extension too; what that makes of them is not known."""
    taken = set()
    for name in UNSENDABLE:
        message = Message(Value("string", json.dumps({"Value": name})), {})
        ours, theirs = await _both(library, invoker, "text_record", message)
        assert (ours.error or "").endswith("for the output out: it takes str or bytes")
        if theirs.error is None:
            taken.add(name)
    assert taken == {"true", "number", "fraction", "not-a-number", "list", "dict", "number-keys"}
