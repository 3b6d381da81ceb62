"""The whole app in the test's own process: real doors, orchestrators and activities over the host, on a clock that
moves when told; FHIR, rules and receivers in memory.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from adapters.connections import Connections, connections, use
from adapters.events.base import Record
from adapters.events.memory import MemoryEvents
from adapters.fhir.memory import MemoryFhir
from adapters.notifications.memory import MemoryNotifier
from adapters.rules.memory import MemoryRules
from domain.case import CaseKey, Identifier, resource_id
from domain.cases import CaseRecord, case_task_id, read_case
from domain.events.cloud_event import CloudEvent, Headers, to_headers, to_value
from host import lock
from host.app import AppIndex, load_app
from host.clock import VirtualClock
from host.functions import Kind
from host.identity import Identities
from host.keys import Keys
from host.model import InstanceStatus
from host.options import Compat
from host.server import ServerOptions
from host.store import Store
from host.telemetry import Telemetry
from host.testing_http import HttpHost, http_host
from settings import Settings
from tests.support.judges import rules
from tests.support.races import watched_races
from tests.support.samples import identities, seed
from tests.support.sessions import own_session
from triggers.consumer import consume
from triggers.event import Outcome
from triggers.instances import Instances

ROOT = Path(__file__).parents[2]
START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
SUBMITTER, OTHER_SUBMITTER = "lakeside-ehr", "hillview-ehr"
NURSE, DIRECTOR, OTHER_DIRECTOR = "nurse-rivera", "director-chen", "director-okafor"
OPERATOR, AUDITOR = "operator-park", "auditor-vale"


@cache
def whole_app() -> AppIndex:
    """Every function of the app; indexed once, which is all that it may be."""
    return load_app(ROOT)


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def response(self) -> dict[str, Any]:
        """The ClaimResponse of a PAS response Bundle."""
        found: dict[str, Any] = self.json["entry"][0]["resource"]
        return found

    @property
    def actions(self) -> list[str]:
        """X12 306 codes of the items, in order."""
        return [action_of(item) for item in self.response.get("item", [])]

    @property
    def code(self) -> str:
        """The word of a refusal, of OperationOutcome and problem+json alike."""
        if "issue" in self.json:
            return str(self.json["issue"][0]["details"]["coding"][0]["code"])
        return str(self.json["type"].rsplit(":", 1)[-1])


@dataclass(frozen=True)
class World:
    """What a test holds."""

    host: HttpHost
    fhir: MemoryFhir
    rules: MemoryRules
    notifier: MemoryNotifier
    events: MemoryEvents
    clock: VirtualClock
    settings: Settings
    races: list[int]
    """Sizes of the orchestrators' ``task_any`` so far; no task ever enters two (``tests/support/races.py``)."""

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        who: str | None = None,
        key: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request. ``who``: identity; ``key``: a function key, the host's own by default."""
        given = dict(headers or {})
        if who:
            given["Authorization"] = f"Bearer {who}"
        if key is not None:
            given["x-functions-key"] = key or self.host.keys.host
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        async with self.host.client.request(method, path, data=data, headers=given, allow_redirects=False) as answer:
            return Reply(answer.status, dict(answer.headers), await answer.text())

    async def submit(self, bundle: object, who: str = SUBMITTER) -> Reply:
        """``$submit``."""
        return await self.send("POST", "/fhir/Claim/$submit", bundle, who=who)

    async def deliver(
        self, topic: str, key: str | None, event: CloudEvent | bytes, headers: Headers | None = None
    ) -> Outcome:
        """Append a record to a topic and take it. ``headers``: those of the event by default."""
        parts = (event, ()) if isinstance(event, bytes) else (to_value(event), to_headers(event))
        given = parts[1] if headers is None else headers
        return await self.take(self.events.append(topic, None if key is None else key.encode(), parts[0], given))

    async def take(self, record: Record) -> Outcome:
        """What the Kafka trigger of its topic does with a record; again is a redelivery."""
        return await consume(record, connections(), self.instances)

    @property
    def instances(self) -> Instances:
        """The task hub as a function sees it."""
        return Instances(df.DurableOrchestrationClient(self.host.server.binding.text()))

    async def advance(self, **units: float) -> None:
        """Move the clock."""
        await self.clock.advance(timedelta(**units))

    async def advance_to(self, when: datetime) -> None:
        """Move the clock to an instant."""
        await self.clock.advance_to(when)

    async def settle(self) -> None:
        """Return when nothing happens by itself."""
        await self.clock.settle()

    async def record(self, case: str) -> CaseRecord:
        """The case's record as it stands."""
        return read_case(await self.fhir.read(f"Task/{case_task_id(case)}"))

    async def response(self, case: str) -> dict[str, Any]:
        """The case's ClaimResponse as it stands."""
        return await self.fhir.read(f"ClaimResponse/{resource_id(case, 'claim-response')}")

    async def status(self, case: str) -> InstanceStatus:
        """The instance when it settles."""
        return await self.host.durable.settled(case)

    async def custom(self, case: str) -> dict[str, Any]:
        """Its custom status."""
        found: dict[str, Any] = json.loads((await self.status(case)).custom_status or "{}")
        return found

    async def task(self, case: str) -> str:
        """Id of the human task at which the case waits."""
        return str((await self.custom(case))["task"]).removeprefix("Task/")

    async def decide(self, case: str, decision: Mapping[str, Any], who: str = NURSE) -> Reply:
        """Decide the open task of a case."""
        await self.settle()
        reply = await self.send("POST", f"/tasks/{await self.task(case)}/decision", decision, who=who)
        await self.settle()
        return reply

    async def all(self, kind: str, **query: str) -> list[dict[str, Any]]:
        """Resources of a type."""
        return list((await self.fhir.search(kind, {"_count": "500", **query})).matches)

    async def notices(self, case: str) -> list[str]:
        """What the submitter was told, in order: the events of the Communications."""
        record = f"Task/{case_task_id(case)}"
        mine = [each for each in await self.all("Communication") if {"reference": record} in each.get("about", [])]
        told = [each for each in mine if each["category"][0]["coding"][0]["code"] == "notification"]
        return [each["reasonCode"][0]["coding"][0]["code"] for each in sorted(told, key=lambda each: each["sent"])]

    async def escalations(self) -> list[tuple[str, datetime]]:
        """Alerts in order: code and instant."""
        told = [each for each in await self.all("Communication") if "priority" in each]
        codes = [(e["reasonCode"][0]["coding"][0]["code"], datetime.fromisoformat(e["sent"])) for e in told]
        return sorted(codes, key=lambda each: each[1])


