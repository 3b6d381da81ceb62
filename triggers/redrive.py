"""A dead letter is dealt with: its record is consumed again, or given up; then what waits behind it, in order.

The letter is closed last. Whatever breaks off in between, the same request goes on where it stood: what was handled
answers that it exists. One operator at a time has the turn at a lane.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from adapters.connections import Connections
from adapters.events.base import Position, Record
from domain.errors import Conflict
from domain.events.catalog import Topic
from domain.events.data import DeadLetter
from domain.events.lane import Lane, Place
from triggers.event import Outcome
from triggers.instances import Instances
from triggers.lanes import Lanes, place
from triggers.letters import Refusal, attempt, forget_dead, forget_parked, id_of, tell_dead
from triggers.open_letters import open_letter, parked_at, position

TURN: Final = timedelta(minutes=2)
"""How long a turn lasts that is not renewed; each record renews it."""
BUDGET: Final = 60.0
"""Seconds after which a request answers, with records left or not."""
GONE: Final = "record-gone"


@dataclass(frozen=True, slots=True)
class Dealt:
    """What became of a letter."""

    closed: bool
    handled: int
    """Records that were taken now, the letter's own included."""
    parked: int = 0
    """Records that still wait in its lane."""
    reason: str | None = None
    """Why its record is refused still."""
    successor: str | None = None
    """Id of the letter at which its lane stops now."""


async def deal_with(letter: DeadLetter, to: Connections, instances: Instances, *, discard: bool) -> Dealt:
    """Redrive the letter, or give its record up. A letter that stays open with records parked and no reason wants
    the same request again: there were more than one request may take.

    Raises ``Conflict('record-gone')`` when retention took the record, ``Conflict('not-first')`` when an earlier letter
    holds up the same lane, ``Conflict('redriving')`` when somebody else has the turn, ``NotFound('dead-letter')`` when
    somebody else closed it a moment ago, and ``Unavailable``.
    """
    if letter.lane is None:
        return await _alone(letter, to, instances, discard=discard)
    lanes, by = Lanes(instances, letter.topic, letter.lane), uuid4().hex
    await _take(lanes, by, to)
    try:
        still_open = await open_letter(to, id_of(position(letter)), Topic(letter.topic))
        return await _Redrive(still_open, letter.lane, lanes, by, to, instances).run(discard=discard)
    finally:
        await lanes.leave(by)


async def _alone(letter: DeadLetter, to: Connections, instances: Instances, *, discard: bool) -> Dealt:
    if not discard and (refusal := await _again(letter, to, instances)):
        return Dealt(closed=False, handled=0, reason=refusal.reason)
    await forget_dead(position(letter), to)
    return Dealt(closed=True, handled=0 if discard else 1)


async def _again(letter: DeadLetter, to: Connections, instances: Instances) -> Refusal | None:
    """Consume the record of the letter. A new reason is told."""
    record = await _record(position(letter), to)
    if record is None:
        text = "retention took the record; ask its source to send it again, then discard the letter"
        raise Conflict(GONE, text)
    result = await attempt(record, to, instances)
    if isinstance(result, Outcome):
        return None
    if (result.reason, result.places) != (letter.reason, letter.places):
        await tell_dead(record.at, record.appended, result, letter.lane, to)
    return result


@dataclass(frozen=True, slots=True)
class _Redrive:
    letter: DeadLetter
    lane: str
    lanes: Lanes
    by: str
    to: Connections
    instances: Instances

    @property
    def at(self) -> Place:
        return place(position(self.letter))

    async def run(self, *, discard: bool) -> Dealt:
        """The letter, then the lane, then the end of the letter."""
        state = await self.lanes.look()
        self._check_first(state)
        handled = 0
        if not discard:
            if refusal := await _again(self.letter, self.to, self.instances):
                return Dealt(closed=False, handled=0, parked=len(state.parked), reason=refusal.reason)
            handled = 1
        drained = await self._drain()
        if drained is None:
            return Dealt(closed=False, handled=handled, parked=len((await self.lanes.look()).parked))
        await forget_dead(position(self.letter), self.to)
        state = await self.lanes.look()
        return Dealt(True, handled + drained, len(state.parked), successor=self._first(state))

    async def _drain(self) -> int | None:
        """Consume what waits until nothing does, or one of it is a letter. ``None``: time is over."""
        begin, handled = time.monotonic(), 0
        while True:
            state = await self.lanes.look()
            if not state.parked or set(state.letters) - {self.at}:
                if await self.lanes.release(self.at):
                    return handled
            elif time.monotonic() - begin > BUDGET:
                return None
            else:
                await _take(self.lanes, self.by, self.to)
                handled += await self._next(Position(self.letter.topic, *state.parked[0]))

    async def _next(self, at: Position) -> bool:
        """Consume a parked record. ``False``: it is a letter now."""
        record = await _record(at, self.to)
        result = await attempt(record, self.to, self.instances) if record else Refusal(GONE)
        stops = isinstance(result, Refusal) and result.stops
        if isinstance(result, Refusal):
            lane = self.lane if stops else None
            await tell_dead(at, await self._appended(at, record), result, lane, self.to)
        await forget_parked(at, self.to)
        await (self.lanes.block(place(at)) if stops else self.lanes.unpark(place(at)))
        return isinstance(result, Outcome)

    async def _appended(self, at: Position, record: Record | None) -> datetime:
        """When the broker took a parked record, which it may have no more: not before the letter's."""
        if record:
            return record.appended
        told = await parked_at(self.to, at)
        return told.appended_at if told else self.letter.appended_at

    def _check_first(self, state: Lane) -> None:
        first = self._first(state)
        if first and any(each.partition == self.at.partition and each < self.at for each in state.letters):
            raise Conflict("not-first", f"an earlier letter of the same key is open: deal with {first} first")

    def _first(self, state: Lane) -> str | None:
        return id_of(Position(self.letter.topic, *state.letters[0])) if state.letters else None


async def _take(lanes: Lanes, by: str, to: Connections) -> None:
    if not await lanes.take(by, to.now(), to.now() + TURN):
        raise Conflict("redriving", "somebody else deals with letters of this key now; look again in a moment")


async def _record(at: Position, to: Connections) -> Record | None:
    """The record there, or ``None`` when the log has it no more. Raises ``Unavailable('events')``."""
    return next(iter(await to.log.read(at.topic, at.partition, at.offset, at.offset + 1, 1)), None)
