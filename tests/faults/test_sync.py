"""What the task hub acknowledges is on the disk: the system calls of the host show it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from samples.client import Client
from tests.faults.conftest import Build
from tests.faults.plant import AUTOMATIC, NURSE, REVIEWED, Plant, Request

pytestmark = pytest.mark.integration
CALLS = "recvfrom,sendto,sendmsg,pwrite64,pwritev,pwritev2,write,writev,fdatasync,fsync"
LINE = re.compile(
    r"^(?P<thread>\d+) +(?:(?P<name>\w+)\((?P<fd>\d+)<(?P<path>[^>]*)>|<\.\.\. (?P<resumed>\w+) resumed>)"
)
REQUEST = re.compile(
    r'"POST /(?:runtime|durabletask)/[^ ]*?(?:orchestrators/[^/ ]+/([^/? ]+)|instances/[^/ ]+/raiseEvent/([^/? ]+))[? ]'
)
SYNCS = {"fdatasync", "fsync"}


@dataclass
class Call:
    """One system call; ``begin`` and ``end`` are line numbers of the trace."""

    name: str
    fd: str
    path: str
    begin: int
    text: str
    end: int = 0
    failed: bool = False


def test_every_acknowledgement_follows_a_completed_sync_of_its_commit(build: Build, tmp_path: Path, tag: str) -> None:
    requests = [Request.of((AUTOMATIC, REVIEWED)[n % 2], f"sync-{tag}-{n}") for n in range(4)]
    with build() as plant, Client(plant) as client, _traced(plant, tmp_path / "trace"):
        for request in requests:
            assert request.send(client).status == 200
        for request in requests[1::2]:
            task = client.open_task(NURSE, request.case)
            assert task is not None
            client.decide(NURSE, task["id"], {"decision": "approve"})
            assert client.wait(request.case, {"approved"})["state"] == "approved"
    calls = _calls(tmp_path / "trace")
    acknowledged = dict(_acknowledged(calls))
    assert {name for name in acknowledged if name.startswith("prior")} == {request.case for request in requests}
    assert sum(name.startswith("decided:") for name in acknowledged) == 2
    assert all(acknowledged.values()), acknowledged
    unsynced = dict(_acknowledged([call for call in calls if call.name not in SYNCS]))
    assert not any(unsynced.values()), "the check would not notice an absent sync"


@contextmanager
def _traced(plant: Plant, to: Path) -> Iterator[None]:
    """Have the host's system calls written to ``to``. Skips where that is not possible."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed (apt-get install strace)")
    command = [strace, "-f", "-y", "-s", "65536", "-e", f"trace={CALLS}", "-o", str(to), "-p", str(plant.app.pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr
        said = tracer.stderr.readline()
        if "attached" not in said:
            tracer.wait()
            pytest.skip(f"processes may not be traced here: {said.strip()}")
        try:
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.stderr.read()


def _calls(trace: Path) -> list[Call]:
    """The calls in the order in which they began."""
    calls: list[Call] = []
    pending: dict[str, Call] = {}
    for number, line in enumerate(trace.read_text(errors="replace").splitlines()):
        match = LINE.match(line)
        if match is None:
            continue
        if match["resumed"]:
            call = pending.pop(match["thread"], None)
            if call is None:
                continue
            call.text += line
        else:
            call = Call(match["name"], match["fd"], match["path"], number, line)
            calls.append(call)
            if line.endswith("<unfinished ...>"):
                pending[match["thread"]] = call
                continue
        call.end = number
        call.failed = " = -1 " in line[-80:]
    return calls


def _acknowledged(calls: list[Call]) -> Iterator[tuple[str, bool]]:
    """Each instance or event that was answered with 202, and whether what was committed of it was synced before."""
    asked: dict[str, tuple[str, int]] = {}
    for call in calls:
        request = REQUEST.search(call.text) if call.name == "recvfrom" else None
        if request:
            asked[call.fd] = (_decoded(request[1] or request[2]), call.begin)
        elif call.name.startswith("send") and '"HTTP/1.1 202 ' in call.text and call.fd in asked:
            name, received = asked.pop(call.fd)
            yield name, _durable(calls, name, received, call.begin)


def _durable(calls: list[Call], name: str, received: int, answered: int) -> bool:
    during = [
        call for call in calls if call.path.endswith("-wal") and call.begin > received and 0 < call.end < answered
    ]
    writes = [call for call in during if "write" in call.name and name in call.text]
    syncs = [call for call in during if call.name in SYNCS and not call.failed]
    return bool(writes) and any(sync.begin > writes[0].end for sync in syncs)


def _decoded(name: str) -> str:
    return name.replace("%3A", ":").replace("%3a", ":")