def case_of(bundle: Mapping[str, Any], organization: str = "lakeside-clinic") -> str:
    """Instance id of a request."""
    claim = bundle["entry"][0]["resource"]["identifier"][0]
    key = CaseKey(submitter=organization, bundle=Identifier(**bundle["identifier"]), claim=Identifier(**claim))
    return key.instance_id()


@asynccontextmanager
async def world(
    *,
    compat: Compat = "azure",
    timers: bool = False,
    start: datetime = START,
    store: Store | None = None,
    telemetry: Telemetry | None = None,
    data: Path | None = None,
    after: World | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """The app until the block ends; ``World.deliver`` stands for its Kafka triggers.

    ``timers``: run sweep and audit by the clock too (a week has 10,080 sweeps).

    ``data``: a directory for keys and address, so that the verbs of ``python -m host`` find this host. ``after``: an
    earlier world, whose FHIR server this one goes on with: a restart, given the same ``store``.
    """
    clock = VirtualClock(start)
    fhir = after.fhir if after else MemoryFhir(now=lambda: connections().now())
    notifier = MemoryNotifier()
    values = Settings(**{"answer_seconds": 1.0, **settings})
    judges = rules()
    events = after.events if after else MemoryEvents(now=clock.now)
    given = Connections(fhir, judges, notifier, values, events, events, clock.now)
    app = whole_app()
    unserved = {"kafkaTrigger"} if timers else {"kafkaTrigger", Kind.TIMER.value}
    app = replace(app, functions=tuple(each for each in app.functions if each.kind.value not in unserved))
    with use(given), watched_races() as races:
        if after is None:
            await seed(fhir)
        async with (
            http_host(
                app, clock=clock, store=store, compat=compat, options=server_options(data), telemetry=telemetry
            ) as host,
            own_session(),
        ):
            if data:
                lock.publish(data, host.server.origin)
            yield World(host, fhir, judges, notifier, events, clock, values, races)


def server_options(data: Path | None = None) -> ServerOptions:
    """Everybody of the samples may sign in; their ids are their tokens. ``data``: where keys are kept."""
    people = {each.id: each for each in identities()}
    keys = Keys.open(data / "keys.json", ()) if data else Keys()
    return ServerOptions(keys=keys, identities=Identities(people, {each: each for each in people}))


def action_of(item: Mapping[str, Any]) -> str:
    """X12 306 code of a ClaimResponse.item."""
    (review,) = item["adjudication"][0]["extension"]
    code = next(part for part in review["extension"] if part["url"].endswith("reviewActionCode"))
    return str(code["valueCodeableConcept"]["coding"][0]["code"])
