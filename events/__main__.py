"""``python -m events VERB``: topics, schemas, replay, board. One module a verb, with ``arguments`` and ``run``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from events import asyncapi, board, replay, schemas, topics
from events.errors import EventsError
from settings import SettingsError


class Verb(Protocol):
    """A module that serves a verb. The docstring of ``run`` is its help."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what it takes."""
        ...

    def run(self, parsed: argparse.Namespace) -> int:
        """Do it. Returns the exit code. Raises ``EventsError``."""
        ...


_VERBS: Final[dict[str, Verb]] = {
    "topics": topics,
    "schemas": schemas,
    "asyncapi": asyncapi,
    "replay": replay,
    "board": board,
}


def main(given: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code: 1 with one sentence on stderr when it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m events", description="The events of the engine and their topics.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, verb in _VERBS.items():
        verb.arguments(verbs.add_parser(name, help=(verb.run.__doc__ or "").partition("\n")[0]))
    parsed = parser.parse_args(given)
    logging.getLogger("workflow").addHandler(logging.NullHandler())  # what fails is told once, as the error
    try:
        return _VERBS[parsed.verb].run(parsed)
    except (EventsError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
