"""The command line, with real processes and the SQLite store."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from host.cli.api import Api
from host.cli.main import main

APP = Path(__file__).parent / "app"
ROOT = Path(__file__).parents[3]
WAIT = 60.0
"""Seconds: for a machine that is busy."""
STOP = 40.0
"""Seconds; less than what a hung function takes."""


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        time.sleep(0.05)


class Process:
    """A host of its own."""

    def __init__(self, data: Path, *options: str, app: Path = APP) -> None:
        command = [
            sys.executable,
            "-m",
            "host",
            "start",
            "--app",
            str(app),
            "--data",
            str(data),
            "--port",
            "0",
        ]
        self.begun = data.with_name("begun")
        """Is there once a function that waits has begun."""
        environ = os.environ | {"TICK": "0 0 0 1 1 *", "PYTHONUNBUFFERED": "1", "BEGUN": str(self.begun)}
        self.process = subprocess.Popen(
            [*command, *options], cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.data = data
        self.output = ""
        self.origin = self._ready()

    def _ready(self) -> str:
        assert self.process.stdout is not None
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            line = self.process.stdout.readline()
            self.output += line
            if line.startswith("Ready at "):
                return line.split()[2]
            if not line:
                break
        self.process.kill()
        self.process.communicate()
        raise AssertionError(f"the host did not start:\n{self.output}")

    def post(self, path: str, body: object = None) -> int:
        request = urllib.request.Request(self.origin + path, json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=WAIT) as response:
            return int(response.status)

    def wait_for(self, instance: str, word: str, capsys: pytest.CaptureFixture[str]) -> str:
        """The output of ``instances`` once it holds ``word``."""
        shown = [""]

        def holds() -> bool:
            capsys.readouterr()
            assert main(["instances", "--data", str(self.data), "--prefix", instance]) == 0
            shown.append(capsys.readouterr().out)
            return word in shown[-1]

        until(holds)
        return shown[-1]

    def wait_for_failure(self, instance: str) -> None:
        """Until the instance has failed."""
        api = Api(self.data)
        until(lambda: api.admin("GET", f"/instances/{instance}")["runtimeStatus"] == "Failed")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        try:
            text, _ = self.process.communicate(timeout=STOP)
            self.output += text
        finally:
            if self.process.poll() is None:
                self.process.kill()
        return int(self.process.returncode)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Process]:
    started = Process(tmp_path / "data", "--clock", "virtual")
    yield started
    if started.process.poll() is None:
        started.stop()


def test_no_verb_lists_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    verbs = ("instances", "history", "events", "terminate", "rewind", "purge", "export", "advance", "doctor")
    for verb in ("start", *verbs):
        assert re.search(rf"^ +{verb}\b", text, re.MULTILINE)


def test_a_reader_that_has_enough_gets_no_traceback(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "host", "doctor", "--app", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_start_prints_functions_and_urls(host: Process) -> None:
    assert f"submit: [POST] {host.origin}/api/fhir/Claim/$submit" in host.output
    assert "approval: orchestrationTrigger" in host.output
    assert "queued: NOT SERVED: the binding 'queueTrigger'" in host.output
    assert {"host.lock", "hub.sqlite", "keys.json"} <= {path.name for path in host.data.iterdir()}
    assert all(entry.stat().st_mode & 0o077 == 0 for entry in os.scandir(host.data))


def test_verbs(
    host: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ["--data", str(host.data)]
    assert host.post("/api/start/Approval?id=a-1", {"secret": "canary-value"}) == 202
    assert host.post("/api/start/sequence?id=b-1", 1) == 202
    shown = host.wait_for("a-1", "event decided", capsys)
    host.wait_for("b-1", "Completed", capsys)

    assert main(["events", "a-1", *data]) == 0
    shown += capsys.readouterr().out
    assert main(["events", "a-1", "--raise", "decided", "--content", '{"ok": true}', *data]) == 0
    shown += host.wait_for("a-1", "Completed", capsys)
    assert main(["history", "a-1", *data]) == 0
    shown += capsys.readouterr().out
    assert "event raised" in shown
    assert "canary-value" not in shown

    assert main(["export", "a-1", "--to", str(tmp_path / "a.json"), *data]) == 0
    recording = json.loads((tmp_path / "a.json").read_text())
    assert recording["name"] == "Approval"
    assert main(["export", "a-1", "--to", str(tmp_path), *data]) == 2
    assert f"{tmp_path} cannot be written (Is a directory)" in capsys.readouterr().err
    assert main(["purge", "a-1", *data]) == 0
    assert main(["purge", "a-1", *data]) == 2
    assert "There is no such instance." in capsys.readouterr().err

    host.post("/api/start/Approval?id=a-2", 1)
    assert main(["terminate", "a-2", "--reason", "test", *data]) == 0
    host.wait_for("a-2", "Terminated", capsys)
    assert main(["terminate", "a-2", *data]) == 2
    assert main(["purge", "--before", "2100-01-01", *data]) == 0
    assert "2 purged." in capsys.readouterr().out
    assert main(["purge", "--before", "2100-01-01", *data]) == 0
    assert "0 purged." in capsys.readouterr().out

    assert main(["advance", "--days", "2", *data]) == 0
    assert main(["advance", "--hours", "-1", *data]) == 2
    for days in ("nan", "1e300", "3e6"):
        assert main(["advance", "--days", days, *data]) == 2
    assert "year 9999" in capsys.readouterr().err
    monkeypatch.setattr("host.cli.api.TIMEOUT", 1e-4)  # of an answer, which an advance may take long to give
    assert main(["advance", "--minutes", "30", "--seconds", "30", *data]) == 0
    assert "2026-01-07T09:30:30" in capsys.readouterr().out
    monkeypatch.undo()
    assert host.stop() == 0
    assert main(["instances", *data]) == 2
    assert "No host runs on the data directory" in capsys.readouterr().err


def test_a_failure_is_told_and_rewound(host: Process, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(host.data)]
    host.post("/api/start/failing?id=f", 1)
    host.post("/api/start/sequence?id=done", 1)
    shown = host.wait_for("f", "failed: ValueError in activity fail", capsys)
    host.wait_for("done", "Completed", capsys)

    assert main(["instances", "f", *data]) == 0
    shown += (whole := capsys.readouterr().out)
    assert "f: failing, Failed" in whole
    assert re.search(r"function_app\.py:\d+:fail$", whole, re.MULTILINE)
    assert main(["history", "f", *data]) == 0
    shown += (events := capsys.readouterr().out)
    assert re.search(r"task failed +0 +ValueError at .*function_app\.py:\d+:fail$", events, re.MULTILINE)

    assert main(["rewind", "f", "--reason", "mended", *data]) == 0
    host.wait_for("f", "failed: ValueError", capsys)
    assert main(["history", "f", *data]) == 0
    shown += (events := capsys.readouterr().out)
    assert "rewound" in events
    assert "canary-value" not in shown
    assert main(["rewind", "done", *data]) == 2
    assert "only a failed one can be rewound" in capsys.readouterr().err
    host.post("/api/start/Approval?id=open", 1)
    assert main(["rewind", "open", *data]) == 2
    assert "terminate it first or wait for its end" in capsys.readouterr().err
    assert main(["rewind", "nobody", *data]) == 2
    assert "There is no such instance." in capsys.readouterr().err


def test_one_instance_is_told_whole(host: Process, capsys: pytest.CaptureFixture[str]) -> None:
    host.post("/api/start/Approval?id=w", 1)
    host.wait_for("w", "event decided", capsys)
    assert main(["events", "w", "--raise", "early", "--data", str(host.data)]) == 0
    lines = list[str]()

    def shown() -> bool:
        capsys.readouterr()
        assert main(["instances", "w", "--data", str(host.data)]) == 0
        lines[:] = capsys.readouterr().out.splitlines()
        return lines[2:] == ["  event decided", "  held event early (1)"]

    until(shown)  # once its turn is over
    assert lines[0] == "w: Approval, Running"


def test_retention_is_an_option_of_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start", "--app", str(APP), "--data", str(tmp_path / "data"), "--retain", "completed=soon"]) == 2
    assert "the span of completed must be like 30d" in capsys.readouterr().err
    process = Process(tmp_path / "data", "--clock", "virtual", "--retain", "completed=30d")
    data = ["--data", str(process.data)]
    process.post("/api/start/sequence?id=d", 1)
    process.wait_for("d", "Completed", capsys)
    assert main(["advance", "--days", "29", *data]) == 0
    process.wait_for("d", "Completed", capsys)
    assert main(["advance", "--days", "2", *data]) == 0
    capsys.readouterr()
    assert main(["instances", *data]) == 0
    assert "sequence" not in capsys.readouterr().out
    assert process.stop() == 0


def test_one_host_a_data_directory(host: Process) -> None:
    with pytest.raises(AssertionError, match="Another host uses the directory"):
        Process(host.data)


def test_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "host", "start", "--app", str(APP), "--data", str(tmp_path), "--port", port]
        environ = os.environ | {"TICK": "0 0 0 1 1 *"}
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=WAIT, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Port {port} of 127.0.0.1 cannot be opened")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--app", "/nowhere"], "/nowhere/host.json is missing"),
        (["--identities", "/nowhere.json"], "The identities file /nowhere.json cannot be read"),
    ],
)
def test_wrong_options_are_one_sentence(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["start", "--app", str(APP), "--data", str(tmp_path / "data"), *options]) == 2
    assert message in capsys.readouterr().err


def test_an_instant_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["purge", "--before", "yesterday"])
    assert exit_.value.code == 2
    assert "argument --before: must be a date, or a date and time, in ISO 8601" in capsys.readouterr().err


def test_what_is_no_app_gets_no_directory_of_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start", "--app", str(tmp_path / "typo")]) == 2
    assert "typo/host.json is missing" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_directory_of_state_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    for data in ("file", "file/below"):
        assert main(["start", "--app", str(APP), "--data", str(tmp_path / data)]) == 2
        assert f"{data} cannot be used (" in capsys.readouterr().err


def test_keys_of_another_host_are_named(host: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    (killed / "host.lock").write_text((host.data / "host.lock").read_text())  # it listened on the same port
    (killed / "keys.json").write_text('{"master": "other"}')
    assert main(["instances", "--data", str(killed)]) == 2
    assert "Another host answers there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "option", "message"),
    [
        ("start", "--port=99999", "--port: must be 0 to 65535"),
        ("start", "--port=-1", "--port: must be 0 to 65535"),
        ("start", "--port=http", "--port: invalid number value: 'http'"),
        ("start", "--max-body=-5", "--max-body: must be 1 or more"),
        ("doctor", "--port=99999", "--port: must be 0 to 65535"),
    ],
)
def test_numbers_out_of_range_are_refused(
    verb: str, option: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([verb, "--app", str(APP), "--data", str(tmp_path / "data"), option])
    assert exit_.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"usage: python -m host {verb} [-h]")
    assert message in said


def test_state_survives_a_restart_and_a_kill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = Process(tmp_path / "data")
    first.post("/api/start/Approval?id=kept", 1)
    keys = (tmp_path / "data" / "keys.json").read_text()
    first.stop(signal.SIGKILL)
    second = Process(tmp_path / "data", "--isolate")
    assert "kept" in second.wait_for("kept", "event decided", capsys)
    assert main(["events", "kept", "--raise", "decided", "--data", str(tmp_path / "data")]) == 0
    second.wait_for("kept", "Completed", capsys)
    assert (tmp_path / "data" / "keys.json").read_text() == keys
    assert second.stop(signal.SIGINT) == 0


def test_hung_function_does_not_hold_the_stop(tmp_path: Path) -> None:
    process = Process(tmp_path / "data", "--drain", "1")
    process.post("/api/start/slow?id=s", 60)
    until(process.begun.exists)
    assert process.stop() == 0
    assert "Functions still ran after 1 s" in process.output


def test_hung_activity_is_killed_and_its_instance_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = Process(tmp_path / "data", "--isolate")
    process.post("/api/start/slow?id=hung", 60)
    process.post("/api/start/sequence?id=fine", 1)
    assert "failed: " in process.wait_for("hung", "Failed", capsys)
    process.wait_for("fine", "Completed", capsys)
    process.post("/api/start/sequence?id=later", 1)
    process.wait_for("later", "Completed", capsys)
    assert process.stop() == 0
    assert "sleeper ran longer than functionTimeout" in process.output


@pytest.mark.parametrize("isolate", [(), ("--isolate",)])
def test_nothing_that_callers_send_is_logged(tmp_path: Path, isolate: tuple[str, ...]) -> None:
    spans = tmp_path / "spans.jsonl"
    process = Process(
        tmp_path / "data", "--spans", str(spans), "--log-level", "debug", "--log-format", "json", *isolate
    )
    process.post("/api/start/failing?id=f&note=canary-query", {"name": "canary-body"})
    for path in (
        "/api/broken?note=canary-query",
        "/api/canary-path",
        "/runtime/webhooks/durabletask/instances?code=canary-key",
    ):
        with pytest.raises(urllib.error.HTTPError):
            process.post(path, "canary-body")
    process.wait_for_failure("f")
    assert process.stop() == 0
    written = process.output + spans.read_text()
    assert "broken failed: ValueError" in written
    assert "activity:fail" in written
    assert "canary" not in written


LOGGING = """
import logging
import azure.functions as func

