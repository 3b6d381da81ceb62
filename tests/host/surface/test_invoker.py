"""Invoking functions: in process and in a child process, by the same rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from host.app import AppIndex
from host.call import Call, HttpRequest, HttpResponse
from host.functions import Kind
from host.invocation import FunctionFailed, Invocation
from host.invocation import Kind as DurableKind
from host.invoker import AppInvoker
from host.isolation import IsolatedInvoker, WorkerLost
from host.settings import StartupError

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads:DeprecationWarning")  # said once a process


@pytest.fixture(params=["process", "child"])
async def invoker(request: pytest.FixtureRequest, app: AppIndex) -> AsyncIterator[AppInvoker]:
    made = AppInvoker(app) if request.param == "process" else IsolatedInvoker(app)
    yield made
    await made.close()


@pytest.fixture
async def isolated(app: AppIndex) -> AsyncIterator[IsolatedInvoker]:
    made = IsolatedInvoker(app)
    yield made
    await made.close()


def activity(name: str, body: str, kind: DurableKind = "activity") -> Invocation:
    return Invocation(kind, name, body, "instance-1", "invocation-1", f"00-{'a' * 32}-{'b' * 16}-01")


async def http(invoker: AppInvoker, name: str, **params: str) -> HttpResponse:
    request = HttpRequest("GET", "http://127.0.0.1/api", {"a": "b"}, {}, params, b"\x00\xff")
    answer = await invoker.run(invoker.app.function(name), Call(name, request, "i"))
    assert isinstance(answer, HttpResponse)
    return answer


async def test_known_names(invoker: AppInvoker) -> None:
    assert invoker.known("activity")["increment"] == "add_one"
    assert invoker.known("orchestrator")["approval"] == "Approval"


async def test_sync_and_async_activities(invoker: AppInvoker) -> None:
    assert await invoker.invoke(activity("add_one", "1")) == "2"
    assert await invoker.invoke(activity("log_it", '"x"')) == '"functions"'


async def test_entity(invoker: AppInvoker) -> None:
    batch = {
        "self": {"name": "counter", "key": "k"},
        "exists": True,
        "state": "5",
        "batch": [{"name": "add", "input": '"2"', "isSignal": True}],
    }
    answer = json.loads(await invoker.invoke(activity("Counter", json.dumps(batch), "entity")))
    assert answer["entityState"] == "7"


async def test_failure_carries_type_text_and_frames(invoker: AppInvoker) -> None:
    with pytest.raises(FunctionFailed) as caught:
        await invoker.invoke(activity("fail", '"why"'))
    assert (caught.value.type, caught.value.text) == ("ValueError", "why")
    assert caught.value.frames[-1].endswith(":fail")
    assert not any("host/runner.py" in frame for frame in caught.value.frames)


async def test_an_error_of_which_no_text_can_be_made_is_a_failure(invoker: AppInvoker) -> None:
    with pytest.raises(FunctionFailed) as caught:
        await asyncio.wait_for(invoker.invoke(activity("fail_without_text", '"x"')), 10)
    assert caught.value.type == "Unspeakable"
    assert caught.value.text == "Unhandled exception in function. Could not serialize original exception message."


async def test_context_of_an_async_function(invoker: AppInvoker) -> None:
    assert await invoker.invoke(activity("invocation_of_thread", '"x"')) == '"invocation-1 "'


async def test_failure_of_an_orchestrator_names_its_cause(invoker: AppInvoker) -> None:
    with pytest.raises(FunctionFailed) as caught:
        await invoker.invoke(activity("sequence", '{"history": []}', "orchestrator"))
    assert caught.value.type
    assert caught.value.frames


async def test_http(invoker: AppInvoker) -> None:
    answer = await http(invoker, "submit")
    assert answer.status == 201
    assert ("Set-Cookie", "a=b; Path=/") in answer.headers
    with pytest.raises(FunctionFailed, match='unsupported type "http" for Python type "NoneType"'):
        await http(invoker, "nothing")


async def test_hung_async_function_is_ended(invoker: AppInvoker) -> None:
    with pytest.raises(FunctionFailed, match="Timeout value of 0:00:02 was exceeded by function: sleep"):
        await http(invoker, "sleep", seconds="60")


async def test_hung_thread_in_process_is_given_up_and_named(app: AppIndex, caplog: pytest.LogCaptureFixture) -> None:
    invoker = AppInvoker(app)
    with pytest.raises(FunctionFailed, match="Timeout value of 0:00:02 was exceeded by function: hang"):
        await http(invoker, "hang", seconds="2.5")
    assert "hang ran longer than functionTimeout (0:00:02) and is given up" in caplog.text
    assert invoker.hanging == ("hang",)
    while invoker.hanging:  # noqa: ASYNC110 a thread, which has no event
        await asyncio.sleep(0.05)
    await invoker.close()


async def test_function_that_hangs_leaves_its_place_to_others(app: AppIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_THREADPOOL_THREAD_COUNT", "1")
    invoker = AppInvoker(app)
    hung = asyncio.ensure_future(http(invoker, "hang", seconds="3"))
    await asyncio.sleep(0)
    assert (await http(invoker, "whoami")).status == 200
    with pytest.raises(FunctionFailed, match="FunctionTimeoutException"):
        await hung
    await invoker.close()
    assert invoker.hanging == ("hang",), "the host does not wait for it"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("quit", "SystemExit"),
        ("quit_async", "SystemExit"),
        ("give_up", "CancelledError"),
        ("give_up_async", "CancelledError"),
    ],
)
async def test_function_that_ends_by_no_exception_fails_and_the_host_lives_on(
    invoker: AppInvoker, name: str, error: str
) -> None:
    with pytest.raises(FunctionFailed, match=error):
        await invoker.invoke(activity(name, '"x"'))
    assert await invoker.invoke(activity("log_it", '"x"')) == '"functions"'


async def test_hung_function_is_killed_and_others_run_again(isolated: IsolatedInvoker) -> None:
    first = (await http(isolated, "hang", seconds="0")).body
    hung = asyncio.ensure_future(isolated.invoke(activity("sleeper", "60")))
    await asyncio.sleep(1)
    beside = asyncio.ensure_future(http(isolated, "hang", seconds="60"))
    with pytest.raises(FunctionFailed, match="FunctionTimeoutException"):
        await hung
    with pytest.raises(WorkerLost):
        await beside
    second = (await http(isolated, "hang", seconds="0")).body
    assert first != second


async def test_hung_orchestrator_is_run_again_by_the_engine(app: AppIndex, isolated: IsolatedInvoker) -> None:
    function = app.function("hang")
    turn = type(function)(**{**vars(function), "kind": Kind.ORCHESTRATION})
    request = HttpRequest("GET", "http://127.0.0.1", {}, {}, {"seconds": "60"}, b"")
    with pytest.raises(WorkerLost):
        await isolated.run(turn, Call("hang", request, "i"))


@pytest.mark.parametrize("count", ["0", "many"])
def test_thread_count_must_be_a_number(app: AppIndex, monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    monkeypatch.setenv("PYTHON_THREADPOOL_THREAD_COUNT", count)
    with pytest.raises(StartupError, match="PYTHON_THREADPOOL_THREAD_COUNT must be a number"):
        AppInvoker(app)


async def test_dead_process_is_started_again(isolated: IsolatedInvoker, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(WorkerLost):
        await http(isolated, "leave")
    assert (await http(isolated, "latest")).status == 200
    assert "the process of the functions ended with status 3" in caplog.text


async def test_in_process_trace_and_instance_reach_log_lines(app: AppIndex, caplog: pytest.LogCaptureFixture) -> None:
    from host.logs import Correlate

    caplog.handler.addFilter(Correlate())
    invoker = AppInvoker(app)
    await invoker.invoke(activity("log_it", '"x"'))
    await invoker.close()
    (record,) = [record for record in caplog.records if record.name == "app"]
    assert (record.__dict__["trace"], record.__dict__["instance"]) == ("a" * 32, "instance-1")
