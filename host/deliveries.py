"""What message triggers delivered lately, and how far each has come: for the admin API and ``python -m host events``.

Names, numbers, times and event types only: no key, no value.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

KEPT = 500
UNREADABLE = "(unreadable)"
_TYPE = re.compile(r"[\w.:/-]{1,100}", re.ASCII)

Outcome = Literal["ok", "failed", "retrying"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One invocation's records of one partition."""

    time: datetime
    """When the invocation ended (UTC)."""
    function: str
    source: str
    """Topic or event hub."""
    partition: str
    first: int
    """Offset (of Event Hubs: sequence number) of the first record."""
    last: int
    type: str = ""
    """CloudEvents type, if the records name one and the same."""
    outcome: Outcome
    """``retrying``: failed and will be delivered again."""
    ms: float
    """Run time of the invocation, milliseconds."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Why a function receives nothing."""

    since: datetime
    reason: str
    """Words and codes of the host and its libraries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a function has come in one partition."""

    function: str
    source: str
    partition: str
    position: int | None
    """The next record to be done; None: not known yet."""
    lag: int | None
    """Records that wait; None: not known yet."""


class Deliveries:
    """The last deliveries, positions and outages. Used from one event loop."""

    def __init__(self, kept: int = KEPT) -> None:
        self._recent: deque[tuple[int, Delivery]] = deque(maxlen=kept)
        self._count = 0
        self._positions: dict[str, tuple[Position, ...]] = {}
        self._outages: dict[str, Outage] = {}

    def add(self, delivery: Delivery) -> None:
        """Remember a delivery; the oldest one goes."""
        self._count += 1
        self._recent.append((self._count, delivery))

    def place(self, function: str, positions: Iterable[Position]) -> None:
        """Replace the positions of a function: those of the partitions that it holds now."""
        self._positions[function] = tuple(positions)

    def away(self, function: str, since: datetime, reason: str) -> None:
        """A function receives nothing; of an outage that lasts, the reason alone may change."""
        known = self._outages.get(function)
        self._outages[function] = Outage(known.since if known else since, reason)

    def back(self, function: str) -> None:
        """A function receives again."""
        self._outages.pop(function, None)

    @property
    def outages(self) -> dict[str, Outage]:
        """Functions that receive nothing."""
        return dict(self._outages)

    def outages_view(self) -> dict[str, dict[str, str]]:
        """The outages as plain JSON: since when, and why."""
        return {name: {"since": each.since.isoformat(), "reason": each.reason} for name, each in self._outages.items()}

    def view(self, after: int = 0) -> dict[str, Any]:
        """Plain JSON: deliveries numbered above ``after`` in order, all positions and outages, the highest number."""
        return {
            "last": self._count,
            "deliveries": [_plain(each) for number, each in self._recent if number > after],
            "positions": [asdict(each) for held in self._positions.values() for each in held],
            "outages": self.outages_view(),
        }


def event_type(texts: Iterable[str]) -> str:
    """The one type that all these records name; empty without one. Foreign text is not kept: it may be anything."""
    types = set(texts)
    if len(types) != 1 or "" in types:
        return ""
    (found,) = types
    return found if _TYPE.fullmatch(found) else UNREADABLE


def now() -> datetime:
    """Deliveries are stamped by the machine's clock, also where the app runs on a virtual one."""
    return datetime.now(UTC)


def _plain(delivery: Delivery) -> dict[str, Any]:
    return asdict(delivery) | {"time": delivery.time.isoformat(), "ms": round(delivery.ms, 1)}
