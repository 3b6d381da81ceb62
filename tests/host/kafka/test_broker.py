"""Hosts in processes of their own on a real broker: kills, rebalances, outages. No record is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import stack
from host.cli.api import Api
from host.cli.main import main
from host.options import Compat
from host.settings import StartupError
from host.testing_http import http_host
from tests.host.kafka.inline import SAFE, index
from tests.host.kafka.inline import until as soon
from tests.ports import free_port
from tests.stack.servers import kill, start

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
APP = Path(__file__).parent / "app"
PARTITIONS = 4
WAIT = 120.0
"""Seconds: for a machine that is busy."""


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Options]:
    """A broker of this module's own, because it is killed."""
    made = stack.Options(data=tmp_path_factory.mktemp("kafka"), only=("kafka",), kafka_port=free_port())
    yield made
    stack.down(made)


@pytest.fixture(scope="module")
def brokers(options: stack.Options) -> str:
    """Its address."""
    return start(options).kafka_brokers


class Stage:
    """Topics of one test, the hosts that serve them, and what these put out."""

    def __init__(self, brokers: str, folder: Path) -> None:
        self.brokers = brokers
        self.topic, self.out = (f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("in", "out"))
        self.hosts: list[subprocess.Popen[bytes]] = []
        self._folder = folder
        self.seen: list[Any] = []
        admin = AdminClient({"bootstrap.servers": brokers})
        # One partition for what is put out, whose order is looked at: its records have no key.
        sizes = {self.topic: PARTITIONS, self.out: 1, f"{self.out}-batch": 1}
        topics = [NewTopic(name, size, 1) for name, size in sizes.items()]
        for made in admin.create_topics(topics).values():
            made.result()
        self._producer = Producer({"bootstrap.servers": brokers, "log_level": 0})
        self._reader = Consumer({"bootstrap.servers": brokers, "group.id": "reader", "log_level": 0})
        self._reader.assign([TopicPartition(self.out, 0, OFFSET_BEGINNING)])

    def send(self, names: list[str], **where: int) -> None:
        for name in names:
            self._producer.produce(self.topic, name, key=name, **where)
        assert self._producer.flush(WAIT) == 0

    def committed(self, group: str) -> int:
        """The committed offset of partition 0."""
        asking = Consumer({"bootstrap.servers": self.brokers, "group.id": group})
        try:
            return int(asking.committed([TopicPartition(self.topic, 0)], timeout=WAIT)[0].offset)
        finally:
            asking.close()

    def start(self, number: int = 0, compat: str = "fixed", slow: float = 0.0) -> subprocess.Popen[bytes]:
        """A host with a data directory of that number."""
        environ = os.environ | {
            "TOPIC": self.topic,
            "OUT": self.out,
            "BROKERS": self.brokers,
            "GROUP": self.topic,
            "SLOW_SECONDS": str(slow),
        }
        command = [sys.executable, "-m", "host", "start", "--app", str(APP), "--data", str(self.data(number))]
        with self.log(number).open("ab") as log:
            host = subprocess.Popen(
                [*command, "--port", "0", "--compat", compat], cwd=ROOT, env=environ, stdout=log, stderr=log
            )
        self.hosts.append(host)
        return host

    def data(self, number: int = 0) -> Path:
        return self._folder / f"data-{number}"

    def log(self, number: int = 0) -> Path:
        return self._folder / f"host-{number}.log"

    def read(self) -> list[Any]:
        """What the function has put out so far: ``[text, partition, offset, retries, pid]`` each."""
        for each in self._reader.consume(1000, 0.2):
            if each.error() is None:
                self.seen.append(json.loads(each.value()))
        return self.seen

    def names(self) -> set[str]:
        return {each[0] for each in self.read()}

    def view(self, number: int = 0) -> Any:
        """What the host says of its deliveries; None while it does not answer."""
        try:
            return Api(self.data(number)).admin("GET", "/deliveries")
        except StartupError:
            return None

    def lag(self, number: int = 0) -> list[int | None]:
        view = self.view(number) or {"positions": []}
        return [each["lag"] for each in view["positions"] if each["function"] == "one"]

    def close(self) -> None:
        self._reader.close()
        for host in self.hosts:
            if host.poll() is None:
                host.kill()
            host.wait()


