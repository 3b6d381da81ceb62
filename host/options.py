"""Settings of a task hub, with the names that host.json gives them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Compat = Literal["azure", "fixed"]
Sessions = Literal["resident", "cold", "verify"]
PER_CORE = 10


def _per_cores() -> int:
    return PER_CORE * (os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubOptions:
    """https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-bindings#host-json"""

    hub_name: str = "TestHubName"
    compat: Compat = "azure"
    """``azure`` reproduces what Azure does, defects included; ``fixed`` opts out of the defects."""
    sessions: Sessions = "resident"
    """``resident``: the code of an orchestration lives on between turns; ``cold``: each turn replays the history;
    ``verify``: both, compared."""
    session_trial: int = 20
    """Turns of each orchestrator's first instance in a process that are replays under ``resident`` too: code that is
    not deterministic fails there as on Azure."""
    session_idle: float = 30.0
    """Seconds after its last turn for which code lives on (``extendedSessionIdleTimeoutInSeconds``)."""
    session_memory: int = 64 * 1024 * 1024
    """Bytes that living code may hold, as ``host.resident`` estimates them."""
    default_version: str = ""
    version_match: Literal["None", "Strict", "CurrentOrOlder"] = "CurrentOrOlder"
    version_failure: Literal["Reject", "Fail"] = "Reject"
    send_timer_spans: bool = False
    """True: timers over 6 days are split by the SDK into hops of 3 days, as under the Azure Storage provider; host.json
    asks for it when ``storageProvider.type`` names that provider."""
    max_orchestrators: int = 0
    max_activities: int = 0
    max_entities: int = 0
    """Concurrency limits; 0 means ten times the number of cores."""
    max_entity_batch: int = 5000
    max_custom_status: int = 16 * 1024
    """Bytes of UTF-16."""
    max_actions: int = 100_000
    """Numbered tasks (calls, timers, messages to entities) of one execution."""
    any_state: bool = False
    """Whether a start replaces an instance of its id that has not ended (``overridableExistingInstanceStates``)."""
    http_poll_ms: int = 30_000
    """Milliseconds between two polls of a 202 that names no ``Retry-After``."""

    def limit(self, configured: int) -> int:
        """The limit itself, or the default of the platform."""
        return configured or _per_cores()

    @classmethod
    def from_host_json(
        cls, host_json: Mapping[str, Any], compat: Compat = "azure", sessions: Sessions = "resident"
    ) -> HubOptions:
        """Read ``extensions.durableTask``; unknown keys are those of other storage providers and are ignored."""
        task = host_json.get("extensions", {}).get("durableTask", {})
        provider = str(task.get("storageProvider", {}).get("type", ""))
        return cls(
            hub_name=task.get("hubName", "TestHubName"),
            compat=compat,
            sessions=sessions,
            session_idle=task.get("extendedSessionIdleTimeoutInSeconds", 30),
            default_version=task.get("defaultVersion") or "",
            version_match=task.get("versionMatchStrategy", "CurrentOrOlder"),
            version_failure=task.get("versionFailureStrategy", "Reject"),
            max_orchestrators=task.get("maxConcurrentOrchestratorFunctions", 0),
            max_activities=task.get("maxConcurrentActivityFunctions", 0),
            max_entities=task.get("maxConcurrentEntityFunctions", 0),
            max_entity_batch=task.get("maxEntityOperationBatchSize", 5000),
            max_actions=task.get("maxOrchestrationActions", 100_000),
            any_state=task.get("overridableExistingInstanceStates") == "AnyState",
            http_poll_ms=task.get("httpSettings", {}).get("defaultAsyncRequestSleepTimeMilliseconds", 30_000),
            send_timer_spans=provider.lower() == "azurestorage",
        )
