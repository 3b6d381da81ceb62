"""When each timer trigger is due next and ran last; in a file, or in memory only."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from host.keys import read_private_json, write_private_json
from host.settings import StartupError

log = logging.getLogger("host.schedule")


@dataclass(frozen=True)
class Due:
    """What is known of one timer."""

    schedule: str
    next: datetime
    last: datetime | None = None


class DueTimes:
    """One file for all timers of a host."""

    def __init__(self, path: Path | None = None) -> None:
        """Raises StartupError: the file holds something else."""
        self._path = path
        self._entries = _read(path) if path else {}
        self._failing = False

    def get(self, name: str, schedule: str) -> Due | None:
        """None of a timer that is new, or has another schedule now."""
        found = self._entries.get(name)
        return found if found is not None and found.schedule == schedule else None

    def set(self, name: str, due: Due, durable: bool) -> bool:
        """Remember; False: it should be durable, and the file cannot be written now (which is said once)."""
        self._entries[name] = due
        return not durable or self._path is None or self._write(self._path)

    def _write(self, path: Path) -> bool:
        try:
            write_private_json(path, {name: _to_json(due) for name, due in self._entries.items()})
        except OSError as error:
            if not self._failing:
                log.error(
                    "%s cannot be written (%s): monitored timers wait until it can", path.name, type(error).__name__
                )
            self._failing = True
            return False
        if self._failing:
            log.warning("%s can be written again", path.name)
        self._failing = False
        return True


def _read(path: Path) -> dict[str, Due]:
    try:
        return {name: _from_json(entry) for name, entry in read_private_json(path).items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StartupError(f"{path} does not hold times of timers: remove it to have it made anew.") from error


def _from_json(entry: dict[str, Any]) -> Due:
    last = entry.get("last")
    return Due(entry["schedule"], _instant(entry["next"]), _instant(last) if last else None)


def _to_json(due: Due) -> dict[str, str]:
    last = {"last": due.last.isoformat()} if due.last else {}
    return {"schedule": due.schedule, "next": due.next.isoformat()} | last


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
