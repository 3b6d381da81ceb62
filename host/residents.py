"""The living code of a hub's orchestrations: the least recently used makes way, and all that has been idle."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from host.options import HubOptions

if TYPE_CHECKING:
    from host.resident import Resident


class Residents:
    """Residents by instance id, the longest unused first. Whoever is taken out has to be put back."""

    def __init__(self, options: HubOptions) -> None:
        self._memory = options.session_memory
        self._idle = options.session_idle
        self._kept: OrderedDict[str, tuple[Resident, float]] = OrderedDict()
        self._size = 0
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, instance_id: str) -> Resident | None:
        """Take out; None: cold replay has to make a new one."""
        resident, _ = self._kept.pop(instance_id, (None, 0.0))
        if resident is not None:
            self._size -= resident.size
        return resident

    def keep(self, instance_id: str, resident: Resident | None) -> None:
        """Put back until its next turn."""
        if resident is None:
            return
        loop = asyncio.get_running_loop()
        self._kept[instance_id] = resident, loop.time()
        self._size += resident.size
        while self._size > self._memory:
            self._evict()
        if self._sweep is None and self._kept:
            self._sweep = loop.call_later(self._idle, self._sweep_out)

    def clear(self) -> None:
        """Evict all."""
        while self._kept:
            self._evict()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _evict(self) -> None:
        _, (resident, _) = self._kept.popitem(last=False)
        self._size -= resident.size

    def _sweep_out(self) -> None:
        """Real time, not the hub's: it is memory that is to be freed."""
        self._sweep = None
        loop = asyncio.get_running_loop()
        while self._kept:
            _, since = next(iter(self._kept.values()))
            left = since + self._idle - loop.time()
            if left > 0:
                self._sweep = loop.call_later(left, self._sweep_out)
                return
            self._evict()
