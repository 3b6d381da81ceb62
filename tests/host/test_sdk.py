"""What the host changes in the SDK, and how it finds out that the SDK has changed."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import dateutil.parser  # type: ignore[import-untyped]
import pytest
from azure.durable_functions.models.TaskOrchestrationExecutor import TaskOrchestrationExecutor
from hypothesis import given
from hypothesis import strategies as st

from host import sdk
from host.app import load_app
from host.model import Event, EventKind
from host.options import HubOptions
from host.recording import replay
from host.testing import FunctionsInvoker, durable_host
from host.wire_v1 import basic, instant, wire

EVENTS: Any = import_module("azure.durable_functions.models.history.HistoryEvent")
HOST_JSON = '{"version": "2.0"}'
APP = """
import azure.durable_functions as df
app = df.DFApp()
"""


class Spy:
    """dateutil's parser, which notes what it is given."""

    def __init__(self) -> None:
        self.texts: list[Any] = []

    def __call__(self, text: Any) -> Any:
        self.texts.append(text)
        return dateutil.parser.parse(text)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """The SDK's own parser under the fast one."""
    spy = Spy()
    monkeypatch.setattr(EVENTS, "dt_parse", spy)
    sdk.read_instants_fast()
    spy.texts.clear()
    return spy


@pytest.fixture(scope="module")
def fast() -> Iterator[Callable[[str], datetime]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EVENTS, "dt_parse", dateutil.parser.parse)
        sdk.read_instants_fast()
        yield EVENTS.dt_parse


def read(text: Any) -> Any:
    return EVENTS.HistoryEvent(EventType=12, EventId=-1, IsPlayed=False, Timestamp=text).timestamp


@given(when=st.datetimes(), digits=st.integers(0, 7), form=st.sampled_from(["%Y-%m-%dT%H:%M:%S", "%Y%m%dT%H%M%S"]))
def test_instants_are_read_as_dateutil_reads_them(
    fast: Callable[[str], datetime], when: datetime, digits: int, form: str
) -> None:
    fraction = f".{when.microsecond:06}7"[: digits + 1] if digits else ""
    text = when.strftime(form).zfill(len("2026-01-05T09:00:00" if "-" in form else "20260105T090000")) + fraction + "Z"
    read, expected = fast(text), dateutil.parser.parse(text)
    assert read == expected
    assert repr(read) == repr(expected), "the same tzinfo: the code of an orchestrator sees it"


@given(when=st.datetimes())
def test_what_the_host_sends_never_goes_to_dateutil(when: datetime) -> None:
    event = Event(kind=EventKind.TURN_STARTED, at=when.astimezone())
    with pytest.MonkeyPatch.context() as patch:
        spy = Spy()
        patch.setattr(EVENTS, "dt_parse", spy)
        sdk.read_instants_fast()
        spy.texts.clear()
        for stamp in (instant, basic):
            assert EVENTS.HistoryEvent(**wire(event, stamp)).timestamp == event.at
        assert spy.texts == []


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T09:00:00+02:00",
        "2026-01-05T09:00:00+00:00",
        "2026-01-05T09:00:00",
        "2026-01-05 09:00:00Z",
        "2026-01-05T09:00:00.12345678Z",
        "2026-01-05T09:00Z",
        "5 January 2026 09:00",
        b"2026-01-05T09:00:00Z",
    ],
)
def test_other_texts_are_read_by_dateutil(spy: Spy, text: Any) -> None:
    assert read(text) == dateutil.parser.parse(text)
    assert spy.texts == [text]


@pytest.mark.parametrize("text", ["2026-02-30T09:00:00Z", "20260105T250000Z", "soon", None])
def test_errors_are_those_of_dateutil(spy: Spy, text: Any) -> None:
    with pytest.raises(Exception) as ours:  # noqa: PT011 (compared below)
        read(text)
    with pytest.raises(type(ours.value)) as theirs:
        dateutil.parser.parse(text)
    assert str(ours.value) == str(theirs.value)


def test_it_is_done_once(spy: Spy) -> None:
    done = EVENTS.dt_parse
    sdk.read_instants_fast()
    assert EVENTS.dt_parse is done


def test_without_the_name_the_sdk_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.delattr(EVENTS, "dt_parse")
    sdk.read_instants_fast()
    assert not hasattr(EVENTS, "dt_parse")
    (line,) = caplog.records
    assert line.levelno == logging.DEBUG
    assert "dt_parse is gone" in line.getMessage()


def test_without_the_sdk_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, EVENTS.__name__)
    sdk.read_instants_fast()
    assert EVENTS.__name__ not in sys.modules


def test_a_loaded_app_reads_instants_fast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy()
    monkeypatch.setattr(EVENTS, "dt_parse", spy)
    (tmp_path / "host.json").write_text(HOST_JSON)
    (tmp_path / "instants_app.py").write_text(APP)
    load_app(tmp_path, {"PYTHON_SCRIPT_FILE_NAME": "instants_app.py"})
    spy.texts.clear()
    read("2026-01-05T09:00:00.000000Z")
    assert spy.texts == []


def waits(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.wait_for_external_event("go")


async def test_tests_and_replays_of_recordings_read_instants_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy()
    monkeypatch.setattr(EVENTS, "dt_parse", spy)
    options = HubOptions(sessions="cold")
    async with durable_host(FunctionsInvoker({"waits": waits}), options=options) as host:
        recording = await host.record((await host.run("waits")).instance_id)
    monkeypatch.setattr(EVENTS, "dt_parse", spy)
    assert replay(recording, waits) == []
    assert set(spy.texts) == {"1970-01-01T00:00:00Z"}, "asked for its time zone alone"


# --- names of a resident session


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    sdk.missing_name.cache_clear()
    yield
    sdk.missing_name.cache_clear()


def test_all_names_are_there() -> None:
    assert sdk.missing_name() is None


def test_a_method_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(TaskOrchestrationExecutor, "set_task_value")
    assert sdk.missing_name() == (
        "TaskOrchestrationExecutor:TaskOrchestrationExecutor.set_task_value(self, event, is_success, id_key)"
    )


def test_a_method_with_other_parameters_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(self: Any, context: Any, fn: Any) -> str:
        return ""

    monkeypatch.setattr(TaskOrchestrationExecutor, "execute", execute)
    assert "execute(self, context, history, fn)" in (sdk.missing_name() or "")


def test_an_attribute_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("azure.durable_functions.models.DurableOrchestrationContext")

    class Renamed:
        from_json = module.DurableOrchestrationContext.from_json
        histories = open_tasks = _histories = _input_expected_type = None

    monkeypatch.setattr(module, "DurableOrchestrationContext", Renamed)
    assert sdk.missing_name() == "DurableOrchestrationContext:DurableOrchestrationContext._action_payload_v2"


def test_a_module_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.durable_functions.models.actions.CompoundAction", None)
    assert (sdk.missing_name() or "").startswith("actions.CompoundAction:CompoundAction")
