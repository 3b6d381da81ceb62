"""Actions that have been started, alone or together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from host.actions import AllOf, AnyOf


class Task:
    """One started action; ``then`` is called once, when it ends."""

    __slots__ = ("_then", "done", "failed")

    def __init__(self, *, done: bool = False) -> None:
        self.done = done
        self.failed = False
        self._then: list[Callable[[Task], None]] = []

    def end(self, *, failed: bool = False) -> None:
        if not self.done:
            self.done, self.failed = True, failed
            callbacks, self._then = self._then, []
            for callback in callbacks:
                callback(self)

    def then(self, callback: Callable[[Task], None]) -> None:
        if self.done:
            callback(self)
        else:
            self._then.append(callback)


def together(action: AnyOf | AllOf, children: Sequence[Task]) -> Task:
    """Ends with the first of ``children``, or when all have ended; without any it has ended."""
    whole = Task(done=not children)
    open_ = len(children)

    def check(child: Task) -> None:
        nonlocal open_
        open_ -= 1
        if isinstance(action, AnyOf):
            whole.end(failed=child.failed)
        elif open_ == 0:
            whole.end(failed=any(task.failed for task in children))

    for child in children:
        child.then(check)
    return whole


def retried(attempts: int, first: Task, pause: Callable[[int], Task], again: Callable[[], Task]) -> Task:
    """Ends with the first attempt that does not fail, or when the pause after the last one is over.

    ``pause`` starts the timer after so many failures, ``again`` the next attempt.
    """
    whole = Task()

    def judge(task: Task, count: int) -> None:
        if not task.failed:
            whole.end()
        elif count >= attempts:
            pause(count).then(lambda _: whole.end(failed=True))
        else:
            pause(count).then(lambda _: again().then(lambda next_: judge(next_, count + 1)))

    first.then(lambda task: judge(task, 1))
    return whole