logging.getLogger().addHandler(logging.FileHandler("{file}"))
logging.getLogger().setLevel(logging.DEBUG)
logging.warning("imported")
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route(route="log")
def log(req: func.HttpRequest) -> str:
    logging.debug("called, debug")
    logging.warning("called, warning")
    logging.critical("called, critical")
    return ""
"""


@pytest.mark.parametrize("isolate", [(), ("--isolate",)])
@pytest.mark.parametrize(
    ("host_json", "option", "shown"),
    [
        ("Warning", (), ["called, warning", "called, critical"]),
        ("None", (), []),
        ("None", ("--log-level", "error"), ["called, critical"]),
    ],
)
def test_what_an_app_sets_up_for_its_log_is_kept(
    tmp_path: Path, host_json: str, option: tuple[str, ...], shown: list[str], isolate: tuple[str, ...]
) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "logging": {"logLevel": {"default": "Trace"}}}')
    override = {"AzureFunctionsJobHost__logging__logLevel__default": host_json}
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": override}))
    file = tmp_path / "app.log"
    (tmp_path / "function_app.py").write_text(LOGGING.format(file=file))
    process = Process(tmp_path / "data", *option, *isolate, app=tmp_path)
    assert process.post("/api/log") == 200
    assert process.stop() == 0
    lines = file.read_text().splitlines()
    assert [line for line in lines if line.startswith("called")] == [
        "called, debug",
        "called, warning",
        "called, critical",
    ]
    assert [line.partition(" root: ")[2] for line in process.output.splitlines() if "called" in line] == shown
    assert ("root: imported" in process.output) is ("called, warning" in shown)


FORKING = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import azure.functions as func

app = func.FunctionApp(http_auth_level="ANONYMOUS")
workers = ProcessPoolExecutor(1, get_context("fork"))

@app.route(route="ended")
def ended(req: func.HttpRequest) -> str:
    child = get_context("fork").Process(target=time.sleep, args=(600,))
    child.start()
    child.terminate()
    child.join(5)
    if child.exitcode is None:
        child.kill()
    return str(child.exitcode)

@app.route(route="worker")
def worker(req: func.HttpRequest) -> str:
    return str(workers.submit(os.getpid).result())
"""


