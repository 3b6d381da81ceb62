"""The tasks of one execution by number, in the order of their start."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace

from host.actions import AskEntity, CreateTimer, Leaf
from host.task import Task


def request_id(execution: str, number: int) -> str:
    """Of the message to an entity that is the task of that number: its reply is an event of that name."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{execution}:{number}"))


@dataclass(slots=True)
class News:
    """What was started and cancelled of late."""

    started: dict[int, Leaf] = field(default_factory=dict)
    requests: dict[int, str] = field(default_factory=dict)
    cancelled: set[int] = field(default_factory=set)


class Numbering:
    """Gives the numbers. Of a task that has ended and is in the history nothing is kept."""

    def __init__(self, execution: str) -> None:
        self.next = 0
        self.open: dict[int, Task] = {}
        """Activities, children and timers that have not ended."""
        self._execution = execution
        self._replies: dict[str, Task] = {}
        self._news = News()
        self._held: set[int] = set()
        self._newest = -1

    @property
    def outstanding(self) -> bool:
        """Whether the history holds a task that has not been started."""
        return self.next <= self._newest

    def give(self, leaf: Leaf) -> Task:
        """Start an action."""
        number, task = self.next, Task()
        self.next += 1
        self._news.started[number] = leaf
        if isinstance(leaf, AskEntity):
            self._ask(number, leaf, task)
        else:
            self.open[number] = task
        return task

    def _ask(self, number: int, request: AskEntity, task: Task) -> None:
        name = request_id(self._execution, number)
        self._news.requests[number] = name
        if request.signal:
            task.end()
        else:
            self._replies[name] = task

    def cancel(self, number: int) -> None:
        """End an open timer."""
        leaf = self._news.started.get(number)
        if isinstance(leaf, CreateTimer) and not leaf.cancelled:
            self._news.started[number] = replace(leaf, cancelled=True)
        self._news.cancelled.add(number)
        self.open.pop(number).end()

    def replied(self, name: str) -> bool:
        """End the entity call that an event of that name answers, if there is one."""
        reply = self._replies.pop(name, None)
        if reply is not None:
            reply.end()
        return reply is not None

    def hold(self, number: int) -> None:
        """The history has the creation of that task."""
        self._held.add(number)
        self._newest = max(self._newest, number)

    def news(self) -> News:
        """What is new since the last time, with what was new then and has come into the history since."""
        news, held = self._news, self._held
        self._held = set()
        self._news = News(
            {number: leaf for number, leaf in news.started.items() if number not in held},
            {number: request for number, request in news.requests.items() if number not in held},
        )
        return news
