"""The timers of a walk that its code can cancel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from host.task import Task


@dataclass(frozen=True, slots=True)
class OpenTimer:
    """An open timer that the code can cancel."""

    whole: Task
    """Of the action that it is, or is part of."""
    born: int
    """Moment at which a replay of the whole starts it, or an earlier one."""
    forced: bool
    """Started at the end of a turn, though an earlier action had not ended."""


class Timers:
    """Timers by number."""

    def __init__(self, late: Mapping[int, int] | None) -> None:
        """``late``: at the end of which turn a timer is cancelled that comes as cancelled; absent: of that which starts
        it. None: all are cancelled as they start.
        """
        self.open: dict[int, OpenTimer] = {}
        self._late = None if late is None else dict(late)
        self._places: list[int] = []
        self._new: list[int] = []
        self._due: list[tuple[int, int]] = []
        """Turn and number."""

    def start(self, number: int, turn: int, *, cancelled: bool) -> bool:
        """Note the next timer, depth first; whether it is open."""
        self._places.append(number)
        if cancelled and self._late is None:
            return False
        if cancelled and self._late is not None:
            self._due.append((self._late.pop(number, turn), number))
        self._new.append(number)
        return True

    def belong(self, whole: Task, born: int, *, forced: bool) -> None:
        """All that were started since the last call are part of one action."""
        for number in self._new:
            self.open[number] = OpenTimer(whole, born, forced)
        self._new.clear()

    def at(self, place: int) -> int:
        """Number of the timer at a place (from 0) among all ``CreateTimer`` actions, depth first; -1: not started."""
        return self._places[place] if place < len(self._places) else -1

    def due(self, turn: int) -> list[int]:
        """Numbers of those that are cancelled in that turn, or were in an earlier one; each is told once."""
        if not self._due:
            return []
        due = [number for when, number in self._due if when <= turn]
        self._due = [(when, number) for when, number in self._due if when > turn]
        return due
