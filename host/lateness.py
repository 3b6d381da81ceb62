"""Whether an action of which a walk learns late has missed anything.

A ``replay`` knows all actions from the start. It lets one start before the events of the turn that brought it, where

* the code goes on with a task of an action that has ended (``yield task_any([a, b])``, then ``yield b``), or
* a timer was cancelled: to ``replay`` it has ended as it started.

Nothing comes of that unless something in between has met another action in its place:

* A retry took a number, and the action has one. (So it is a number that the history gives to another task.)
* Another wait took an event of the name that the action waits for: an older one, or the first of two late ones, which
  has found an early event that would have gone to the second, the newest. A loop of nothing but
  ``task_any([event, timer])`` with ``timer.cancel()``, always of one name, is of this kind from its third round on;
  with any other task that is awaited in each round it is not.
* An external event came, and the action continues as new: the event is unread, so it goes to the next execution.
"""

from __future__ import annotations


class Lateness:
    """Remembers the moments of what depends on the order of starts; they count the events that can set a walk going."""

    def __init__(self) -> None:
        self.moment = 0
        self.sure = True
        """Whether nothing was missed."""
        self.since: int | None = None
        """While late actions start: the moment at which ``replay`` starts them, or an earlier one."""
        self._numbered = -1
        self._raised = -1
        self._delivered: dict[str, int] = {}

    def numbered(self) -> None:
        """A retry took a number."""
        self._numbered = self.moment

    def raised(self) -> None:
        """An external event came."""
        self._raised = self.moment

    def delivered(self, name: str) -> None:
        """A wait took an external event."""
        self._delivered[name.lower()] = self.moment

    def takes_number(self) -> None:
        """An action starts that has a number."""
        self._compare(self._numbered)

    def waits(self, name: str) -> None:
        """A wait starts. As the newest it would have taken the event; one that no wait took it still gets."""
        self._compare(self._delivered.get(name.lower(), -1))

    def continues(self) -> None:
        """Continue-as-new is reached."""
        self._compare(max(self._numbered, self._raised))

    def forget(self) -> None:
        """Nothing that starts from now on would have started before."""
        self._delivered.clear()

    def _compare(self, last: int) -> None:
        if self.since is not None and last > self.since:
            self.sure = False
