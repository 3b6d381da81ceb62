"""External events and those that wait for them. Names match in any case."""

from __future__ import annotations

from collections import Counter, deque

from host.model import Event
from host.task import Task


class Waits:
    """Events and waits of one execution; of any name there are either waits or early events, never both."""

    def __init__(self) -> None:
        self.names: Counter[str] = Counter()
        """Names as the code spells them, with how many waits are open."""
        self._open: dict[str, list[tuple[str, Task]]] = {}
        self._early: dict[str, deque[Event]] = {}

    @property
    def early(self) -> list[Event]:
        """Events that no wait has taken."""
        return [event for events in self._early.values() for event in events]

    def wait(self, name: str) -> Task:
        """A new wait; it takes the oldest early event."""
        key = name.lower()
        if key in self._early:
            self._early[key].popleft()
            if not self._early[key]:
                del self._early[key]
            return Task(done=True)
        task = Task()
        self._open.setdefault(key, []).append((name, task))
        self.names[name] += 1
        return task

    def take(self, event: Event) -> bool:
        """Give an event to the newest wait, as the SDK and the extension do; False: there is none, it is kept."""
        key = (event.name or "").lower()
        if key not in self._open:
            self._early.setdefault(key, deque()).append(event)
            return False
        name, task = self._open[key].pop()
        if not self._open[key]:
            del self._open[key]
        self.names[name] -= 1
        if not self.names[name]:
            del self.names[name]
        task.end()
        return True
