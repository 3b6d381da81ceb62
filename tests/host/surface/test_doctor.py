"""``doctor``: what it finds, and that it changes nothing and tells no values."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from host import lock, telemetry
from host.cli import data_checks
from host.cli.app_checks import app_findings
from host.cli.data_checks import data_findings, port_finding
from host.cli.doctor import package_finding, python_finding
from host.cli.finding import Finding
from host.cli.start import STORE
from host.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[3]
HEAD = "import azure.functions as func\napp = func.FunctionApp()\n"
HOST_JSON = """{"version": "2.0", "logging": {"logLevel": {"Function": "Error"}}, "extensions": {
    "http": {"routePrefix": "", "dynamicThrottlesEnabled": true},
    "durableTask": {"hubName": "H", "storageProvider": {"type": "mssql"}},
    "kafka": {"MAXBATCHSIZE": 3, "sslCertificate": 1}, "queues": {}}}"""


def examine(directory: Path, code: str, host_json: str = '{"version": "2.0"}', **settings: str) -> list[Finding]:
    """Findings of an app of one module."""
    name = f"doctor_{uuid.uuid4().hex}.py"
    (directory / name).write_text(HEAD + code)
    (directory / "host.json").write_text(host_json)
    return list(app_findings(directory, {"PYTHON_SCRIPT_FILE_NAME": name, **settings}))


def problems(findings: Sequence[Finding]) -> list[str]:
    return [finding.text for finding in findings if finding.level == "problem"]


def notes(findings: Sequence[Finding]) -> list[str]:
    return [finding.text for finding in findings if finding.level == "note"]


TIMER = "@app.timer_trigger(schedule='%{}%', arg_name='timer')\ndef {}(timer: func.TimerRequest) -> None: ...\n"
ROUTE = "@app.route('{}')\ndef {}(req: func.HttpRequest) -> str:\n    return ''\n"
QUEUE = (
    "@app.queue_trigger(arg_name='message', queue_name='q', connection='S')\n"
    "def queued(message: func.QueueMessage) -> None: ...\n"
)


def test_a_good_app_is_ok(tmp_path: Path) -> None:
    findings = examine(tmp_path, ROUTE.format("a", "a") + TIMER.format("TICK", "tick"), TICK="0 0 0 * * *")
    assert [str(finding) for finding in findings] == [
        "ok       The app loads: 2 functions (1 httpTrigger, 1 timerTrigger), names are unique."
    ]


KAFKA = (
    "@app.kafka_trigger(arg_name='record', topic='t', broker_list='B', consumer_group='g')\n"
    "def consumed(record: func.KafkaEvent) -> None: ...\n"
)
EVENT_HUB = (
    "@app.event_hub_message_trigger(arg_name='event', event_hub_name='h', connection='C')\n"
    "def received(event: func.EventHubEvent) -> None: ...\n"
)
HUBS = "Endpoint=sb://h/;SharedAccessKeyName=k;SharedAccessKey=canary"


@pytest.mark.parametrize(
    ("code", "setting", "module", "package"),
    [
        (KAFKA, {}, "confluent_kafka", "confluent-kafka"),
        (EVENT_HUB, {"C": HUBS}, "azure.eventhub", "azure-eventhub"),
        ("", {telemetry.CONNECTION: "canary"}, "azure.monitor.opentelemetry", "azure-monitor-opentelemetry"),
    ],
)
def test_a_package_that_the_app_needs_and_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, setting: dict[str, str], module: str, package: str
) -> None:
    assert problems(examine(tmp_path, code + ROUTE.format("a", "a"), **setting)) == []
    monkeypatch.setitem(sys.modules, module, None)
    (text,) = problems(examine(tmp_path, code + ROUTE.format("a", "a"), **setting))
    assert f"pip install {package}" in text


def test_every_missing_setting_is_named(tmp_path: Path) -> None:
    found = problems(examine(tmp_path, TIMER.format("ONE", "a") + TIMER.format("TWO", "b")))
    assert [text.split(",")[0] for text in found] == [
        "The schedule of a refers to the app setting ONE",
        "The schedule of b refers to the app setting TWO",
    ]


def test_settings_that_do_not_fit_are_named_without_their_values(tmp_path: Path) -> None:
    (text,) = problems(examine(tmp_path, TIMER.format("TICK", "tick"), TICK="canary"))
    assert text == "The schedule '%TICK%' of tick: must have the form [d.]hh:mm:ss."


def test_an_import_that_fails_tells_place_and_type_only(tmp_path: Path) -> None:
    (text,) = problems(examine(tmp_path, "raise ValueError('canary')\n"))
    assert text.endswith("line 3: ValueError")
    (text,) = problems(examine(tmp_path, "import no_such_module\n"))
    assert "No module named 'no_such_module'" in text


def test_names_and_routes_that_collide(tmp_path: Path) -> None:
    (text,) = problems(examine(tmp_path, ROUTE.format("a", "same") + ROUTE.format("b", "same")))
    assert "same" in text
    (text,) = problems(examine(tmp_path, ROUTE.format("a/{x}", "one") + ROUTE.format("a/{y}", "two")))
    assert text.startswith("one and two both answer")


def test_functions_that_are_not_served_or_disabled(tmp_path: Path) -> None:
    code = QUEUE + ROUTE.format("a", "a")
    (text,) = problems(examine(tmp_path, code))
    assert text.startswith("queued is not served: the binding 'queueTrigger'")
    assert notes(examine(tmp_path, code, **{"AzureWebJobs.queued.Disabled": "1"})) == ["queued is disabled."]


def test_keys_of_host_json_that_are_not_read(tmp_path: Path) -> None:
    (text,) = notes(examine(tmp_path, "", HOST_JSON))
    assert text == (
        "This host does nothing with logging.logLevel.Function, extensions.http.dynamicThrottlesEnabled, "
        "extensions.kafka.sslCertificate, extensions.queues of host.json."
    )


def test_versions() -> None:
    assert python_finding((3, 11)).level == "ok"
    assert python_finding((3, 12)).level == "note"
    assert package_finding("azure-functions-durable", "1.7.0").level == "ok"
    assert package_finding("azure-functions-durable", "2.0.0").level == "problem"


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data directory with a database, as a host leaves it."""
    path = tmp_path / "data"
    with lock.hold(path):
        store = SqliteStore(path / STORE)
        await store.open()
        await store.close()
    return path


