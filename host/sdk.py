"""What this host takes from the inside of azure-functions-durable 1.7, beyond its public API.

Each use looks first whether the names are there: without them the host works too, only slower.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from operator import attrgetter
from types import CodeType
from typing import Any

log = logging.getLogger("host.sdk")

_MODELS = "azure.durable_functions.models"
_EVENT_MODULE = f"{_MODELS}.history.HistoryEvent"
_UTC = re.compile(r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d|\d{8}T\d{6})(?:\.\d{1,7})?Z", re.ASCII)
"""ISO 8601, extended or basic: ``datetime.fromisoformat`` reads them as dateutil does (the 7th digit is cut)."""


# --- instants of the history ------------------------------------------------------------------------------------------


def read_instants_fast() -> None:
    """Have the SDK read the time of each event with ``datetime.fromisoformat``; with dateutil that is most of a replay.

    What it reads is equal, its ``tzinfo`` included; texts that are no instants of UTC still go to dateutil. Nothing
    happens in a process that has not imported the SDK.
    """
    module: Any = sys.modules.get(_EVENT_MODULE)
    if module is None:
        return
    slow = getattr(module, "dt_parse", None)
    if slow is None:
        log.debug("%s.dt_parse is gone: instants are read by the SDK's own means", _EVENT_MODULE)
    elif getattr(slow, "__module__", None) != __name__:
        module.dt_parse = _faster(slow)


def _faster(slow: Callable[[Any], datetime]) -> Callable[[Any], datetime]:
    utc = slow("1970-01-01T00:00:00Z").tzinfo

    def parse(text: Any) -> datetime:
        if isinstance(text, str) and _UTC.fullmatch(text):
            try:
                return datetime.fromisoformat(text).replace(tzinfo=utc)
            except ValueError:
                pass  # the 30th of February, hour 24: dateutil says it in its own words
        return slow(text)

    return parse


# --- names of a resident session --------------------------------------------------------------------------------------

_METHODS: Mapping[str, tuple[str, ...]] = {
    "DurableOrchestrationContext:DurableOrchestrationContext.from_json": ("json_string",),
    "TaskOrchestrationExecutor:TaskOrchestrationExecutor.initialize": ("self",),
    "TaskOrchestrationExecutor:TaskOrchestrationExecutor.execute": ("self", "context", "history", "fn"),
    "TaskOrchestrationExecutor:TaskOrchestrationExecutor.process_event": ("self", "event"),
    "TaskOrchestrationExecutor:TaskOrchestrationExecutor.set_task_value": ("self", "event", "is_success", "id_key"),
    "TaskOrchestrationExecutor:TaskOrchestrationExecutor.get_orchestrator_state_str": ("self",),
    "Task:TaskBase.set_is_played": ("self", "is_played"),
    "history.HistoryEvent:HistoryEvent": ("EventType", "EventId", "IsPlayed", "Timestamp", "kwargs"),
}
"""Callables under ``azure.durable_functions.models`` with their parameters."""
_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "DurableOrchestrationContext:DurableOrchestrationContext": (
        "histories",
        "open_tasks",
        "_action_payload_v2",
        "_histories",
        "_input_expected_type",
    ),
    "TaskOrchestrationExecutor:TaskOrchestrationExecutor": (
        "context",
        "exception",
        "has_execution_completed",
        "_is_processing_new_events",
    ),
    "Task:TaskBase": ("action_repr", "parent"),
    "Task:TimerTask": (),
    "actions.CompoundAction:CompoundAction": ("compound_tasks",),
    "actions.CreateTimerAction:CreateTimerAction": ("is_cancelled",),
}
"""Attributes that the code of a class uses."""


@cache
def missing_name() -> str | None:
    """The first name of the SDK that ``host.session`` needs and that is not as in SDK 1.7; None: all are there."""
    return next(_missing(), None)


def _missing() -> Iterator[str]:
    for path, parameters in _METHODS.items():
        found = _find(path)
        if not callable(found) or tuple(inspect.signature(found).parameters) != parameters:
            yield f"{path}({', '.join(parameters)})"
    for path, attributes in _ATTRIBUTES.items():
        known = _names(_find(path))
        yield from (f"{path}.{attribute}" for attribute in attributes if attribute not in known)
        if not known:
            yield path


def _find(path: str) -> Any:
    """What stands at ``module:Class[.method]``; None: nothing."""
    module, names = path.split(":")
    try:
        return attrgetter(names)(importlib.import_module(f"{_MODELS}.{module}"))
    except (ImportError, AttributeError):
        return None


def _names(owner: Any) -> frozenset[str]:
    """The members of a class, and all names that its methods speak of."""
    codes = [getattr(member, "__code__", None) for member in vars(owner).values()] if owner else []
    spoken = {name for code in codes if isinstance(code, CodeType) for name in (*code.co_names, *code.co_consts)}
    return frozenset(name for name in spoken | set(vars(owner) if owner else ()) if isinstance(name, str))
