"""Ten thousand events while broker, host, group and registry fail: each instance once, each poison told, no lag."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

import stack
from domain.events.catalog import Topic
from events.topics import apply
from stack.options import ROOT
from tests.faults.swarm import ORGANIZATION, SOURCE, Swarm
from tests.ports import free_port
from tests.stack import servers

pytestmark = pytest.mark.integration
GROUP = "workflow-engine"
APP = Path(__file__).parent / "events_app"
SOURCES = {SOURCE: {"roles": ["submitter"], "organizations": [ORGANIZATION]}}


@pytest.mark.timeout(900)
def test_each_instance_once_each_poison_told_no_lag(tmp_path: Path) -> None:
    options = stack.Options(
        data=tmp_path, only=("kafka", "registry"), kafka_port=free_port(), registry_port=free_port()
    )
    swarm, begin = Swarm.of(10_000), time.monotonic()
    running = servers.start(options)
    try:
        apply(running.kafka_brokers, running.registry_url)
        with _host(tmp_path, running.kafka_brokers) as host:
            sending = swarm.send(running.kafka_brokers, seconds=30)
            swarm.until(0.2)
            servers.kill(options, "kafka")
            stack.up(options)
            swarm.until(0.4)
            host.kill()
            host.start()
            swarm.until(0.5)
            _join_and_leave(running.kafka_brokers)
            servers.kill(options, "registry")
            sending.join()
            assert swarm.failed == []
            _until(lambda: _lag(running.kafka_brokers) == 0, host)
            _until(lambda: {line.split()[0] for line in host.ledger()} >= swarm.expected, host)
            host.stop()
        entries = {tuple(line.split()) for line in host.ledger()}
        assert {case for case, _ in entries} == swarm.expected
        assert len(entries) == len(swarm.expected)  # no instance ran twice
        letters = _letters(running.kafka_brokers)
        assert letters == swarm.poison_at
        print(f"\n{len(swarm.sendings)} events, {len(entries)} instances, {len(letters)} letters, "
              f"{time.monotonic() - begin:.0f} s")  # fmt: skip
    finally:
        stack.down(options)


class _Host:
    """The app of ``events_app`` on the embedded host."""

    def __init__(self, folder: Path, brokers: str) -> None:
        self._folder, self._port = folder, free_port()
        self._settings = {
            "PYTHONPATH": str(ROOT),
            "LEDGER": str(folder / "ledger"),
            "WORKFLOW_KAFKA_BROKERS": brokers,
            "WORKFLOW_KAFKA_GROUP": GROUP,
            "WORKFLOW_EVENT_SOURCES": json.dumps(SOURCES),
        }

    def start(self) -> None:
        command = [sys.executable, "-m", "host", "start", "--app", str(APP), "--port", str(self._port)]
        command += ["--data", str(self._folder / "host")]
        with (self._folder / "host.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **self._settings})
        servers.until(self._ready)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)

    def ledger(self) -> list[str]:
        return (self._folder / "ledger").read_text().splitlines()

    @property
    def log(self) -> str:
        return (self._folder / "host.log").read_text()

    def _ready(self) -> bool:
        assert self._process.poll() is None, self.log
        try:
            url = f"http://127.0.0.1:{self._port}/health/live"
            return httpx.get(url, timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def _host(folder: Path, brokers: str) -> Iterator[_Host]:
    host = _Host(folder, brokers)
    host.start()
    try:
        yield host
    finally:
        host.kill()


def _join_and_leave(brokers: str) -> None:
    """Another member of the group takes records, commits nothing and goes."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": GROUP,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 10_000,
        }
    )
    consumer.subscribe([Topic.REQUESTS.value])
    taken = 0
    end = time.monotonic() + 60
    while taken < 20 and time.monotonic() < end:
        record = consumer.poll(0.2)
        taken += record is not None and record.error() is None
    consumer.close()
    assert taken, "the group gave the second member nothing"


def _lag(brokers: str) -> int:
    """Records that the group has not committed."""
    admin, topic = AdminClient({"bootstrap.servers": brokers}), Topic.REQUESTS.value
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP)])
    committed = {each.partition: each.offset for each in asked[GROUP].result(30).topic_partitions}
    return sum(end - max(committed.get(number, 0), 0) for number, end in _ends(brokers, topic).items())


def _ends(brokers: str, topic: str) -> dict[int, int]:
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "looks"})
    try:
        numbers = consumer.list_topics(topic, 30).topics[topic].partitions
        return {n: consumer.get_watermark_offsets(TopicPartition(topic, n), 30)[1] for n in numbers}
    finally:
        consumer.close()


def _letters(brokers: str) -> set[tuple[int, int]]:
    """Where the records lie that dead letters tell of."""
    topic, found, read = Topic.REQUESTS.dead_letters, set[tuple[int, int]](), 0
    ends = _ends(brokers, topic)
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "reads", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, number, 0) for number in ends])
    try:
        while read < len(ends):
            record = consumer.poll(10)
            assert record is not None
            if record.error():
                read += 1
                continue
            letter = json.loads(record.value())
            assert letter["topic"] == Topic.REQUESTS
            found.add((letter["partition"], letter["offset"]))
    finally:
        consumer.close()
    return found


def _until(true: Callable[[], bool], host: _Host) -> None:
    end = time.monotonic() + 300
    while not true():
        assert time.monotonic() < end, host.log[-3000:]
        time.sleep(0.5)
