"""The read model in memory: the twin of ``sqlite`` for tests, and for a process that is to keep nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from adapters.analytics.base import MOST, Known, Wanted
from domain.process.timeline import Timeline


class MemoryAnalytics:
    """Ends with its process."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Timeline, Known]] = {}
        self._swept: datetime | None = None

    async def put(self, timelines: Sequence[Timeline], read: datetime) -> None:
        """See ``Analytics.put``."""
        for each in timelines:
            self._kept[each.id] = (each, Known(each.updated, read))

    async def open(self) -> Mapping[str, Known]:
        """See ``Analytics.open``."""
        return {id_: known for id_, (kept, known) in self._kept.items() if kept.ended is None}

    async def known(self, ids: Collection[str]) -> Mapping[str, Known]:
        """See ``Analytics.known``."""
        return {id_: self._kept[id_][1] for id_ in ids if id_ in self._kept}

    async def get(self, case: str) -> Timeline | None:
        """See ``Analytics.get``."""
        return self._kept[case][0] if case in self._kept else None

    async def versions(self) -> Sequence[tuple[str, str]]:
        """See ``Analytics.versions``."""
        return sorted({(kept.workflow, kept.version) for kept, _ in self._kept.values()})

    async def find(self, wanted: Wanted) -> Sequence[Timeline]:
        """See ``Analytics.find``."""
        found = [kept for kept, _ in self._kept.values() if _matches(kept, wanted)]
        return sorted(found, key=lambda each: (each.created, each.id))[-MOST:]

    async def swept(self) -> datetime | None:
        """See ``Analytics.swept``."""
        return self._swept

    async def sweep(self, until: datetime) -> None:
        """See ``Analytics.sweep``."""
        self._swept = until


def _matches(kept: Timeline, wanted: Wanted) -> bool:
    return (
        (kept.workflow, kept.version) == (wanted.workflow, wanted.version)
        and (wanted.since is None or kept.created >= wanted.since)
        and wanted.line_of_business in (None, kept.line_of_business)
        and (not wanted.deviating or kept.deviation is not None)
    )
