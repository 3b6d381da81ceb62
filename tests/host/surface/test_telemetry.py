"""Spans and trace contexts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from host import telemetry
from host.app import AppIndex
from host.settings import StartupError
from host.spans import JsonLines, as_json
from host.telemetry import Telemetry, trace_id
from host.testing_http import http_host


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Telemetry:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Telemetry(provider.get_tracer("test"))


async def test_one_trace_from_request_to_activity(
    app: AppIndex, spans: Telemetry, exporter: InMemorySpanExporter
) -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    async with http_host(app, telemetry=spans) as host:
        async with host.client.post("/api/start/sequence?id=x", json=1, headers={"traceparent": parent}) as response:
            assert response.status == 202
        await host.durable.settled("x")
    found = [as_json(span) for span in exporter.get_finished_spans()]
    assert {span["trace"] for span in found} == {"a" * 32}
    names = [str(span["name"]) for span in found]
    assert sorted(set(names)) == ["POST /api/start/{name}", "activity:add_one", "orchestration:sequence"]
    assert names.count("orchestration:sequence") == 3
    request = next(span for span in found if span["kind"] == "SERVER")
    assert request["parent"] == "b" * 16
    assert {span["parent"] for span in found if span is not request} == {request["span"]}
    activity = next(span for span in found if span["name"] == "activity:add_one")
    assert dict(activity["attributes"])["durabletask.task.instance_id"] == "x"  # type: ignore[call-overload]


async def test_the_state_of_a_trace_goes_with_it(
    app: AppIndex, spans: Telemetry, exporter: InMemorySpanExporter
) -> None:
    headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "k=1"}
    async with http_host(app, telemetry=spans) as host:
        async with host.client.get("/api/nothing", headers=headers):
            pass
        url = "/durabletask/entities/Keeper/k?op=keep"
        async with host.client.post(url, json="1", headers=headers) as response:
            assert response.status == 202
        async with host.client.post("/durabletask/orchestrators/sequence", json="1", headers=headers) as response:
            assert response.status == 202
        await host.durable.hub.idle()
    found = {span.name: span.get_span_context() for span in exporter.get_finished_spans()}
    assert set(found) == {"GET /api/nothing", "entity:Keeper", "orchestration:sequence", "activity:add_one"}
    assert [context.trace_state.to_header() for context in found.values() if context] == ["k=1"] * 4


async def test_failures_are_marked_by_type_alone(
    app: AppIndex, spans: Telemetry, exporter: InMemorySpanExporter
) -> None:
    async with http_host(app, telemetry=spans) as host:
        async with host.client.get("/api/broken?secret=1") as response:
            assert response.status == 500
        await host.durable.hub.start("failing", instance_id="f")
        await host.durable.settled("f")
    finished = exporter.get_finished_spans()
    text = "\n".join(span.to_json() for span in finished)
    failed = {span.name: span.attributes for span in finished if span.status.status_code.value == 2}
    assert (failed["GET /api/broken"] or {})["error.type"] == "ValueError"
    assert (failed["activity:fail"] or {})["error.type"] == "ValueError"
    assert "canary" not in text
    assert "secret" not in text


async def test_a_turn_whose_code_raises_is_marked_also_where_the_code_lives(
    app: AppIndex, spans: Telemetry, exporter: InMemorySpanExporter
) -> None:
    async with http_host(app, telemetry=spans) as host:
        for instance in ("replayed", "living"):
            await host.durable.run("failing", None, instance)
    failed = [span.attributes or {} for span in exporter.get_finished_spans() if not span.status.is_ok]
    turns = [each for each in failed if each["durabletask.type"] == "orchestration"]
    assert {(each["durabletask.task.instance_id"], each["error.type"]) for each in turns} == {
        ("replayed", "Exception"),
        ("living", "Exception"),
    }


@pytest.mark.parametrize("headers", [{}, {"traceparent": "canary"}, {"traceparent": f"00-{'0' * 32}-{'b' * 16}-01"}])
async def test_an_instance_that_nobody_traced_has_one_trace(
    app: AppIndex, spans: Telemetry, exporter: InMemorySpanExporter, headers: dict[str, str]
) -> None:
    async with http_host(app, telemetry=spans) as host:
        url = "/durabletask/orchestrators/sequence"
        async with host.client.post(url, json="1", headers=headers) as response:
            assert response.status == 202
        await host.durable.hub.idle()
    found = [as_json(span) for span in exporter.get_finished_spans()]
    assert len(found) == 5
    assert len({span["trace"] for span in found}) == 1


async def test_a_look_at_an_instance_is_no_turn_of_it(
    app: AppIndex, spans: Telemetry, exporter: InMemorySpanExporter
) -> None:
    async with http_host(app, telemetry=spans) as host:
        await host.durable.run("Approval", 1, "w")
        exporter.clear()
        async with host.client.get(f"/admin/instances/w?replay=true&code={host.keys.master}") as response:
            assert response.status == 200
        assert exporter.get_finished_spans() == ()


async def test_whether_a_trace_is_recorded_is_its_senders_decision(app: AppIndex) -> None:
    for flags in ("00", "01"):
        headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-{flags}"}
        async with http_host(app) as host:
            async with host.client.post(f"/api/start/Approval?id=x{flags}", json=1, headers=headers) as response:
                assert response.status == 202
            status = await host.durable.hub.status(f"x{flags}")
        assert status is not None
        assert (status.traceparent or "").startswith(f"00-{'a' * 32}-")
        assert (status.traceparent or "").endswith(f"-{flags}")


async def test_trace_goes_on_without_an_exporter(app: AppIndex) -> None:
    async with http_host(app) as host:
        async with host.client.post("/api/start/Approval?id=x", json=1) as response:
            assert response.status == 202
        status = await host.durable.hub.status("x")
    assert status is not None
    assert len(trace_id(status.traceparent)) == 32


def test_spans_as_json_lines(tmp_path: Path, spans: Telemetry, exporter: InMemorySpanExporter) -> None:
    with spans.span("one", None, {"a": "b"}):
        pass
    path = tmp_path / "spans.jsonl"
    lines = JsonLines(path.open("w"))
    lines.export(exporter.get_finished_spans())
    lines.shutdown()
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["attributes"] == {"a": "b"}


def test_nothing_is_set_up_unasked() -> None:
    script = (
        "import sys; from host.telemetry import set_up; set_up(None, {}); "
        "sys.exit(any(name in sys.modules for name in ('opentelemetry.sdk', 'azure.monitor')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"--spans: .* cannot be written \(Is a directory\)"):
        telemetry.set_up(str(tmp_path), {})


def test_azure_monitor_that_cannot_be_reached_for_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = {telemetry.CONNECTION: "canary-value"}
    with pytest.raises(StartupError, match="is no connection string of Azure Monitor") as refused:
        telemetry.set_up(None, setting)
    assert "canary" not in str(refused.value)
    monkeypatch.setitem(sys.modules, "azure.monitor.opentelemetry", None)
    with pytest.raises(StartupError, match="pip install azure-monitor-opentelemetry"):
        telemetry.set_up(None, setting)


def test_azure_monitor_by_its_connection_string_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import azure.monitor.opentelemetry as monitor

    asked = list[dict[str, str]]()
    monkeypatch.setattr(monitor, "configure_azure_monitor", lambda **options: asked.append(options))
    telemetry.set_up(None, {telemetry.CONNECTION: ""})
    assert asked == []
    telemetry.set_up(None, {telemetry.CONNECTION: "InstrumentationKey=x"})
    assert asked[0]["connection_string"] == "InstrumentationKey=x"
