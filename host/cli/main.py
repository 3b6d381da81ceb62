"""The command line of the host."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from host.settings import StartupError

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

DATA = Path(".data/host")
PORTS = 65_535


VERBS = {
    "start": "serve an app until stopped",
    "instances": "list instances and why each waits; with an id: all that is known of one",
    "history": "the events of an instance, without values",
    "events": "what message triggers delivered lately; with an id: the events that an instance waits for, or raise one",
    "terminate": "end an instance",
    "rewind": "run a failed instance again from its last good step",
    "purge": "forget ended instances",
    "export": "write the recording of an instance, to replay in tests",
    "advance": "move the clock of a host started with --clock virtual",
    "doctor": "whether app, settings and data directory are fit for a start",
}
_ABOUT = "Runs a Functions Python v2 app on this machine. Verbs (each has --help):\n\n" + "\n".join(
    f"  {name:<11}{text}" for name, text in VERBS.items()
)


def parser() -> argparse.ArgumentParser:
    """All verbs with their options."""
    top = argparse.ArgumentParser(
        "python -m host",
        usage="python -m host VERB [options]",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", help=argparse.SUPPRESS, prog="python -m host")
    _add_start(verbs.add_parser("start", description=VERBS["start"]))
    _add_instances(_verb(verbs, "instances"))
    _verb(verbs, "history").add_argument("id")
    _add_events(_verb(verbs, "events"))
    _add_terminate(_verb(verbs, "terminate"))
    _add_rewind(_verb(verbs, "rewind"))
    _add_purge(_verb(verbs, "purge"))
    _add_export(_verb(verbs, "export"))
    _add_advance(_verb(verbs, "advance"))
    _add_doctor(verbs.add_parser("doctor", description=VERBS["doctor"]))
    return top


def _verb(verbs: Verbs, name: str) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, description=VERBS[name])
    verb.set_defaults(run=f"host.cli.manage:{name}")
    verb.add_argument("--data", type=Path, default=DATA, help=f"directory of the running host (default: {DATA})")
    return verb


def _add_instances(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("id", nargs="?", help="all that is known of one instance: also where its code stands")
    verb.add_argument("--status", help="for example Running,Failed")
    verb.add_argument("--prefix", help="beginning of the instance id")
    verb.add_argument("--top", type=int, default=50, help="at most so many (default: 50)")
    verb.add_argument("--json", action="store_true")


def _add_events(verb: argparse.ArgumentParser) -> None:
    verb.set_defaults(run="host.cli.events:events")
    verb.add_argument("id", nargs="?", help="an instance; without: deliveries and lag of message triggers")
    verb.add_argument("--follow", action="store_true", help="keep printing new deliveries")
    verb.add_argument("--raise", dest="name", metavar="NAME", help="raise this event")
    verb.add_argument("--content", default="null", metavar="JSON", help="what the event carries")


def _add_terminate(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("id")
    verb.add_argument("--reason", default="terminated by an operator")


def _add_rewind(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("id")
    verb.add_argument("--reason", default="rewound by an operator")


def _add_purge(verb: argparse.ArgumentParser) -> None:
    which = verb.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?")
    which.add_argument("--before", type=_instant, metavar="TIME", help="all ended ones created before (ISO 8601)")


def _add_export(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("id")
    verb.add_argument("--to", type=Path, metavar="FILE", help="default: the standard output")


def _add_advance(verb: argparse.ArgumentParser) -> None:
    for unit in ("days", "hours", "minutes", "seconds"):
        verb.add_argument(f"--{unit}", type=float, default=0)


def _add_doctor(verb: argparse.ArgumentParser) -> None:
    verb.set_defaults(run="host.cli.doctor:doctor")
    verb.add_argument("--app", type=Path, default=Path(), help="directory of function_app.py (default: here)")
    verb.add_argument("--data", type=Path, help="directory of the state (default: .data/host in the app)")
    verb.add_argument("--port", type=_whole(0, PORTS), help="look whether it is free")
    verb.add_argument("--address", default="127.0.0.1", help="of that port (default: 127.0.0.1)")


def _instant(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a date, or a date and time, in ISO 8601") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """The type of an option that takes whole numbers of a range."""

    def number(text: str) -> int:
        found = int(text)
        if found < low or (high is not None and found > high):
            raise argparse.ArgumentTypeError(f"must be {low} or more" if high is None else f"must be {low} to {high}")
        return found

    return number


def _add_start(start: argparse.ArgumentParser) -> None:
    start.set_defaults(run="host.cli.start:run")
    start.add_argument("--app", type=Path, default=Path(), help="directory of function_app.py (default: here)")
    start.add_argument("--data", type=Path, help="directory of the state (default: .data/host in the app)")
    start.add_argument("--port", type=_whole(0, PORTS), default=7071, help="0 takes any free one (default: 7071)")
    start.add_argument("--address", default="127.0.0.1", help="network address to listen on (default: 127.0.0.1)")
    start.add_argument(
        "--max-body", type=_whole(1), default=100 * 1024 * 1024, metavar="BYTES", help="largest request body"
    )
    start.add_argument("--clock", choices=("system", "virtual"), default="system")
    start.add_argument("--compat", choices=("azure", "fixed"), default="azure", help="reproduce Azure's defects?")
    start.add_argument(
        "--sessions",
        choices=("resident", "cold", "verify"),
        default="resident",
        help="does the code of an orchestration live on between turns, or does each replay the history? verify: both",
    )
    start.add_argument("--identities", type=Path, metavar="FILE", help="people and systems of the development identity")
    start.add_argument("--isolate", action="store_true", help="run functions in a child process that can be killed")
    start.add_argument("--drain", type=float, default=30, metavar="SECONDS", help="for running functions when stopped")
    start.add_argument(
        "--retain", metavar="SPANS", help="forget ended instances, e.g. completed=30d,failed=never (default: keep all)"
    )
    start.add_argument("--spans", metavar="FILE", help="write spans as JSON lines; - is the console")
    start.add_argument("--log-format", choices=("text", "json"), default="text")
    start.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        help="default: logging.logLevel.default of host.json, else info",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; the exit status is 2 for what the user must change."""
    options = parser().parse_args(arguments)
    try:
        status = _run(options)
        sys.stdout.flush()
        return status
    except StartupError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever reads has enough, such as ``head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would say it once more at its end
        return 141


def _run(options: argparse.Namespace) -> int:
    if options.verb is None:
        parser().print_help()
        return 0
    module, _, name = options.run.partition(":")
    # Each verb loads only what it needs.
    import importlib

    return int(getattr(importlib.import_module(module), name)(options))
