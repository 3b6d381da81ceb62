"""``python -m stack build|start|stop|status|logs|seed``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final

from stack import lifecycle
from stack.options import ALL, DATA, NAMES, Options, StackError
from stack.seed import seed
from stack.servers import servers

_LINES: Final = 20


def start(options: Options, _: argparse.Namespace) -> None:
    """start what does not run, and wait until it is ready"""
    for state in lifecycle.up(options).states():
        print(f"{state.title}: {state.url} (pid {state.pid})")


def stop(options: Options, _: argparse.Namespace) -> None:
    """stop what runs"""
    stopped = lifecycle.down(options)
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing runs")


def status(options: Options, _: argparse.Namespace) -> None:
    """what runs, with memory and CPU seconds"""
    for state in lifecycle.status(options):
        if state.pid is None:
            print(f"{state.title}: stopped")
            continue
        memory = "?" if state.rss_bytes is None else f"{state.rss_bytes / 1e6:.0f} MB"
        cpu = "?" if state.cpu_seconds is None else f"{state.cpu_seconds:.0f} s"
        ready = "ready" if state.ready else "not ready"
        print(f"{state.title}: {ready}, {state.url}, pid {state.pid}, {memory}, CPU {cpu}")


def logs(options: Options, _: argparse.Namespace) -> None:
    """the last lines of each server's log"""
    for state in lifecycle.status(options):
        path = Path(state.log)
        print(f"== {path}")
        if path.exists():
            print("\n".join(path.read_text(errors="replace").splitlines()[-_LINES:]))


def load(options: Options, arguments: argparse.Namespace) -> None:
    """put the FHIR resources of a folder on the FHIR server"""
    url = next(state.url for state in lifecycle.status(options) if state.name == "fhir")
    print(f"{seed(url, arguments.folder)} resources are on the FHIR server")


def build(options: Options, _: argparse.Namespace) -> None:
    """build the servers whose sources changed"""
    for server in servers(options):
        print(f"{server.title}: {server.build()}")


_VERBS: Final[dict[str, Callable[[Options, argparse.Namespace], None]]] = {
    "build": build,
    "start": start,
    "stop": stop,
    "status": status,
    "logs": logs,
    "seed": load,
}
_STARTING: Final = ("build", "start")
_PORTS: Final = [each for each in fields(Options) if each.name.endswith("_port")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stack",
        description="The local servers: rules service, FHIR server, Kafka broker, schema registry; Camunda if asked.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, verb in _VERBS.items():
        sub = verbs.add_parser(name, help=verb.__doc__)
        sub.add_argument("--data", type=Path, default=DATA, help="folder of databases, topics, pids and logs (.data)")
        usual = NAMES if name in _STARTING else ALL
        sub.add_argument("--only", type=_names, default=usual, help=f"which of {','.join(ALL)} ({','.join(usual)})")
        for port in _PORTS:
            sub.add_argument(f"--{port.name.replace('_', '-')}", type=int, default=port.default, metavar="PORT")
        if name == "seed":
            sub.add_argument("folder", type=Path)
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code: 1 with one sentence on stderr when it cannot be done."""
    parsed = _parser().parse_args(arguments)
    ports = {port.name: getattr(parsed, port.name) for port in _PORTS}
    options = Options(data=parsed.data, only=parsed.only, **ports)
    try:
        _VERBS[parsed.verb](options, parsed)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
