"""What the Camunda engine itself reports of the cases that it shows: each way it took, from its exported records."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from stack.records import Record, Sink, serving

KINDS: Final = ("processInstance", "messageStartEventSubscription")
"""Kinds of records that it needs."""


@dataclass
class Shown:
    """One process instance."""

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

    def __init__(self, port: int = 0) -> None:
        self._instances: defaultdict[int, Shown] = defaultdict(Shown)
        self._cases: defaultdict[str, list[int]] = defaultdict(list)
        self.sink = Sink(self._take, port)
        self.url = self.sink.url

    def shown(self, case: str) -> list[Shown]:
        """The process instances that were started for a case, in order."""
        return [self._instances[key] for key in self._cases.get(case, ())]

    def _take(self, record: Record) -> None:
        if record["recordType"] != "EVENT":
            return
        value = record["value"]
        if record["valueType"] == "PROCESS_INSTANCE":
            self._element(record["intent"], value)
        elif record["intent"] == "CORRELATED":
            self._cases[value["correlationKey"].partition("#")[0]].append(value["processInstanceKey"])

    def _element(self, intent: str, value: Record) -> None:
        its, element = self._instances[value["processInstanceKey"]], value["elementId"]
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
def witness(port: int = 0) -> Iterator[Witness]:
    """Listens until the block ends."""
    made = Witness(port)
    with made.sink, serving(made.sink):
        yield made
