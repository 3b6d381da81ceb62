"""Processes that outlive their starter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import processes
from stack.processes import Running

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def pid_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "server.pid"
    yield path
    running = processes.recall(path)
    if running is not None:
        processes.wait_ended(running, 0, lambda: None)


def spawn(pid_file: Path, program: str = "import time; time.sleep(60)") -> Running:
    return processes.spawn([sys.executable, "-c", program], 1, pid_file, pid_file.with_name("server.log"))


def test_a_process_is_recalled_by_its_file(pid_file: Path) -> None:
    running = spawn(pid_file)
    assert processes.recall(pid_file) == running
    processes.terminate(running)
    processes.wait_ended(running, 10, lambda: None)
    assert processes.recall(pid_file) is None
    assert not pid_file.exists()


def test_what_does_not_hear_is_killed(pid_file: Path) -> None:
    running = spawn(pid_file, STUBBORN)
    log = pid_file.with_name("server.log")
    while "up" not in log.read_text():
        time.sleep(0.02)
    processes.terminate(running)
    ticks: list[int] = []
    processes.wait_ended(running, 0.3, lambda: ticks.append(1))
    assert not processes.alive(running)
    assert ticks


def test_a_file_of_a_dead_process_is_stale(pid_file: Path) -> None:
    pid_file.write_text(json.dumps({"pid": 2**22 - 3, "port": 1, "born": "1"}))
    assert processes.recall(pid_file) is None
    assert not pid_file.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="start times are read from /proc")
def test_a_reused_pid_is_another_process(pid_file: Path) -> None:
    pid_file.write_text(json.dumps({"pid": os.getpid(), "port": 1, "born": "1"}))
    assert processes.recall(pid_file) is None


@pytest.mark.parametrize("text", ["", "7", '{"pid": 1}'])
def test_a_broken_file_is_removed(pid_file: Path, text: str) -> None:
    pid_file.write_text(text)
    assert processes.recall(pid_file) is None
    assert not pid_file.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="measured from /proc")
def test_memory_and_cpu_are_measured() -> None:
    memory, cpu = processes.resident_bytes(os.getpid()), processes.cpu_seconds(os.getpid())
    assert memory is not None
    assert 5e6 < memory < 5e9
    assert cpu is not None
    assert cpu == pytest.approx(sum(os.times()[:2]), abs=0.1)


def test_what_gives_way_does_so_with_all_its_threads(pid_file: Path) -> None:
    running = spawn(pid_file, "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()")
    threads = Path(f"/proc/{running.pid}/task")
    while len(list(threads.iterdir())) < 2:
        time.sleep(0.01)
    processes.give_way(running.pid)
    assert {os.getpriority(os.PRIO_PROCESS, int(each.name)) for each in threads.iterdir()} == {processes.GIVES_WAY}


def test_what_shares_a_session_gives_way_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        processes.give_way(process.pid)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == processes.GIVES_WAY
        process.communicate(b"\n")
    assert os.getpriority(os.PRIO_PROCESS, 0) < processes.GIVES_WAY
    processes.give_way(process.pid)  # it is gone: nothing happens


def test_a_process_that_is_gone_has_no_measures() -> None:
    assert processes.resident_bytes(2**22 - 3) is None
    assert processes.cpu_seconds(2**22 - 3) is None


def test_a_process_that_nobody_waited_for_is_dead() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    running = Running(ended.pid, 1, processes._born(ended.pid))
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert not processes.alive(running)
    ended.wait()
