"""Starting and stopping the stack: what already runs is left alone, what is slow starts side by side."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stack import processes
from stack.options import Options, StackError
from stack.processes import Running
from stack.progress import Progress
from stack.readiness import Watch
from stack.server import Server
from stack.servers import servers

_TICK: Final = 0.2
_LOOK: Final = 1.0
"""How long a server that runs may take to say that it is ready, before the start speaks of waiting for it."""


@dataclass(frozen=True, slots=True)
class State:
    """One server, as it stands."""

    name: str
    title: str
    url: str
    log: str
    pid: int | None
    """``None``: it does not run."""
    ready: bool
    rss_bytes: int | None = None
    cpu_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Servers:
    """A stack that runs."""

    options: Options
    seconds: float
    """How long ``up`` took, builds included."""
    started: tuple[str, ...]
    """The names of the servers that were not running before."""

    @property
    def fhir_url(self) -> str:
        """Base of the FHIR server."""
        return self._url("fhir")

    @property
    def rules_url(self) -> str:
        """Base of the rules service."""
        return self._url("rules")

    @property
    def kafka_brokers(self) -> str:
        """``host:port`` of the broker: what clients call ``bootstrap.servers``."""
        return self._url("kafka")

    @property
    def registry_url(self) -> str:
        """Base of the schema registry's Confluent API: what clients call ``url``."""
        return self._url("registry")

    @property
    def camunda_url(self) -> str:
        """Base of Camunda's REST API: what clients call ``ZEEBE_REST_ADDRESS``, without ``/v2``."""
        return self._url("camunda")

    @property
    def camunda_grpc(self) -> str:
        """``host:port`` of Camunda's gRPC API: what clients call ``ZEEBE_ADDRESS``."""
        return f"127.0.0.1:{self.options.camunda_grpc_port}"

    @property
    def operate_url(self) -> str:
        """Where a browser finds Operate; Tasklist is beside it at ``/tasklist``."""
        return f"{self._url('webapps')}/operate"

    @property
    def camunda_management_url(self) -> str:
        """Base of the engine's actuator: health, metrics, exporters, and the clock when it is controlled."""
        return f"http://127.0.0.1:{self.options.camunda_management_port}/actuator"

    def states(self) -> list[State]:
        """Pids, memory and CPU seconds, now."""
        return status(self.options)

    def _url(self, name: str) -> str:
        found = [server.url for server in servers(self.options) if server.name == name]
        if not found:
            raise StackError(f"This stack has no {name}: it was started with {', '.join(self.options.only)} only.")
        return found[0]


def up(options: Options | None = None) -> Servers:
    """Build what changed, start what does not run, and return when everything is ready. Raises ``StackError``."""
    options = options or Options()
    begin = time.monotonic()
    present = [(server, running) for server in servers(options) if (running := _running(server))]
    absent = [server for server in servers(options) if server not in [known for known, _ in present]]
    for server in absent:
        _check_ports(server)
        _tell(server)
        server.build()
    started = [(server, server.start()) for server in absent]
    try:
        _await_ready(started, present, options.ready_seconds)
    except BaseException:
        _stop(started, options)
        raise
    for server, running in started:
        if server.gives_way:
            processes.give_way(running.pid)
    return Servers(options, time.monotonic() - begin, tuple(server.name for server in absent))


def down(options: Options | None = None) -> list[str]:
    """Stop what runs: SIGTERM, and SIGKILL when that is not heard. Returns the titles of what was stopped."""
    options = options or Options()
    running = [(server, found) for server in servers(options) if (found := processes.recall(server.pid_file))]
    _stop(running, options)
    return [server.title for server, _ in running]


def status(options: Options | None = None) -> list[State]:
    """How each server stands."""
    return [_state(server) for server in servers(options or Options())]


def _state(server: Server) -> State:
    running = processes.recall(server.pid_file)
    if running is None:
        return State(server.name, server.title, server.url, str(server.log), None, ready=False)
    pid = running.pid
    return State(
        server.name,
        server.title,
        server.url,
        str(server.log),
        pid,
        ready=server.ready(),
        rss_bytes=processes.resident_bytes(pid),
        cpu_seconds=processes.cpu_seconds(pid),
    )


def _running(server: Server) -> Running | None:
    """Its process, if it runs. One of the same data on another port is in the way: two would share its files."""
    running = processes.recall(server.pid_file)
    if running is not None and running.port != server.port:
        raise StackError(
            f"The {server.title} of {server.data} already runs on port {running.port}: "
            f"stop it first, or start with {server.port_setting} {running.port}."
        )
    return running


def _check_ports(server: Server) -> None:
    for port, setting in ((server.port, server.port_setting), *server.more_ports):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise StackError(
                    f"Port {port} of the {server.title} is taken by another program: "
                    f"stop that, or choose another port with {setting}."
                ) from None


def _tell(server: Server) -> None:
    if server.notice:
        print(server.notice, file=sys.stderr)


def _await_ready(started: list[tuple[Server, Running]], present: list[tuple[Server, Running]], seconds: float) -> None:
    watches = {server.name: Watch(server.ready) for server, _ in started + present}
    try:
        waiting = started + [each for each in present if not watches[each[0].name].ready_within(_LOOK)]
        if not waiting:
            return
        with Progress(f"{_titles(server for server, _ in waiting)}: starting") as progress:
            while waiting:
                time.sleep(_TICK)
                progress.tick()
                for server, running in waiting:
                    _check_alive(server, running, progress.seconds, seconds)
                waiting = [(server, running) for server, running in waiting if not watches[server.name].ready]
    finally:
        for watch in watches.values():
            watch.stop()


def _titles(those: Iterable[Server]) -> str:
    *others, last = (server.title for server in those)
    return f"{', '.join(others)} and {last}" if others else last


def _check_alive(server: Server, running: Running, elapsed: float, limit: float) -> None:
    if not processes.alive(running):
        raise StackError(f"The {server.title} stopped while it was starting: see {server.log}.")
    if elapsed > limit:
        raise StackError(f"The {server.title} was not ready after {limit:.0f} s: see {server.log}.")


def _stop(those: list[tuple[Server, Running]], options: Options) -> None:
    if not those:
        return
    with Progress(f"{_titles(server for server, _ in those)}: stopping") as progress:
        for _, running in those:
            processes.terminate(running)
        for server, running in those:
            processes.wait_ended(running, options.stop_seconds - progress.seconds, progress.tick)
            server.pid_file.unlink(missing_ok=True)
