"""Retry policies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from host.invocation import FunctionFailed
from host.retry import FOREVER, RetryPolicy, with_retries

FIXED = RetryPolicy("fixed_delay", 3, delay=timedelta(seconds=4))
GROWING = RetryPolicy("exponential_backoff", FOREVER, minimum=timedelta(seconds=2), maximum=timedelta(minutes=1))


class Attempts:
    """Fails some times, then succeeds."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.counts: list[int] = []
        self.pauses: list[timedelta] = []

    async def __call__(self, retry: int) -> str:
        self.counts.append(retry)
        if len(self.counts) <= self.failures:
            raise FunctionFailed("ValueError", "canary-value")
        return "done"

    async def pause(self, span: timedelta) -> None:
        self.pauses.append(span)


def test_fixed_delay_is_the_same_each_time() -> None:
    assert [FIXED.pause(retry) for retry in (1, 2, 3)] == [timedelta(seconds=4)] * 3
    assert [FIXED.allows(retry) for retry in (1, 3, 4)] == [True, True, False]


def test_backoff_grows_from_minimum_to_maximum() -> None:
    assert GROWING.pause(1) == timedelta(seconds=2)
    for retry, factor in ((2, 1), (3, 2), (4, 4)):
        low, high = (timedelta(seconds=2) * (1 + factor * spread) for spread in (0.8, 1.2))
        assert low <= GROWING.pause(retry) <= high
    assert GROWING.pause(10_000) == timedelta(minutes=1)
    assert GROWING.allows(10_000)


async def test_success_ends_the_retries(caplog: pytest.LogCaptureFixture) -> None:
    attempts = Attempts(failures=2)
    assert await with_retries("f", FIXED, attempts, attempts.pause) == "done"
    assert attempts.counts == [0, 1, 2]
    assert len(attempts.pauses) == 2
    assert "f failed (ValueError); retry 2 of 3" in caplog.text
    assert "canary-value" not in caplog.text


async def test_last_failure_is_raised() -> None:
    attempts = Attempts(failures=9)
    with pytest.raises(FunctionFailed):
        await with_retries("f", FIXED, attempts, attempts.pause)
    assert attempts.counts == [0, 1, 2, 3]


async def test_without_a_policy_there_is_one_try() -> None:
    attempts = Attempts(failures=1)
    with pytest.raises(FunctionFailed):
        await with_retries("f", None, attempts, attempts.pause)
    assert attempts.counts == [0]


async def test_giving_up_between_two_tries() -> None:
    async def leave(_: timedelta) -> None:
        raise StopAsyncIteration

    attempts = Attempts(failures=9)
    with pytest.raises(StopAsyncIteration):
        await with_retries("f", FIXED, attempts, leave)
    assert attempts.counts == [0]
