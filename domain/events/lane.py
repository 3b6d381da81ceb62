"""A lane: the records of one key of one topic, which stop behind a dead letter until somebody deals with it.

The durable entity ``event_lane`` holds the state and is the arbiter; consumers and operators signal it and look.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

EVENT_LANE: Final = "event_lane"
"""Name of the entity; its key is ``lane_key``."""
_MOST_CLOSED: Final = 20


class Place(NamedTuple):
    """Partition and offset in the topic of the lane."""

    partition: int
    offset: int


class Turn(BaseModel):
    """An operator's turn at a lane."""

    model_config = ConfigDict(frozen=True)

    by: str
    """A name that is made anew for each turn."""
    until: datetime
    """When others need not wait any more: whoever has the turn may be dead."""


class Lane(BaseModel):
    """State of a lane. Open without letters; records are parked only behind a letter."""

    model_config = ConfigDict(frozen=True)

    letters: tuple[Place, ...] = ()
    """Open dead letters, oldest first."""
    parked: tuple[Place, ...] = ()
    """What waits, in the order in which it came."""
    turn: Turn | None = None
    closed: tuple[Place, ...] = ()
    """Letters that were dealt with before they held up the lane: they shall not hold it up any more. Kept, as nobody
    can tell when such a record comes for the last time."""

    def holds_up(self, place: Place) -> bool:
        """Whether a record there must wait: an earlier one is a dead letter."""
        return any(letter.partition != place.partition or letter.offset < place.offset for letter in self.letters)


def lane_key(topic: str, lane: str) -> str:
    """Key of the entity."""
    return f"{topic}|{lane}"


def after(lane: Lane, operation: str, data: Mapping[str, Any]) -> Lane:
    """The lane after an operation; each may be repeated.

    ``block {place}``: the record there is a dead letter. ``park {place}``: it waits, if the lane holds it up.
    ``unpark {place}``: it waits no more. ``release {place}``: the letter is dealt with; refused while records wait
    behind it alone. ``take {by, at, until}``: a turn, unless somebody else has one. ``leave {by}``: its end.
    Raises ``ValueError`` for another operation.
    """
    match operation:
        case "take":
            return _taken(lane, Turn(by=data["by"], until=data["until"]), datetime.fromisoformat(data["at"]))
        case "leave":
            mine = lane.turn is not None and lane.turn.by == data["by"]
            return lane.model_copy(update={"turn": None}) if mine else lane
        case "block" | "park" | "unpark" | "release":
            return _moved(lane, operation, Place(*data["place"]))
    raise ValueError(f"{EVENT_LANE} has no operation {operation}")


def _moved(lane: Lane, operation: str, place: Place) -> Lane:
    waiting = tuple(each for each in lane.parked if each != place)
    others = tuple(each for each in lane.letters if each != place)
    if operation == "block":
        if place in lane.closed:
            return lane
        return lane.model_copy(update={"letters": tuple(sorted((*others, place))), "parked": waiting})
    if operation == "unpark":
        return lane.model_copy(update={"parked": waiting})
    if operation == "park":
        waits = lane.holds_up(place) and place not in (*lane.letters, *lane.parked)
        return lane.model_copy(update={"parked": (*lane.parked, place)}) if waits else lane
    return _released(lane, place, others)


def _released(lane: Lane, place: Place, others: tuple[Place, ...]) -> Lane:
    if place not in lane.letters:
        closed = (*(each for each in lane.closed if each != place), place)
        return lane.model_copy(update={"closed": closed[-_MOST_CLOSED:]})
    if lane.parked and not others:
        return lane
    return lane.model_copy(update={"letters": others})


def _taken(lane: Lane, turn: Turn, at: datetime) -> Lane:
    free = lane.turn is None or lane.turn.by == turn.by or lane.turn.until <= at
    return lane.model_copy(update={"turn": turn}) if free else lane
