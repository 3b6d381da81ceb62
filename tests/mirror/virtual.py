"""A loop whose time passes when nothing is left to do: minutes in a second, the same ones in every run."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from random import Random
from typing import Any, Final

import pytest

EPOCH: Final = 1_795_000_000.0
"""Unix time at which the clock starts."""
TICK: Final = 1e-5
"""Seconds that a turn of the loop takes at least: else who waits for a time to pass would wait for ever."""


class Clock:
    """Stands where a module has ``time``. ``stalls``: the machine is busy with other things now and then."""

    def __init__(self, stalls: Random | None = None, share: float = 0.0, longest: float = 0.8) -> None:
        """``share``: of the turns of the loop, those that take up to ``longest`` seconds."""
        self._passed = 0.0
        self._stalls, self._share, self._longest = stalls, share, longest

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._passed

    def time(self) -> float:
        """Unix time."""
        return EPOCH + self._passed

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += max(seconds, TICK)
        if self._stalls and self._stalls.random() < self._share:
            self._passed += self._stalls.random() * self._longest

    def rules(self, monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
        """Be the time of ``modules``."""
        for module in modules:
            monkeypatch.setattr(f"{module}.time", self)

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Run ``main`` to its end in this time. Nothing in it may wait for the world outside."""
        with asyncio.Runner(loop_factory=lambda: _Loop(self)) as runner:
            runner.run(main)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        super().__init__(_Selector(clock))
        self._clock = clock

    def time(self) -> float:
        return self._clock.monotonic()


class _Selector(selectors.SelectSelector):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("all wait, and nothing will come")
        self._clock.passes(timeout)
        return []
