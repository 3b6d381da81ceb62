"""Poison on the real broker, through the real triggers, doors and entities: the order of every key holds while records
come, operators redrive and discard, and in the end every record was taken once or given up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from confluent_kafka import Producer

from adapters.connections import Connections, use
from adapters.events.kafka import KafkaLog, KafkaPublisher
from adapters.events.security import brokers
from adapters.fhir.memory import MemoryFhir
from adapters.notifications.memory import MemoryNotifier
from domain.events.catalog import ATTACHMENT
from domain.events.cloud_event import CloudEvent, to_headers, to_value
from events import topics
from host.clock import SystemClock
from host.testing_http import HttpHost, http_host
from settings import Settings
from tests.adapters.events.broker import Broker, running
from tests.support.incoming import LAKESIDE, PORTAL, SOURCES
from tests.support.judges import rules
from tests.support.ordered import POISON, TOPIC, Recorder
from tests.support.world import OPERATOR, server_options, whole_app
from triggers.deliver import HANDLERS
from triggers.open_letters import open_letters, parked_words

pytestmark = pytest.mark.integration
KEYS: Final = 12
WAIT: Final = 60.0
SERVED: Final = frozenset(
    {"kafka_attachments", "event_lane", "list_dead_letters", "redrive_dead_letter", "discard_dead_letter"}
)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of this test's own, with the engine's topics."""
    with running(tmp_path_factory.mktemp("letters")) as started:
        topics.apply(started.settings.kafka_brokers, None)
        yield started


@dataclass
class Engine:
    """The app on the host, and what it took."""

    host: HttpHost
    to: Connections
    recorder: Recorder
    producer: Producer
    sent: int = 0

    def send(self, names: list[str]) -> None:
        """Events ``<key>:<number>``; returns when the broker has them."""
        data = {"organization": LAKESIDE, "attachment": "Binary/b"}
        for name in names:
            event = CloudEvent(id=name, source=PORTAL, type=ATTACHMENT.name, data=data)
            self.producer.produce(TOPIC, to_value(event), name.split(":")[0], headers=list(to_headers(event)))
        assert self.producer.flush(WAIT) == 0
        self.sent += len(names)

    async def ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {OPERATOR}"}
        async with self.host.client.request(method, path, headers=headers) as answer:
            return json.loads(await answer.text())

    async def caught_up(self) -> None:
        """Return when every record that was sent was consumed."""
        async with asyncio.timeout(WAIT):
            while self._done() < self.sent:  # noqa: ASYNC110 the host tells nobody
                await asyncio.sleep(0.05)

    def _done(self) -> int:
        return sum(each["position"] or 0 for each in self.host.deliveries.view()["positions"])

    def taken(self, key: str) -> list[str]:
        """What was taken of a key, in order."""
        return [name for name in self.recorder.taken if name.startswith(f"{key}:")]


@asynccontextmanager
async def engine(broker: Broker) -> AsyncIterator[Engine]:
    recorder = Recorder()
    log, publisher = KafkaLog(brokers(broker.settings)), KafkaPublisher(brokers(broker.settings))
    values = Settings(kafka_brokers=broker.settings.kafka_brokers, event_sources=SOURCES)
    clock = SystemClock()
    to = Connections(MemoryFhir(now=clock.now), rules(), MemoryNotifier(), values, publisher, log, clock.now)
    app = whole_app()
    app = replace(app, functions=tuple(each for each in app.functions if each.name in SERVED))
    with use(to), pytest.MonkeyPatch.context() as patch:
        patch.setitem(HANDLERS[TOPIC], ATTACHMENT.name, recorder)
        async with http_host(app, clock=clock, options=server_options(), run_kafka=True) as host:
            yield Engine(host, to, recorder, Producer(brokers(broker.settings)))
    await publisher.aclose()
    await log.aclose()


def names(first: int, last: int) -> list[str]:
    """Events of all keys, in turn."""
    return [f"k{key:02}:{number:03}" for number in range(first, last) for key in range(KEYS)]


async def _deal_with_all(app: Engine) -> int:
    """Redrive what can be taken and discard the rest, until no letter is open. Returns how many were dealt with."""
    dealt = 0
    async with asyncio.timeout(WAIT):
        while items := (await app.ask("GET", "/dead-letters?sort=appended"))["items"]:
            for item in items:
                answer = await app.ask("POST", f"/dead-letters/{item['id']}/redrive")
                if answer.get("reason"):
                    answer = await app.ask("POST", f"/dead-letters/{item['id']}/discard")
                dealt += answer.get("letter") == "closed"
    return dealt


async def test_every_record_is_taken_once_and_in_order_or_given_up(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKFLOW_KAFKA_BROKERS", broker.settings.kafka_brokers)
    monkeypatch.setenv("WORKFLOW_KAFKA_GROUP", "letters")
    poison = {f"k{key:02}:{number:03}" for key in range(0, KEYS, 2) for number in (key % 5, key % 5 + 3)}
    given_up = {name for name in poison if int(name[1:3]) % 4 == 0}
    async with engine(broker) as app:
        app.recorder.faults = dict.fromkeys(poison, POISON)
        app.send(names(0, 10))
        await app.caught_up()
        for key in (f"k{number:02}" for number in range(KEYS)):
            first = min((name for name in poison if name.startswith(key)), default=f"{key}:999")
            assert app.taken(key) == [name for name in names(0, 10) if name.startswith(key) and name < first]
        letters = await open_letters(app.to)
        assert len(letters) == KEYS / 2
        waiting = len(names(0, 10)) - len(app.recorder.taken) - len(letters)
        assert len(await parked_words(app.to)) == waiting

        app.recorder.faults = dict.fromkeys(given_up, POISON)
        _, dealt = await asyncio.gather(asyncio.to_thread(app.send, names(10, 20)), _deal_with_all(app))
        await app.caught_up()
        dealt += await _deal_with_all(app)
        assert dealt >= KEYS / 2
        for key in (f"k{number:02}" for number in range(KEYS)):
            assert app.taken(key) == [name for name in names(0, 20) if name.startswith(key) and name not in given_up]
        assert (await open_letters(app.to), await parked_words(app.to)) == ([], [])
