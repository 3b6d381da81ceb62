"""Starting and stopping, with a small server in place of the Java ones."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from stack import lifecycle, processes, readiness
from stack.__main__ import main
from stack.options import ALL, CAMUNDA, Options, StackError
from stack.processes import Running
from stack.server import Server
from stack.servers import servers
from tests.ports import free_port
from tests.stack.camunda import free_ports

READY = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Small(Server):
    """A server of twenty lines; ``arguments`` hold its program."""

    def build(self) -> Path:
        return Path("unused.jar")

    def start(self) -> Running:
        command = [sys.executable, "-c", self.arguments[0], str(self.port)]
        return processes.spawn(command, self.port, self.pid_file, self.log)


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Options]:
    use(monkeypatch, READY)
    options = Options(
        data=tmp_path,
        fhir_port=free_port(),
        rules_port=free_port(),
        kafka_port=free_port(),
        registry_port=free_port(),
        stop_seconds=5,
        ready_seconds=20,
    )
    yield options
    lifecycle.down(options)


def small_server(server: Server, program: str) -> Small:
    values = {each.name: getattr(server, each.name) for each in fields(server)}
    ready = readiness.http(f"http://127.0.0.1:{server.port}/health/ready")
    return Small(**{**values, "arguments": (program,), "ready": ready})


def use(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    def small(options: Options) -> list[Server]:
        return [small_server(server, program) for server in servers(options)]

    monkeypatch.setattr(lifecycle, "servers", small)


def test_up_is_idempotent_and_down_too(options: Options) -> None:
    first = lifecycle.up(options)
    pids = [state.pid for state in first.states()]
    assert first.started == ("rules", "fhir", "kafka", "registry")
    assert first.fhir_url == f"http://127.0.0.1:{options.fhir_port}/fhir"
    assert first.rules_url == f"http://127.0.0.1:{options.rules_port}"
    assert first.kafka_brokers == f"127.0.0.1:{options.kafka_port}"
    assert first.registry_url == f"http://127.0.0.1:{options.registry_port}/apis/ccompat/v7"
    assert all(state.ready for state in first.states())
    again = lifecycle.up(options)
    assert again.started == ()
    assert [state.pid for state in again.states()] == pids
    assert lifecycle.down(options) == ["rules service", "FHIR server", "Kafka broker", "schema registry"]
    assert lifecycle.down(options) == []
    assert [state.pid for state in lifecycle.status(options)] == [None] * 4


def test_a_taken_port_is_told_with_its_setting(options: Options) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", options.fhir_port))
        other.listen()
        with pytest.raises(StackError, match=rf"Port {options.fhir_port} of the FHIR server is taken .* --fhir-port\."):
            lifecycle.up(options)


def test_a_further_port_is_looked_at_too(options: Options) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        camunda = replace(free_ports(options), only=CAMUNDA, camunda_grpc_port=port)
        with pytest.raises(StackError, match=rf"Port {port} of the Camunda engine is taken .* --camunda-grpc-port\."):
            lifecycle.up(camunda)


def test_camunda_is_opt_in_and_whoever_starts_it_is_told_its_licence(
    options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "Camunda 8.6: Camunda License 1.0, non-production use only\n"
    assert "camunda" not in [server.name for server in servers(Options())]
    lifecycle.up(replace(options, only=("rules",)))
    assert line not in capsys.readouterr().err
    camunda = free_ports(replace(options, only=("rules", *CAMUNDA)))
    assert lifecycle.up(camunda).started == CAMUNDA
    assert line in capsys.readouterr().err
    lifecycle.up(camunda)
    assert line not in capsys.readouterr().err
    lifecycle.down(camunda)


def test_the_same_data_is_not_served_twice(options: Options) -> None:
    lifecycle.up(options)
    other = replace(options, fhir_port=free_port())
    with pytest.raises(StackError, match=rf"already runs on port {options.fhir_port}: stop it first"):
        lifecycle.up(other)


def test_a_server_that_dies_while_starting_takes_the_others_along(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "import sys; sys.exit(3)")
    with pytest.raises(StackError, match=r"stopped while it was starting: see .*\.log\."):
        lifecycle.up(options)
    assert [state.pid for state in lifecycle.status(options)] == [None] * 4


def test_a_server_that_does_not_get_ready_is_stopped(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "import time; time.sleep(60)")
    impatient = replace(options, only=("fhir",), ready_seconds=0.5)
    with pytest.raises(StackError, match=r"The FHIR server was not ready after 0 s"):
        lifecycle.up(impatient)
    assert lifecycle.status(impatient)[0].pid is None


def test_only_some_servers(options: Options) -> None:
    started = lifecycle.up(replace(options, only=("rules",)))
    assert started.started == ("rules",)
    with pytest.raises(StackError, match=r"This stack has no kafka: it was started with rules only\."):
        _ = started.kafka_brokers


def test_a_check_that_hangs_does_not_hang_the_start(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()

    def small(options: Options) -> list[Server]:
        return [replace(small_server(server, READY), ready=lambda: let_go.wait(60)) for server in servers(options)]

    monkeypatch.setattr(lifecycle, "servers", small)
    impatient = replace(options, only=("kafka",), ready_seconds=0.5)
    try:
        with pytest.raises(StackError, match=r"The Kafka broker was not ready after 0 s"):
            lifecycle.up(impatient)
        assert lifecycle.down(impatient) == []
    finally:
        let_go.set()


def test_the_command_line_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--data", str(tmp_path), "--only", "mail"]) == 1
    assert capsys.readouterr().err == f"There is no server mail: the servers are {', '.join(ALL)}.\n"


def test_the_command_line_tells_what_runs(options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    where = [
        "--data",
        str(options.data),
        "--fhir-port",
        str(options.fhir_port),
        "--rules-port",
        str(options.rules_port),
        "--kafka-port",
        str(options.kafka_port),
        "--registry-port",
        str(options.registry_port),
    ]
    assert main(["start", *where]) == 0
    assert main(["status", *where]) == 0
    assert main(["logs", *where]) == 0
    assert main(["stop", *where]) == 0
    assert main(["stop", *where]) == 0
    out = capsys.readouterr().out
    assert f"FHIR server: ready, http://127.0.0.1:{options.fhir_port}/fhir, pid" in out
    assert "stopped: rules service, FHIR server, Kafka broker, schema registry\nnothing runs" in out
