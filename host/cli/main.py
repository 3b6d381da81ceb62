"""The command line of the host."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from host.settings import StartupError

DATA = Path(".data/host")


def parser() -> argparse.ArgumentParser:
    """All verbs with their options."""
    top = argparse.ArgumentParser("python -m host", description="Runs a Functions Python v2 app on this machine.")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    _add_start(verbs.add_parser("start", help="serve an app until stopped"))
    return top


def _add_start(start: argparse.ArgumentParser) -> None:
    start.set_defaults(run="host.cli.start:run")
    start.add_argument("--app", type=Path, default=Path(), help="directory of function_app.py (default: here)")
    start.add_argument("--data", type=Path, help="directory of the state (default: .data/host in the app)")
    start.add_argument("--port", type=int, default=7071, help="0 takes any free one (default: 7071)")
    start.add_argument("--address", default="127.0.0.1", help="network address to listen on (default: 127.0.0.1)")
    start.add_argument("--max-body", type=int, default=100 * 1024 * 1024, metavar="BYTES", help="largest request body")
    start.add_argument("--clock", choices=("system", "virtual"), default="system")
    start.add_argument("--compat", choices=("azure", "fixed"), default="azure", help="reproduce Azure's defects?")
    start.add_argument("--identities", type=Path, metavar="FILE", help="people and systems of the development identity")
    start.add_argument("--isolate", action="store_true", help="run functions in a child process that can be killed")
    start.add_argument("--spans", metavar="FILE", help="write spans as JSON lines; - is the console")
    start.add_argument("--log-format", choices=("text", "json"), default="text")
    start.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="warning")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; the exit status is 2 for what the user must change."""
    options = parser().parse_args(arguments)
    if options.verb is None:
        parser().print_help()
        return 0
    module, _, name = options.run.partition(":")
    try:
        # Each verb loads only what it needs.
        import importlib

        return int(getattr(importlib.import_module(module), name)(options))
    except StartupError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
