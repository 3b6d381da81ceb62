"""A lane: what stops behind a letter, in which order, and that each operation may come twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.events.lane import Lane, Place, after

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
LETTER, SECOND, THIRD = Place(1, 4), Place(1, 5), Place(1, 9)


def lane(*operations: tuple[str, Place], start: Lane | None = None) -> Lane:
    """The lane after the operations, each told twice, its state written and read in between."""
    state = start or Lane()
    for operation, place in operations:
        for _ in range(2):
            read = Lane.model_validate_json(state.model_dump_json())
            state = after(read, operation, {"place": list(place)})
    return state


def take(state: Lane, by: str, at: datetime, seconds: float = 60) -> Lane:
    data = {"by": by, "at": at.isoformat(), "until": (at + timedelta(seconds=seconds)).isoformat()}
    return after(state, "take", data)


def test_an_open_lane_parks_nothing() -> None:
    assert lane(("park", SECOND)) == Lane()


def test_what_comes_after_a_letter_is_parked_in_order() -> None:
    state = lane(("block", LETTER), ("park", SECOND), ("park", THIRD))
    assert (state.letters, state.parked) == ((LETTER,), (SECOND, THIRD))


@pytest.mark.parametrize(
    ("place", "held"), [(Place(1, 3), False), (LETTER, False), (SECOND, True), (Place(0, 0), True)]
)
def test_a_letter_holds_up_what_is_later_and_what_cannot_be_compared(place: Place, held: bool) -> None:
    state = lane(("block", LETTER))
    assert state.holds_up(place) is held
    assert after(state, "park", {"place": place}).parked == ((place,) if held else ())


def test_a_letter_is_released_when_nothing_waits_behind_it() -> None:
    held = lane(("block", LETTER), ("park", SECOND))
    assert lane(("release", LETTER), start=held).letters == (LETTER,)
    assert lane(("unpark", SECOND), ("release", LETTER), start=held).letters == ()


def test_a_parked_record_that_is_a_letter_holds_up_the_rest() -> None:
    held = lane(("block", LETTER), ("park", SECOND), ("park", THIRD))
    state = lane(("block", SECOND), start=held)
    assert (state.letters, state.parked) == ((LETTER, SECOND), (THIRD,))
    assert after(state, "release", {"place": LETTER}).letters == (SECOND,)


def test_the_oldest_letter_stands_first() -> None:
    assert lane(("block", THIRD), ("block", LETTER)).letters == (LETTER, THIRD)


def test_a_letter_that_was_dealt_with_before_it_held_up_the_lane_never_does() -> None:
    state = lane(("release", LETTER), ("block", LETTER))
    assert state.letters == ()
    assert lane(("block", SECOND), start=state).letters == (SECOND,)


def test_only_so_many_closed_letters_are_remembered() -> None:
    state = lane(*(("release", Place(0, offset)) for offset in range(50)))
    assert state.closed == tuple(Place(0, offset) for offset in range(30, 50))


def test_one_operator_at_a_time_has_the_turn() -> None:
    state = take(lane(("block", LETTER)), "a", NOW)
    assert take(state, "b", NOW).turn == state.turn
    renewed = take(state, "a", NOW, 90)
    assert renewed.turn is not None
    assert renewed.turn.until == NOW + timedelta(seconds=90)
    assert after(state, "leave", {"by": "b"}) == state
    assert after(state, "leave", {"by": "a"}).turn is None


def test_a_turn_of_somebody_who_died_ends() -> None:
    state = take(Lane(), "a", NOW)
    taken = take(state, "b", NOW + timedelta(seconds=60))
    assert taken.turn is not None
    assert taken.turn.by == "b"


def test_the_turn_outlives_the_letter_until_it_is_left() -> None:
    state = after(take(lane(("block", LETTER)), "a", NOW), "release", {"place": LETTER})
    assert state.letters == ()
    assert after(state, "leave", {"by": "a"}) == Lane()


@pytest.mark.parametrize("data", [{}, {"place": [1, 2]}])
def test_another_operation_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no operation burn"):
        after(Lane(), "burn", data)
