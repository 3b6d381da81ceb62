"""Log lines as text or JSON, with the trace and the instance that they belong to.

Exceptions are logged as type and frames: their text may quote what a function was given.
"""

from __future__ import annotations

import json
import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

from host.telemetry import trace_id

current_trace: ContextVar[str | None] = ContextVar("current_trace", default=None)
"""W3C traceparent of the running function."""
current_instance: ContextVar[str | None] = ContextVar("current_instance", default=None)
"""Orchestration instance that the running function works for."""
_NOTHING = logging.CRITICAL + 1


class Correlate(logging.Filter):
    """Adds ``trace`` and ``instance`` to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        record.trace = trace_id(current_trace.get())
        record.instance = current_instance.get() or ""
        return True


class TextFormatter(logging.Formatter):
    """``12:00:00 WARNING name: message``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        instance = getattr(record, "instance", "")
        place = f"{record.name} [{instance}]" if instance else record.name
        return f"{at} {record.levelname} {place}: {record.getMessage()}{_exception(record)}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """``{"time", "level", "logger", "message", "trace", "instance", "exception"}``; what is empty is left out."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "trace": getattr(record, "trace", ""),
            "instance": getattr(record, "instance", ""),
            "exception": _exception(record).strip(),
        }
        return json.dumps({name: value for name, value in line.items() if value})


def _exception(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    kind, error, _ = record.exc_info
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " < ".join(f"{frame.filename}:{frame.lineno}:{frame.name}" for frame in reversed(frames))
    return f" ({kind.__name__ if kind else 'Exception'} at {places})"


def set_up(style: str, level: str) -> None:
    """Log to the standard error stream what is at least as grave as ``level`` (``none``: nothing).

    Call once, before the app is imported: the app may add handlers of its own and change the level of any logger. What
    the host shows stays as it is told here.
    """
    number = _NOTHING if level == "none" else logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler()
    handler.setLevel(number)
    handler.addFilter(Correlate())
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.basicConfig(level=number, handlers=[handler], force=True)
    logging.getLogger("azure").setLevel(max(logging.WARNING, number))
    # aiohttp would log the text of exceptions and the query strings of malformed requests.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
