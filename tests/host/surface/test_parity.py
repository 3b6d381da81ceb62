"""Functions that load here load in the real Python worker of Azure, and the other way round.

The worker library (``azure-functions-runtime``) exists for Python 3.13 and newer; elsewhere this is skipped.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from host.functions import BindingError, describe

runtime = pytest.importorskip("azure_functions_runtime.functions", reason="azure-functions-runtime is not installed")

ROOT = Path(__file__).parents[3]
PROTOS = SimpleNamespace(BindingInfo=SimpleNamespace(inout=2, out=1, undefined=None))
CASES = """
import typing
import azure.functions as func
import azure.durable_functions as df
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("a")
def fine(req: func.HttpRequest) -> func.HttpResponse: ...
@app.route("a")
def text(req: func.HttpRequest) -> str: ...
@app.route("a")
def number(req: func.HttpRequest) -> int: ...
@app.route("a")
def nothing(req: func.HttpRequest) -> None: ...
@app.route("a")
def union(req: func.HttpRequest) -> str | None: ...
@app.route("a")
def unannotated(req): ...
@app.route("a")
def surplus(req: func.HttpRequest, other: str): ...
@app.route("a")
def wrong_input(req: int): ...
@app.route("a")
def with_context(req: func.HttpRequest, context: func.Context): ...
@app.route("a")
def wrong_context(req: func.HttpRequest, context: int): ...
@app.timer_trigger(schedule="0 * * * * *", arg_name="t")
def timer(t: func.TimerRequest) -> None: ...
@app.timer_trigger(schedule="0 * * * * *", arg_name="t")
def timer_of_str(t: str) -> None: ...
@app.activity_trigger("x")
def activity(x: dict) -> dict: ...
@app.activity_trigger("x")
def generic_activity(x: dict[str, typing.Any]) -> dict[str, typing.Any]: ...
@app.activity_trigger("x")
def typing_activity(x: typing.Dict[str, typing.Any]) -> typing.List[str]: ...
@app.activity_trigger("x")
def tuple_activity(x: typing.Tuple[str, str]) -> str: ...
@app.activity_trigger("x")
def optional_activity(x: str | None) -> str | None: ...
@app.activity_trigger("x")
async def slow_activity(x: str): ...
@app.orchestration_trigger("context")
def orchestrator(context: df.DurableOrchestrationContext): ...
@app.entity_trigger("context")
def entity(context): ...
@app.route("a")
@app.durable_client_input("client")
async def starter(req: func.HttpRequest, client) -> func.HttpResponse: ...
"""


def registered(path: Path) -> list[Any]:
    spec = importlib.util.spec_from_file_location("parity_app", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["parity_app"] = module
    spec.loader.exec_module(module)
    return list(module.app.get_functions())


@pytest.fixture(autouse=True)
def worker() -> Iterator[None]:
    from azure_functions_runtime.bindings.meta import load_binding_registry

    load_binding_registry()
    yield
    sys.modules.pop("parity_app", None)


def worker_takes(function: Any) -> bool:
    try:
        runtime.Registry().add_indexed_function(function, PROTOS)
    except Exception:
        return False
    return True


def host_takes(function: Any) -> bool:
    try:
        describe(function)
    except BindingError:
        return False
    return True


def test_same_functions_load(tmp_path: Path) -> None:
    (tmp_path / "cases.py").write_text(CASES)
    functions = registered(tmp_path / "cases.py")
    ours = {function.get_function_name(): host_takes(function) for function in functions}
    assert ours == {function.get_function_name(): worker_takes(function) for function in functions}
    assert len(set(ours.values())) == 2
    assert ours["timer"]
    assert ours["timer_of_str"]


@pytest.mark.skipif(not (ROOT / "function_app.py").is_file(), reason="no app beside the host")
def test_the_app_of_this_repository_loads_in_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    for function in registered(ROOT / "function_app.py"):
        assert host_takes(function), function.get_function_name()
        assert worker_takes(function), function.get_function_name()
    assert os.getcwd() == str(ROOT)
