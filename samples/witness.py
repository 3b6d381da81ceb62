"""What the Camunda engine itself reports of the cases that it shows: each way it took, from its exported records.

The engine sends a record once more than it must, and never again once it was taken: they are kept in a file.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stack.records import Record, Sink, serving

KINDS: Final = ("processInstance", "messageStartEventSubscription")
"""Kinds of records that it needs."""
_INTENTS: Final = frozenset(
    {"SEQUENCE_FLOW_TAKEN", "ELEMENT_ACTIVATED", "ELEMENT_COMPLETED", "ELEMENT_TERMINATED", "CORRELATED"}
)
_FIELDS: Final = (
    "processInstanceKey",
    "elementId",
    "bpmnElementType",
    "bpmnProcessId",
    "version",
    "correlationKey",
)


@dataclass
class Shown:
    """One process instance."""

    key: int
    process: str = ""
    version: int = 0
    flows: Counter[str] = field(default_factory=Counter)
    """Sequence flows that were taken."""
    active: Counter[str] = field(default_factory=Counter)
    """Elements where it stands."""
    ended: str = ""
    """``completed`` or ``terminated``; empty while it goes on."""


class Witness:
    """Listens to the engine at ``url``."""

    def __init__(self, port: int = 0, file: Path | None = None) -> None:
        """``file`` keeps what was taken, for the next start."""
        self._instances: dict[int, Shown] = {}
        self._cases: defaultdict[str, list[int]] = defaultdict(list)
        self._file = file
        for line in file.read_text().splitlines() if file and file.exists() else ():
            self._see(json.loads(line))
        self._kept = open(file, "a", opener=_private) if file else None  # noqa: SIM115  (see close)
        self.sink = Sink(self._take, port)
        self.url = self.sink.url

    def close(self) -> None:
        """Close the file."""
        if self._kept:
            self._kept.close()

    def shown(self, case: str) -> list[Shown]:
        """The process instances that were started for a case, in order."""
        return [self._instance(key) for key in self._cases.get(case, ())]

    def _take(self, record: Record) -> None:
        if record["recordType"] != "EVENT" or record["intent"] not in _INTENTS:
            return
        value = {name: record["value"][name] for name in _FIELDS if name in record["value"]}
        seen = {"kind": record["valueType"], "intent": record["intent"], **value}
        if self._kept:
            self._kept.write(json.dumps(seen) + "\n")
        self._see(seen)

    def _see(self, seen: Record) -> None:
        if seen["kind"] == "PROCESS_INSTANCE":
            self._element(seen["intent"], seen)
        else:
            self._cases[seen["correlationKey"].partition("#")[0]].append(seen["processInstanceKey"])

    def _instance(self, key: int) -> Shown:
        return self._instances.setdefault(key, Shown(key))

    def _element(self, intent: str, value: Record) -> None:
        its, element = self._instance(value["processInstanceKey"]), value["elementId"]
        if intent == "SEQUENCE_FLOW_TAKEN":
            its.flows[element] += 1
        elif value["bpmnElementType"] == "PROCESS":
            its.process, its.version = value["bpmnProcessId"], value["version"]
            if intent in ("ELEMENT_COMPLETED", "ELEMENT_TERMINATED"):
                its.ended = intent.removeprefix("ELEMENT_").lower()
        elif intent == "ELEMENT_ACTIVATED":
            its.active[element] += 1
        elif intent in ("ELEMENT_COMPLETED", "ELEMENT_TERMINATED"):
            its.active[element] -= 1


@contextmanager
def witness(port: int = 0, file: Path | None = None) -> Iterator[Witness]:
    """Listens until the block ends."""
    made = Witness(port, file)
    try:
        with made.sink, serving(made.sink):
            yield made
    finally:
        made.close()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
