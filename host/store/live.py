"""What a store knows by heart of the instances that it wrote lately, so that their turns need not read the file."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from host.model import InstanceStatus
from host.store.base import Loaded, Message, Timer, Turn

KEPT = 4096
"""Instances; the one that was not used for longest goes first."""
LARGEST_TEXT = 32 * 1024
"""Characters. An instance whose input, or one of whose messages, is longer is read from the file."""
LONGEST_INBOX = 1000
"""Messages. An instance that has more is read from the file."""


@dataclass(slots=True)
class _Entry:
    instance: InstanceStatus
    begun: bool = False
    inbox: dict[int, Message] = field(default_factory=dict)
    timers: dict[int, Timer] = field(default_factory=dict)


class Live:
    """Instances that have not ended, as of the last write that was answered.

    Told of each write in the order of their transactions. To know nothing of an instance is always right.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        """In the order of use."""

    def load(self, instance_id: str, now: datetime, *, history: bool) -> Loaded | None:
        """As ``Store.load``; None: ask the file."""
        entry = self._entries.get(instance_id)
        if entry is None or (history and entry.begun):
            return None
        self._entries.move_to_end(instance_id)
        due = [timer for timer in entry.timers.values() if timer.due <= now]
        due.sort(key=lambda timer: (timer.due, timer.task))
        return Loaded(entry.instance, (), tuple(entry.inbox.values()), tuple(due), unread_history=entry.begun)

    def knows(self, instance_id: str) -> bool:
        """Whether it is among them."""
        return instance_id in self._entries

    def wants(self, turn: Turn) -> bool:
        """Whether the instance shall be ``read`` once the turn is written."""
        instance = turn.instance
        return not (self.knows(instance.instance_id) or instance.status.ended or _large(instance.input))

    def clear(self) -> None:
        """Know nothing."""
        self._entries.clear()

    def started(self, instance: InstanceStatus) -> None:
        """It was created, in place of an ended one perhaps."""
        self._keep(_Entry(instance))

    def read(self, loaded: Loaded | None) -> None:
        """It was read, with all its timers, in the transaction that was just answered."""
        if loaded is not None and not loaded.instance.status.ended:
            timers = {timer.task: timer for timer in loaded.due}
            self._keep(_Entry(loaded.instance, loaded.has_history, {}, timers))
            self.posted(loaded.inbox)

    def _keep(self, entry: _Entry) -> None:
        self._entries.pop(entry.instance.instance_id, None)
        if _large(entry.instance.input):
            return
        if len(self._entries) >= KEPT:
            self._entries.popitem(last=False)
        self._entries[entry.instance.instance_id] = entry

    def posted(self, messages: Iterable[Message]) -> None:
        """They were put into inboxes."""
        for message in messages:
            if (entry := self._entries.get(message.target)) is None:
                continue
            entry.inbox[message.seq] = message
            if len(entry.inbox) > LONGEST_INBOX or _large(message.event.text):
                del self._entries[message.target]

    def turned(self, turn: Turn, refused: Iterable[str]) -> None:
        """A turn was written, but for the ``refused`` of its starts."""
        if (entry := self._entries.get(turn.instance.instance_id)) is not None:
            if turn.instance.status.ended or _large(turn.instance.input):
                del self._entries[turn.instance.instance_id]
            else:
                _update(entry, turn)
        for start in turn.starts:
            if start.instance.instance_id not in refused:
                self.started(start.instance)


def _update(entry: _Entry, turn: Turn) -> None:
    text = turn.instance.input if turn.replace_history else entry.instance.input
    entry.instance = replace(turn.instance, created=entry.instance.created, input=text)
    entry.begun = bool(turn.append) or (entry.begun and not turn.replace_history)
    for seq in turn.consumed:
        entry.inbox.pop(seq, None)
    if turn.replace_history:
        entry.timers.clear()
    for task in turn.ended_timers:
        entry.timers.pop(task, None)
    entry.timers.update((timer.task, timer) for timer in turn.timers)


def _large(text: str | None) -> bool:
    return text is not None and len(text) > LARGEST_TEXT