@pytest.fixture
def forking(tmp_path: Path) -> Path:
    """An app whose functions fork."""
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(FORKING)
    return tmp_path


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=STOP) as response:
        return str(response.read().decode())


@pytest.mark.parametrize("isolate", [(), ("--isolate",)])
def test_what_ends_a_child_of_a_function_ends_no_host(forking: Path, isolate: tuple[str, ...]) -> None:
    process = Process(forking / "data", *isolate, app=forking)
    for _ in range(2):
        assert get(f"{process.origin}/api/ended") == str(-signal.SIGTERM)
    assert process.stop() == 0


def test_a_child_of_a_function_that_outlives_the_host_holds_nothing_of_it(forking: Path) -> None:
    first = Process(forking / "data", app=forking)
    child = int(get(f"{first.origin}/api/worker"))
    first.process.kill()
    first.process.wait(WAIT)
    try:
        port = first.origin.rpartition(":")[2]
        assert Process(forking / "data", "--port", port, app=forking).stop() == 0
    finally:
        os.kill(child, signal.SIGKILL)
        first.process.communicate(timeout=WAIT)


def test_threads_of_the_app_do_not_hold_the_stop(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\nimport threading\napp = func.FunctionApp()\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
    )
    process = Process(tmp_path / "data", app=tmp_path)
    assert process.stop() == 0
    assert "Threads that the app made still run and are cut." in process.output


def children(pid: int) -> list[int]:
    """Of a process: those that its first thread has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("isolate", [(), ("--isolate",)])
def test_stopping_lets_running_functions_end(tmp_path: Path, isolate: tuple[str, ...]) -> None:
    process = Process(tmp_path / "data", "--log-format", "json", *isolate)

    def ask() -> bytes:
        with urllib.request.urlopen(f"{process.origin}/api/sleep/1", timeout=WAIT) as response:
            return bytes(response.read())

    with ThreadPoolExecutor() as pool:
        answer = pool.submit(ask)
        until(process.begun.exists)
        for child in children(process.process.pid):  # as a service manager does
            os.kill(child, signal.SIGTERM)
        assert process.stop() == 0
        assert answer.result(WAIT) == b"awake"
