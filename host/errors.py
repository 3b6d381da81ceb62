"""What a task hub refuses.

HubError
├── UnknownFunction     no such orchestrator, activity or entity; names the known ones
├── UnknownInstance     no such instance
├── InvalidInstanceId   an id that the rules of Durable Functions forbid
├── AlreadyRunning      start: an instance of that id has not ended
├── OwnChild            sub-orchestration: the id is that of its parent
├── AlreadyFinished     raise, terminate, suspend, ...: the instance has ended
├── NotFinished         purge, rewind, restart: the instance has not ended
└── WrongState          suspend of a suspended, resume of a running, rewind of a completed one
"""

from __future__ import annotations

from collections.abc import Iterable


class HubError(Exception):
    """Base of all."""


class UnknownFunction(HubError):
    """No function of that kind and name."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = ", ".join(sorted(set(known))) or "none"
        super().__init__(f"The app has no {kind} function named '{name}'. Known: {names}.")
        self.kind = kind
        self.name = name


class UnknownInstance(HubError):
    """No instance of that id."""

    def __init__(self, instance_id: str) -> None:
        super().__init__(f"There is no instance '{instance_id}'.")
        self.instance_id = instance_id


class InvalidInstanceId(HubError):
    """The id breaks a rule."""


class AlreadyRunning(HubError):
    """An instance of that id has not ended."""

    def __init__(self, instance_id: str, status: str) -> None:
        super().__init__(f"An Orchestration instance with the status {status} already exists.")
        self.instance_id = instance_id
        self.status = status


class OwnChild(HubError):
    """A sub-orchestration would have the id of its parent, or of its parent's parent."""

    def __init__(self, instance_id: str) -> None:
        super().__init__(f"A sub-orchestration cannot have the id of its parent ('{instance_id}').")
        self.instance_id = instance_id


class AlreadyFinished(HubError):
    """The instance has ended."""

    def __init__(self, instance_id: str, status: str) -> None:
        super().__init__(f"Instance '{instance_id}' has ended with status {status}.")
        self.instance_id = instance_id
        self.status = status


class NotFinished(HubError):
    """The instance has not ended."""

    def __init__(self, instance_id: str, status: str) -> None:
        super().__init__(f"Instance '{instance_id}' has status {status}; terminate it first or wait for its end.")
        self.instance_id = instance_id
        self.status = status


class WrongState(HubError):
    """The instance is not in a state that allows this."""


class SessionLost(Exception):
    """Living code can't say what cold replay would: throw it away and ask that. The text has no values."""

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        """``lasting``: it will be so for every instance of this orchestrator."""
        super().__init__(reason)
        self.lasting = lasting
