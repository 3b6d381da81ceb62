"""Whether living code has answered what a cold replay answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from host.actions import Action
from host.ask import Answer
from host.model import Event
from host.past import Past
from host.position import Position


def difference(warm: Answer, cold: Answer, actions: Sequence[Action], past: Past) -> str | None:
    """The first thing that differs, by name; None: nothing.

    ``actions``: of the living code since its start. ``past``: before this turn.
    """
    pairs = (*_decisions(warm, cold, actions), *_positions(warm.position, cold.position, past))
    return next((name for name, one, other in pairs if one != other), None)


def _decisions(warm: Answer, cold: Answer, actions: Sequence[Action]) -> Iterator[tuple[str, Any, Any]]:
    yield "actions", tuple(actions), tuple(cold.decision.actions)
    for name in ("done", "output", "error", "custom_status"):
        yield name, getattr(warm.decision, name), getattr(cold.decision, name)
    one, other = warm.decision.failure, cold.decision.failure
    yield "failure", one and (one.type, one.text), other and (other.type, other.text)


def _positions(warm: Position, cold: Position, past: Past) -> Iterator[tuple[str, Any, Any]]:
    yield "ids", _new(warm.started, past), _new(cold.started, past)
    yield "requests", _new(warm.requests, past), _new(cold.requests, past)
    yield "cancelled timers", warm.cancelled <= cold.cancelled, True
    yield "open tasks", set(warm.open), set(cold.open)
    for name in ("waits", "next_id", "stuck", "continued"):
        yield name, getattr(warm, name), getattr(cold, name)
    for name in ("early", "unread"):
        yield f"{name} events", _named(getattr(warm, name)), _named(getattr(cold, name))


def _new(numbered: dict[int, Any], past: Past) -> dict[int, Any]:
    return {number: each for number, each in numbered.items() if not past.created(number)}


def _named(events: Sequence[Event]) -> Counter[tuple[str | None, str | None]]:
    return Counter((event.name, event.text) for event in events)
