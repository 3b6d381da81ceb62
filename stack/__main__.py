"""``python -m stack build|start|stop|status|logs|seed``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from stack import lifecycle
from stack.build import built
from stack.options import DATA, FHIR_PORT, KAFKA_PORT, NAMES, REGISTRY_PORT, RULES_PORT, Options, StackError
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
        print(f"{server.title}: {built(server.name, server.title, server.module)}")


_VERBS: Final[dict[str, Callable[[Options, argparse.Namespace], None]]] = {
    "build": build,
    "start": start,
    "stop": stop,
    "status": status,
    "logs": logs,
    "seed": load,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stack",
        description="The local servers: rules service, FHIR server, Kafka broker and schema registry.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, verb in _VERBS.items():
        sub = verbs.add_parser(name, help=verb.__doc__)
        sub.add_argument("--data", type=Path, default=DATA, help="folder of databases, topics, pids and logs (.data)")
        sub.add_argument("--only", default=",".join(NAMES), help="which servers, separated by commas")
        sub.add_argument("--fhir-port", type=int, default=FHIR_PORT)
        sub.add_argument("--rules-port", type=int, default=RULES_PORT)
        sub.add_argument("--kafka-port", type=int, default=KAFKA_PORT)
        sub.add_argument("--registry-port", type=int, default=REGISTRY_PORT)
        if name == "seed":
            sub.add_argument("folder", type=Path)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code: 1 with one sentence on stderr when it cannot be done."""
    parsed = _parser().parse_args(arguments)
    only = tuple(name for name in parsed.only.split(",") if name)
    options = Options(
        data=parsed.data,
        only=only,
        fhir_port=parsed.fhir_port,
        rules_port=parsed.rules_port,
        kafka_port=parsed.kafka_port,
        registry_port=parsed.registry_port,
    )
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
