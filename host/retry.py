"""Retry policies of functions: ``@app.retry(...)``.

Azure's host applies them inside one delivery, before the trigger decides about its offset or schedule, and only for
these triggers: https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retries. Each try is an
invocation of its own. The exponential strategy is that of the WebJobs SDK (``RandomizedExponentialBackoffStrategy``).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from host.clock import Clock
from host.invocation import FunctionFailed

log = logging.getLogger("host.retry")

T = TypeVar("T")

FOREVER = -1
_JITTER = 0.2
_LARGEST_EXPONENT = 32


class Abandoned(Exception):
    """The wait for the next try was broken off: what was to be tried is not done."""


class MalformedPolicy(ValueError):
    """A retry policy that cannot be applied: the text says why."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed invocation is tried again."""

    strategy: Literal["fixed_delay", "exponential_backoff"]
    max_retry_count: int
    """Tries after the first; -1: for ever."""
    delay: timedelta = timedelta(0)
    """Of ``fixed_delay``."""
    minimum: timedelta = timedelta(0)
    maximum: timedelta = timedelta(0)

    def allows(self, retry: int) -> bool:
        """Whether there is a retry of that number (the first is 1)."""
        return self.max_retry_count == FOREVER or retry <= self.max_retry_count

    def pause(self, retry: int) -> timedelta:
        """How long to wait before the retry of that number (the first is 1)."""
        if self.strategy == "fixed_delay":
            return self.delay
        if retry == 1:
            return min(self.minimum, self.maximum)
        spread = random.uniform(1 - _JITTER, 1 + _JITTER)
        grown = self.minimum * (1 + spread * 2.0 ** min(retry - 2, _LARGEST_EXPONENT))
        return min(grown, self.maximum)


def read_policy(function: Any) -> RetryPolicy | None:
    """The policy of a function of ``app.get_functions()``; None without one.

    Raises:
        MalformedPolicy: A value is missing or malformed.
    """
    setting = function.get_setting("retry_policy")
    if setting is None:
        return None
    count = _count(setting.max_retry_count)
    if setting.strategy == "fixed_delay":
        return RetryPolicy("fixed_delay", count, delay=_interval(setting, "delay_interval"))
    if setting.strategy == "exponential_backoff":
        minimum, maximum = _interval(setting, "minimum_interval"), _interval(setting, "maximum_interval")
        if minimum > maximum:
            raise MalformedPolicy("its retry policy has a minimum_interval above its maximum_interval")
        return RetryPolicy("exponential_backoff", count, minimum=minimum, maximum=maximum)
    raise MalformedPolicy("its retry policy must have the strategy fixed_delay or exponential_backoff")


async def with_retries(
    name: str,
    policy: RetryPolicy | None,
    attempt: Callable[[int], Awaitable[T]],
    pause: Callable[[timedelta], Awaitable[None]],
) -> T:
    """Call ``attempt`` with the number of retries so far (0 at first) until it succeeds or the policy is spent.

    Any exception is a failure; the last one is raised. ``pause`` waits, and raises to give up in between.
    """
    retry = 0
    while True:
        try:
            return await attempt(retry)
        except Exception as error:
            retry += 1
            if policy is None or not policy.allows(retry):
                raise
            span = policy.pause(retry)
            log.warning("%s failed (%s); retry %s in %s", name, _kind(error), _number(retry, policy), span)
        await pause(span)


async def pause(clock: Clock, span: timedelta, stopped: asyncio.Event) -> None:
    """Sleep, by the host's clock. Raises ``Abandoned`` once ``stopped`` is set."""
    stop = asyncio.ensure_future(stopped.wait())
    sleep = asyncio.ensure_future(clock.sleep_until(clock.now() + span))
    await asyncio.wait({stop, sleep}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    sleep.cancel()
    if stopped.is_set():
        raise Abandoned


def _kind(error: Exception) -> str:
    return error.type if isinstance(error, FunctionFailed) else type(error).__name__


def _number(retry: int, policy: RetryPolicy) -> str:
    return str(retry) if policy.max_retry_count == FOREVER else f"{retry} of {policy.max_retry_count}"


def _count(text: Any) -> int:
    try:
        count = int(text)
    except (TypeError, ValueError):
        raise MalformedPolicy("its retry policy needs a whole number as max_retry_count") from None
    if count < FOREVER:
        raise MalformedPolicy("its retry policy needs a max_retry_count from -1 (for ever) on")
    return count


def _interval(setting: Any, name: str) -> timedelta:
    """``HH:MM:SS``, as the Python worker reads it."""
    try:
        time = datetime.strptime(getattr(setting, name) or "", "%H:%M:%S")  # noqa: DTZ007 (a span, not an instant)
    except (TypeError, ValueError):
        raise MalformedPolicy(f"its retry policy needs a {name} of the form HH:MM:SS") from None
    return timedelta(hours=time.hour, minutes=time.minute, seconds=time.second)
