"""The app under the language worker's own library (azure-functions-runtime, Python 3.13): it indexes and it runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.connections import Connections, use
from adapters.events.memory import MemoryEvents
from adapters.fhir.memory import MemoryFhir
from adapters.notifications.memory import MemoryNotifier
from adapters.rules.memory import Judgement, MemoryRules
from domain.envelope import CaseRef, Envelope, StepRef
from settings import Settings
from stack.options import ROOT

if sys.version_info < (3, 13):
    pytest.skip("azure-functions-runtime needs Python 3.13", allow_module_level=True)
pytest.importorskip("azure_functions_runtime", reason="azure-functions-runtime is not installed")

from azure_functions_runtime import handle_event, native_invocation
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.utils.threadpool import start_threadpool_executor, stop_threadpool_executor

HISTORY = [
    {"EventType": 12, "EventId": -1, "IsPlayed": False, "Timestamp": "2026-11-02T15:00:00.000000Z"},
    {
        "EventType": 0,
        "EventId": -1,
        "IsPlayed": False,
        "Timestamp": "2026-11-02T15:00:00.000000Z",
        "Name": "prior-authorization",
        "Version": "1.0.0",
        "Input": '{"record": "Task/1"}',
    },
]


@pytest.fixture(scope="module")
def functions() -> Iterator[dict[str, str]]:
    """Name -> id of each function that the worker indexed."""

    def message(**fields: Any) -> SimpleNamespace:
        return SimpleNamespace(**fields)

    handle_event.protos = SimpleNamespace(
        BindingInfo=_BindingInfo, RpcFunctionMetadata=message, RpcRetryOptions=message, StatusResult=message
    )
    load_binding_registry()
    start_threadpool_executor()
    sys.modules.pop("function_app", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))  # other tests have put other apps there
        found = handle_event.index_functions(str(ROOT / "function_app.py"), str(ROOT))
    yield {each.name: each.function_id for each in found}
    sys.modules.pop("function_app", None)
    stop_threadpool_executor()


class _BindingInfo(SimpleNamespace):
    """What the worker makes of a binding; the directions are those of the wire."""

    out = 1
    inout = 2


def test_every_function_is_indexed(functions: dict[str, str]) -> None:
    assert {"submit", "list_tasks", "sweep", "prior_authorization", "record_decision", "review_load"} <= set(functions)


def test_an_orchestrator_takes_its_first_turn(functions: dict[str, str]) -> None:
    context = {
        "history": HISTORY,
        "input": '{"record": "Task/1"}',
        "instanceId": "prior-authorization-1",
        "isReplaying": False,
        "parentInstanceId": None,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
    }
    inputs = [("context", Datum(json.dumps(context), "string"))]
    function = functions["prior_authorization"]
    handled, ok, returned, *_ = native_invocation.run_invocation_sync("i1", function, inputs, {})
    assert handled
    assert ok
    turn = json.loads(returned.value)
    assert [action["functionName"] for action in turn["actions"][0]] == ["open_case"]
    assert turn["customStatus"]["step"] == "open-case"


async def test_an_activity_runs(functions: dict[str, str]) -> None:
    rules = MemoryRules()
    judged = Judgement({"Determination": {"outcome": "pend", "reason": "no-criterion"}})
    rules.register("determination", "1.0.0", lambda _: judged)
    envelope = Envelope(
        case=CaseRef(id="c", workflow="w", version="1", record="Task/1", rules={"determination": "1.0.0"}),
        step=StepRef(id="determine", n=1),
        at="2026-11-02T15:00:00Z",
        data={
            "eligibility": "eligible",
            "requirements": [{"sequence": 1, "kind": "no-criterion", "rule": "PA-NONE"}],
            "findings": [],
        },
    )
    inputs = [("envelope", Datum(envelope.model_dump_json(), "json"))]
    events = MemoryEvents()
    with use(Connections(MemoryFhir(), rules, MemoryNotifier(frozenset()), Settings(), events, events)):
        ok, returned, *_ = await native_invocation.invocation_request_native("i2", functions["determine"], inputs, {})
    assert ok
    (item,) = json.loads(returned.value)["data"]["items"]
    assert item["determination"] == {"outcome": "pend", "reason": "no-criterion"}
