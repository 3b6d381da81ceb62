"""Rest-hooks in memory, for tests."""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass

from adapters.notifications.base import Hook
from adapters.notifications.http import check
from domain.errors import Rejected, Unavailable
from domain.json import Resource


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a receiver got."""

    endpoint: str
    body: Resource
    notification_id: str


class MemoryNotifier:
    """``Notifier`` that keeps what it delivers; the same hosts are allowed and forbidden as over HTTP."""

    def __init__(self, allowed_hosts: Collection[str] = ("127.0.0.1",)) -> None:
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self.delivered: list[Delivery] = []
        self.answers = True
        """Set to ``False`` and every delivery fails as when the receiver is down."""
        self.takes = True
        """Set to ``False`` and every delivery fails as when the receiver answers 410."""

    async def deliver(self, hook: Hook, body: Resource, notification_id: str) -> None:
        """See ``Notifier.deliver``."""
        check(hook, self._allowed)
        if not self.answers:
            raise Unavailable("hook", "the receiver does not answer")
        if not self.takes:
            raise Rejected("hook-refused", "the receiver answered HTTP 410")
        self.delivered.append(Delivery(hook.endpoint, deepcopy(body), notification_id))

    async def aclose(self) -> None:
        """Nothing to close."""
