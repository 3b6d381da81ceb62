"""``events``: what message triggers delivered lately and how far they are; of an instance, what it waits for."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from host.cli.api import Api
from host.cli.manage import table
from host.settings import StartupError

FOLLOW_SECONDS = 0.5


def events(options: argparse.Namespace) -> int:
    """Deliveries, positions and lag; with an id, the external events that the instance waits for, or raise one."""
    api = Api(options.data)
    if options.id is None:
        if options.name:
            raise StartupError("--raise needs the id of an instance.")
        return _follow(api) if options.follow else _show(api)
    if options.follow:
        raise StartupError("--follow shows deliveries: give no id.")
    place = f"/instances/{quote(options.id, safe='')}"
    if options.name:
        _raise(api, place, options.name, options.content)
    else:
        found = api.admin("GET", place)
        table(("EVENT", "TIMES"), [(name, str(count)) for name, count in found["waitsForEvents"].items()])
    return 0


def _raise(api: Api, place: str, name: str, content: str) -> None:
    try:
        data = json.loads(content)
    except ValueError:
        raise StartupError("--content must be JSON.") from None
    api.manage("POST", f"{place}/raiseEvent/{quote(name, safe='')}", data)
    print(f"Raised {name}.")


def _show(api: Api) -> int:
    view = api.admin("GET", "/deliveries")
    table(_HEAD, [_row(each) for each in view["deliveries"]])
    print()
    places = sorted(view["positions"], key=lambda each: (each["function"], each["source"], each["partition"]))
    table(("FUNCTION", "SOURCE", "PARTITION", "POSITION", "LAG"), [_place(each) for each in places])
    for function, outage in view["outages"].items():
        print(f"\n{function}: receives nothing since {_time(outage['since'])}: {outage['reason']}.")
    return 0


def _follow(api: Api) -> int:
    """Until Ctrl-C."""
    last, head = 0, True
    while True:
        view = api.admin("GET", "/deliveries", after=str(last))
        if view["last"] < last:
            last = 0  # another host: it counts from one
            continue
        last = view["last"]
        if view["deliveries"] or head:
            _lines([_row(each) for each in view["deliveries"]], head)
            head = False
        time.sleep(FOLLOW_SECONDS)


_HEAD = ("TIME", "FUNCTION", "SOURCE", "PARTITION", "OFFSETS", "TYPE", "OUTCOME", "MS")
_WIDTHS = (8, 24, 34, 9, 13, 40, 8, 8)
"""Of columns that come one by one."""


def _lines(rows: Sequence[Sequence[str]], head: bool) -> None:
    for row in ([_HEAD] if head else []) + list(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, _WIDTHS, strict=True)).rstrip(), flush=True)


def _row(delivery: Mapping[str, Any]) -> tuple[str, ...]:
    first, last = delivery["first"], delivery["last"]
    return (
        _time(delivery["time"]),
        delivery["function"],
        delivery["source"],
        delivery["partition"],
        str(first) if first == last else f"{first}-{last}",
        delivery["type"],
        delivery["outcome"],
        f"{delivery['ms']:.1f}",
    )


def _place(position: Mapping[str, Any]) -> tuple[str, ...]:
    numbers = (position["position"], position["lag"])
    return (
        position["function"],
        position["source"],
        position["partition"],
        *("?" if number is None else str(number) for number in numbers),
    )


def _time(instant: str) -> str:
    """Hours, minutes and seconds of an ISO 8601 instant."""
    return instant[11:19]