async def test_a_good_data_directory_is_ok_and_stays_as_it_is(data: Path) -> None:
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    assert [finding.level for finding in data_findings(data)] == ["ok"] * 5
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before


async def test_a_host_that_runs_is_told(data: Path) -> None:
    with lock.hold(data):
        store = SqliteStore(data / STORE)
        await store.open()
        lock.publish(data, "http://127.0.0.1:7071")
        findings = list(data_findings(data))
        await store.close()
    assert problems(findings) == []
    (text,) = notes(findings)
    assert text.startswith("A host runs on it (http://127.0.0.1:7071, process ")
    assert notes(list(data_findings(data))) == []


async def test_files_that_others_may_read(data: Path) -> None:
    (data / STORE).chmod(0o640)
    (text,) = problems(list(data_findings(data)))
    assert STORE in text


async def test_a_full_disk(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_checks, "LEAST_FREE", 2**62)
    (text,) = problems(list(data_findings(data)))
    assert text.startswith("Only ")


async def test_a_damaged_document(data: Path) -> None:
    (data / "keys.json").touch(0o600)
    (text,) = problems(list(data_findings(data)))
    assert "keys.json is not JSON" in text


@pytest.mark.parametrize(("schema", "level"), [("0", "note"), ("999", "problem"), ("x", "problem")])
async def test_a_schema_of_another_host(data: Path, schema: str, level: str) -> None:
    with closing(sqlite3.connect(data / STORE)) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", [schema])
        connection.commit()
    assert level in {finding.level for finding in data_findings(data) if f"schema {schema}" in finding.text}


async def test_a_damaged_database(data: Path) -> None:
    path = data / STORE
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    assert STORE in problems(list(data_findings(data)))[0]
    path.write_bytes(b"no database, but long enough to have a header" * 100)
    (text,) = problems(list(data_findings(data)))
    assert text.startswith(f"{STORE} cannot be read: ")


def test_a_directory_that_is_yet_to_be_made(tmp_path: Path) -> None:
    first, *_ = data_findings(tmp_path / "new" / "data")
    assert first.level == "note"
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    (text,) = problems(list(data_findings(tmp_path / "file")))
    assert "is no directory" in text


def test_a_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        assert port_finding("127.0.0.1", port, tmp_path).level == "problem"
        with lock.hold(tmp_path):
            lock.publish(tmp_path, f"http://127.0.0.1:{port}")
            assert port_finding("127.0.0.1", port, tmp_path).level == "note"
    assert port_finding("127.0.0.1", port, tmp_path).level == "ok"


@pytest.mark.parametrize(("code", "status"), [("", 0), (QUEUE, 1)])
def test_the_verb(tmp_path: Path, code: str, status: int) -> None:
    (tmp_path / "function_app.py").write_text(HEAD + ROUTE.format("a", "a") + code)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    command = [sys.executable, "-m", "host", "doctor", "--app", str(tmp_path), "--port", "0"]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done.stderr
    assert done.stdout.endswith(f"\n{'no problem' if status == 0 else '1 problem'} found.\n")
    assert "azure-functions-durable 1." in done.stdout
    assert not (tmp_path / ".data").exists()
