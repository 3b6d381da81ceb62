"""In which turn the code cancelled each timer.

The actions of an orchestration only say that a timer is cancelled, as if it had been so from the start. To know what
the code did meanwhile one must know when: TURN_COMPLETED holds the numbers of the timers cancelled in its turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from host.model import Event, EventKind


def noted(numbers: Iterable[int]) -> str | None:
    """Text of TURN_COMPLETED."""
    return ",".join(map(str, numbers)) or None


def numbers(completed: Event) -> tuple[int, ...]:
    """Inverse of ``noted``."""
    return tuple(map(int, completed.text.split(","))) if completed.text else ()


def late(events: Iterable[Event]) -> Mapping[int, int]:
    """Of the timers in ``events``: in which turn (from 1) they were cancelled, if they were.

    What no turn has noted is the doing of the newest.
    """
    turn = 0
    created: list[int] = []
    cancelled: dict[int, int] = {}
    for event in events:
        if event.kind is EventKind.TURN_STARTED:
            turn += 1
        elif event.kind is EventKind.TIMER_CREATED:
            created.append(event.id)
        elif event.kind is EventKind.TURN_COMPLETED:
            cancelled.update((number, turn) for number in numbers(event))
    return {number: cancelled.get(number, turn) for number in created}
