"""Camunda's engine with everything deployed that ``processes`` has, and what happens to an instance there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from domain.process.conditions import Value
from domain.process.routing import INITIAL
from processes import files, forms
from processes.decisions import resources
from stack.records import Record, Records, records
from tests.stack.camunda import camunda_options
from tests.stack.servers import running, until

NOTHING: Final[Value] = {"version": "", "items": []}
"""Is to be judged in DMN."""
ANSWERS: Final[dict[str, dict[str, Value]]] = {
    "set-deadline": {"clockPolicies": NOTHING},
    "check-eligibility": {"eligibility": "eligible", "meanwhile": False},
    "determine": {"outcome": "automatic", "determinations": NOTHING},
    "open-review": {"superseded": False, "task": "r1"},
}
DAY: Final = 86_400_000
"""Milliseconds."""
END: Final = "the end"
"""Where a case is driven that is to end."""


@dataclass(frozen=True)
class Engine:
    """The REST API as these tests use it, and the records that come of it."""

    client: httpx.Client
    sink: Records
    deployed: list[dict[str, Any]]
    done: set[int] = field(default_factory=set)
    """Jobs that were completed."""

    def publish(self, name: str, correlation: str, **variables: Value) -> int:
        """The status of the answer; a message is known by its name and correlation."""
        message = {"name": name, "correlationKey": correlation, "messageId": f"{name}:{correlation}"}
        body = {**message, "timeToLive": DAY, "variables": variables}
        return self.client.post("/messages/publication", json=body).status_code

    def start(self, workflow: str, case: str) -> int:
        """A case is shown; its process instance."""
        shown = {"durableId": case, "due": "2026-12-24T00:00:00Z", "lineOfBusiness": "commercial"}
        variables: dict[str, Value] = {**INITIAL, **shown, "urgency": "standard", "timers": {}}
        assert self.publish(f"{workflow}.start", case, **variables) == 200
        return self.instance(case)

    def instance(self, case: str) -> int:
        """The process instance that shows ``case``."""
        (found,) = self.await_some(
            lambda: self._of("VARIABLE", "CREATED"),
            lambda value: value["value"] == json.dumps(case) and value["scopeKey"] == value["processInstanceKey"],
        )
        return int(found["value"]["processInstanceKey"])

    def drive(self, instance: int, upto: str, **answers: dict[str, Value]) -> None:
        """Complete steps until the job of ``upto`` is there. ``answers``: step (with ``_``) -> its variables."""
        given = {**ANSWERS, **{step.replace("_", "-"): values for step, values in answers.items()}}
        while (step := self._next(instance)) is not None and step["value"]["elementId"] != upto:
            body = {"variables": given.get(step["value"]["elementId"], {})}
            self.client.post(f"/jobs/{step['key']}/completion", json=body).raise_for_status()
            self.done.add(step["key"])
        assert upto == (END if step is None else step["value"]["elementId"])

    def _next(self, instance: int) -> Record | None:
        """The next job of a step, or ``None`` when the instance has ended."""

        def ended() -> list[Record]:
            found = self.sink.of("PROCESS_INSTANCE", "ELEMENT_COMPLETED", instance)
            return [each for each in found if each["key"] == instance]

        def jobs() -> list[Record]:
            return [each for each in self.sink.of("JOB", "CREATED", instance) if each["key"] not in self.done]

        until(lambda: bool(jobs() or ended()))
        return next(iter(jobs()), None)

    def incidents(self, instance: int, intent: str) -> list[dict[str, Any]]:
        """What incidents say that were ``CREATED`` or ``RESOLVED``; at least one."""
        found = self.await_some(lambda: self.sink.of("INCIDENT", intent, instance), lambda _: True)
        return list({each["key"]: each["value"] for each in found}.values())

    def scopes(self, instance: int) -> set[tuple[str, int]]:
        """Every variable that was made, with the key of what it is a variable of."""
        made = self.sink.of("VARIABLE", "CREATED", instance)
        return {(each["value"]["name"], each["value"]["scopeKey"]) for each in made}

    def values(self, instance: int, name: str) -> list[Any]:
        """What a variable of the whole instance has been, in order; at least one."""
        found = self.await_some(
            lambda: [*self.sink.of("VARIABLE", "CREATED", instance), *self.sink.of("VARIABLE", "UPDATED", instance)],
            lambda value: value["name"] == name and value["scopeKey"] == instance,
        )
        return [json.loads(each["value"]["value"]) for each in sorted(found, key=lambda each: each["position"])]

    def await_some(self, read: Callable[[], list[Record]], wanted: Callable[[Any], bool]) -> list[Record]:
        """Records whose value is wanted, as soon as there are any."""

        def found() -> list[Record]:
            return [each for each in read() if wanted(each["value"])]

        until(lambda: bool(found()))
        return found()

    def _of(self, kind: str, intent: str) -> list[Record]:
        return [each for each in self.sink.received if (each["valueType"], each["intent"]) == (kind, intent)]


@contextmanager
def engine(data: Path) -> Iterator[Engine]:
    """An engine of a test's own. Skips where Camunda is not built."""
    named = {f"{path.parent.name}-{path.name}": path.read_bytes() for path in files()}
    named |= {path.name: path.read_bytes() for path in forms()} | resources()
    with (
        records() as sink,
        running(camunda_options(data, exporter_url=sink.url)) as servers,
        httpx.Client(base_url=f"{servers.camunda_url}/v2", timeout=60, trust_env=False) as client,
    ):
        sent = [("resources", (name, content)) for name, content in named.items()]
        answer = client.post("/deployments", files=sent).raise_for_status().json()
        yield Engine(client, sink, answer["deployments"])