@pytest.fixture
def stage(brokers: str, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(brokers, tmp_path)
    yield made
    made.close()


@pytest.fixture
def other(brokers: str, tmp_path: Path) -> Iterator[Stage]:
    """A second one, for a host beside the first."""
    (folder := tmp_path / "other").mkdir()
    made = Stage(brokers, folder)
    yield made
    made.close()


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        time.sleep(0.05)


def some(count: int, prefix: str = "n") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def test_killed_host_loses_nothing(stage: Stage, other: Stage) -> None:
    """Both modes, at the same time."""
    with ThreadPoolExecutor() as pool:
        for ended in [pool.submit(kill_in_the_middle, stage, "azure"), pool.submit(kill_in_the_middle, other, "fixed")]:
            ended.result()


def kill_in_the_middle(stage: Stage, compat: str) -> None:
    stage.send(some(120))
    host = stage.start(compat=compat, slow=0.05)
    until(lambda: len(stage.read()) >= 20)
    host.send_signal(signal.SIGKILL)
    host.wait()
    assert len(stage.names()) < 120, "it was killed on its way"
    stage.start(compat=compat)
    until(lambda: stage.names() == set(some(120)))
    until(lambda: stage.lag() == [0] * PARTITIONS)
    found = Api(stage.data()).admin("GET", "/instances", top="1000")
    assert sorted(each["instanceId"] for each in found) == sorted(f"flow-{name}" for name in some(120))


def test_two_hosts_share_a_group_and_one_leaves_in_the_middle(stage: Stage) -> None:
    first = stage.start(0, slow=0.02)
    until(lambda: stage.lag(0) == [0] * PARTITIONS)
    second, expected = stage.start(1, slow=0.02), list[str]()

    def shared() -> bool:
        stage.send(more := some(20, f"{len(expected)}-"))
        expected.extend(more)
        return second.pid in {each[4] for each in stage.read()}

    until(shared)
    stage.send(some(200))
    until(lambda: stage.names() & set(some(200)))
    second.send_signal(signal.SIGTERM)
    assert second.wait(WAIT) == 0
    until(lambda: stage.names() == {*expected, *some(200)})
    assert first.pid in {each[4] for each in stage.read()}
    until(lambda: stage.lag(0) == [0] * PARTITIONS)
    assert first.poll() is None
    order: dict[int, list[int]] = {}
    for _, partition, offset, _, _ in stage.read():
        if offset not in order.setdefault(partition, []):
            order[partition].append(offset)
    assert all(offsets == sorted(offsets) for offsets in order.values()), "each partition in its order"


def test_events_shows_deliveries_and_lag(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.send(["fails-twice", "x"])
    stage.start()
    until(lambda: stage.names() == {"fails-twice", "x"})
    assert {each[0]: each[3] for each in stage.read()} == {"fails-twice": 2, "x": 0}
    until(lambda: stage.lag() == [0] * PARTITIONS)
    assert main(["events", "--data", str(stage.data())]) == 0
    shown = capsys.readouterr().out
    assert "retrying" in shown
    assert "FUNCTION  SOURCE" in shown
    assert "fails-twice" not in shown
    assert main(["events", "--follow", "x", "--data", str(stage.data())]) == 2
    assert "canary-value" not in stage.log().read_text()
    assert "NOT SERVED" not in stage.log().read_text()


def test_broker_that_is_killed_comes_back(stage: Stage, options: stack.Options) -> None:
    stage.start()
    stage.send(some(20))
    until(lambda: stage.names() == set(some(20)))
    kill(options, "kafka")
    until(lambda: "one" in (stage.view() or {"outages": {}})["outages"])
    start(options)
    stage.send(some(20, "m"))
    until(lambda: stage.names() == {*some(20), *some(20, "m")})
    until(lambda: not (stage.view() or {"outages": {"?"}})["outages"])
    log = stage.log().read_text()
    assert log.count("one receives nothing: the broker is away") == 1
    assert log.count("one receives again") == 1


SLOW_MS = 6000
"""Poll interval and session: a busy machine lets no consumer wait so long for its turn."""
SLOW = {**SAFE, "maxBatchSize": 1, "sessionTimeoutMs": SLOW_MS, "maxPollIntervalMs": SLOW_MS}


async def test_function_slower_than_the_poll_interval(stage: Stage) -> None:
    """Azure does not poll while records wait for it: the partition is lost and the record comes again."""
    stage.send(some(40), partition=0)
    azure, fixed = await asyncio.gather(slow_calls("azure", stage), slow_calls("fixed", stage))
    assert azure.count(0) > 1
    assert azure[-39:] == list(range(1, 40))
    assert fixed == list(range(40))
    assert [stage.committed(group) for group in ("azure", "fixed")] == [40, 40]


async def slow_calls(mode: Compat, stage: Stage) -> list[int]:
    """The offsets of the calls, of which the first takes longer than the poll interval."""
    calls, go, loop = list[int](), asyncio.Event(), asyncio.get_running_loop()
    app = func.FunctionApp()

    @app.kafka_trigger(
        arg_name="event", topic=stage.topic, broker_list=stage.brokers, consumer_group=mode, data_type="binary"
    )
    async def one(event: func.KafkaEvent) -> None:
        calls.append(event.offset or 0)
        if len(calls) == 1:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go.wait(), loop))

    async with http_host(index(app, SLOW), compat=mode, run_kafka=True):
        await soon(lambda: calls)
        loop.call_later(1.3 * SLOW_MS / 1000, go.set)
        await soon(lambda: 39 in calls)
    return calls
