"""What an operator does from the command line, on an engine that runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import httpx

from events.table import table
from samples.client import Client
from samples.engine import Engine


def operate(engine: Engine, verb: str, name: str) -> int:
    """Do ``verb`` to the case or letter ``name``. Returns the exit code: 2 where no engine answers."""
    if verb in NAMED and not name:
        print(f"Say which: make {NAMED[verb]}.", file=sys.stderr)
        return 2
    try:
        with Client(engine) as client:
            return VERBS[verb](client, name)
    except httpx.HTTPStatusError as error:
        print(error.response.json()["detail"], file=sys.stderr)
        return 1
    except (httpx.TransportError, FileNotFoundError):
        print(f"No engine answers at {engine.url}: start it with make run.", file=sys.stderr)
        return 2


def _parked(client: Client, _: str) -> int:
    parked = client.parked()
    for each in parked:
        print(f"{each['id']}  {each['runtime']} at {each['step']} since {each['since']}, due {each['due']}")
    print(f"{len(parked)} parked")
    return 0


def _resume(client: Client, case: str) -> int:
    """One case, or ``all`` that are parked: after an outage there are many."""
    for each in [found["id"] for found in client.parked()] if case == "all" else [case]:
        print(f"{each} goes on at {client.resume(each)['resumed']}")
    return 0


def _letters(client: Client, _: str) -> int:
    letters = client.letters()
    headings = ("letter", "topic", "record", "appended (UTC)", "reason", "waiting", "places")
    rows = [
        (
            each["id"],
            each["topic"],
            f"{each['partition']}:{each['offset']}{' (gone)' if each['gone'] else ''}",
            each["appended"][:19].replace("T", " "),
            each["reason"],
            str(each["parked"]),
            " ".join(each["places"]),
        )
        for each in letters
    ]
    if rows:
        print(table(headings, rows))
    print(f"{len(letters)} dead letter{'' if len(letters) == 1 else 's'}")
    return 0


def _redrive(client: Client, letter: str) -> int:
    return _dealt(client.deal(letter, "redrive"))


def _discard(client: Client, letter: str) -> int:
    return _dealt(client.deal(letter, "discard"))


def _dealt(told: dict[str, object]) -> int:
    """Exit 1 where something of the lane is still nobody's."""
    why = f": {told['reason']}" if told["reason"] else ""
    after = f"; {told['next']} is the letter now" if told["next"] else ""
    print(f"{told['id']} is {told['letter']}{why}; {told['handled']} handled, {told['parked']} still wait{after}")
    return 1 if told["reason"] else 0


VERBS: Final[dict[str, Callable[[Client, str], int]]] = {
    "parked": _parked,
    "resume": _resume,
    "letters": _letters,
    "redrive": _redrive,
    "discard": _discard,
}
NAMED: Final = {
    "resume": "resume CASE=<id>",
    "redrive": "redrive LETTER=<id>",
    "discard": "redrive LETTER=<id> DISCARD=1",
}
"""Verbs that are about one case or letter."""
