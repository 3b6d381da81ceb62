"""A host in a process of its own, started as a user starts it, and what tests say to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from host.keys import Keys, read_private_json
from host.settings import read_host_json
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
WAIT = 60.0
"""Seconds: for a machine that is busy."""
MANAGEMENT = "/runtime/webhooks/durabletask"


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition. Raises AssertionError when it never comes true."""
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


class AppProcess:
    """``python -m host start --app DIR``.

    Raises AssertionError, with what it printed, when the host does not start.
    """

    def __init__(self, app: Path, data: Path, *options: str, **environ: str) -> None:
        self.compat = options[options.index("--compat") + 1] if "--compat" in options else "azure"
        self.origin = f"http://127.0.0.1:{free_port()}"
        prefix = read_host_json(app).route_prefix
        self.api = f"{self.origin}/{prefix}" if prefix else self.origin
        self._data = data
        self._log = data.with_name(f"{data.name}.log")
        self._start(app, options, environ)
        self.keys = Keys(**read_private_json(data / "keys.json"))
        self._http = httpx.Client(timeout=WAIT)

    @cached_property
    def binding(self) -> str:
        """What the SDK's client is made of."""
        return self.ask("GET", "/ops/binding", key=self.keys.master).text

    def _start(self, app: Path, options: tuple[str, ...], settings: dict[str, str]) -> None:
        port = self.origin.rpartition(":")[2]
        command = [sys.executable, "-m", "host", "start", "--app", str(app), "--port", port]
        environ = os.environ | {"PYTHONUNBUFFERED": "1"} | settings
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--data", str(self._data), *options], cwd=ROOT, env=environ, stdout=log, stderr=log
            )
        end = time.monotonic() + WAIT
        while f"Ready at {self.origin} " not in self.output:
            if self._process.poll() is not None or time.monotonic() > end:
                self._process.kill()
                raise AssertionError(f"the host did not start:\n{self.output}")
            time.sleep(0.02)

    @property
    def output(self) -> str:
        """What the host has printed so far."""
        return self._log.read_text()

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        """Call a function of the app; ``path`` is below its route prefix."""
        headers = {"x-functions-key": key or self.keys.host}
        return self._http.request(method, f"{self.api}{path}", json=body, headers=headers)

    def admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask ``/admin`` of the host."""
        headers = {"x-functions-key": self.keys.master}
        return self._http.request(method, f"{self.origin}/admin{path}", json=body, headers=headers)

    def manage(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask the management API of Durable Functions."""
        headers = {"x-functions-key": self.keys.system}
        return self._http.request(method, f"{self.origin}{MANAGEMENT}{path}", json=body, headers=headers)

    def advance(self, **units: float) -> datetime:
        """Move a virtual clock by ``timedelta(**units)``; returns the time, once all that fell due is done."""
        answer = self.admin("POST", "/clock/advance", {"seconds": timedelta(**units).total_seconds()})
        assert answer.status_code == 200
        return datetime.fromisoformat(answer.json()["now"])

    @property
    def pid(self) -> int:
        """Of the host."""
        return self._process.pid

    def kill(self) -> None:
        """End the host by ``kill -9``."""
        self._process.kill()
        self._process.wait(WAIT)
        self._http.close()

    def died(self) -> int:
        """Wait for the host to end by itself; its exit status."""
        try:
            return self._process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def stop(self) -> None:
        """End the host as Ctrl-C does. Raises AssertionError when it does not end well."""
        self._http.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            status = self._process.wait(WAIT)
        finally:
            self._process.kill()
        assert status == 0, self.output
