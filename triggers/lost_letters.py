"""Letters that retention took while records still wait behind them are written again: else nobody would find them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from adapters.connections import Connections
from adapters.events.base import Position
from domain.events.data import Parked
from domain.events.lane import Lane
from triggers.instances import Instances
from triggers.lanes import Lanes
from triggers.letters import Refusal, id_of, tell_dead
from triggers.open_letters import open_letters, parked_words, position

LOST: Final = Refusal("letter-lost")


async def restore_letters(to: Connections, instances: Instances) -> int:
    """Write the letters anew that hold up records and are not open. Returns how many. Raises ``Unavailable``.

    A lane is looked at before and after the letters are read: a letter is published before its lane stops and closed
    after its lane was released, so that what stands in both looks and is not open is lost.
    """
    words = {(word.topic, word.lane): word for word in await parked_words(to)}
    before = await _lanes(words.values(), instances)
    known = {id_of(position(letter)) for letter in await open_letters(to)}
    after = await _lanes(words.values(), instances)
    restored = 0
    for key, word in words.items():
        for place in set(before[key].letters) & set(after[key].letters):
            if id_of(at := Position(word.topic, *place)) not in known:
                await _restore(at, word, to)
                restored += 1
    return restored


async def _lanes(words: Iterable[Parked], instances: Instances) -> dict[tuple[str, str], Lane]:
    return {(word.topic, word.lane): await Lanes(instances, word.topic, word.lane).look() for word in words}


async def _restore(at: Position, word: Parked, to: Connections) -> None:
    """The reason is lost; the time is that of the record, or of one behind it where the log has it no more."""
    kept = await to.log.read(at.topic, at.partition, at.offset, at.offset + 1, 1)
    await tell_dead(at, kept[0].appended if kept else word.appended_at, LOST, word.lane, to)
