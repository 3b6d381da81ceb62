"""``make topics`` on the real broker and registry: what it applies, repairs and refuses, and that it takes effect."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

import stack
from domain.events.catalog import STEP
from events import connection, topics
from events.__main__ import main
from events.errors import EventsError
from events.plan import Register
from events.registry import Registry
from events.topics import Files, Report
from tests.events.evolution import BASE, EXAMPLES

pytestmark = pytest.mark.integration


class Desk:
    """Files of a test's own, with names that nobody else has, and what is applied of them."""

    def __init__(self, servers: stack.Servers, folder: Path) -> None:
        self.brokers, self.registry_url = servers.kafka_brokers, servers.registry_url
        self.prefix = f"{folder.name.replace('_', '-').lower()}-{time.time_ns()}."
        self.event = dataclasses.replace(STEP, name=f"{self.prefix}happened.v1")
        self.files = Files(folder / "topics.yaml", folder / "schemas", [self.event])

    def topic(self, **changed: Any) -> str:
        """Write a file that has one topic. Returns its name."""
        configs = changed.pop("configs", {})
        kept = {"owner": "test", "about": "A test.", "key": "k", "partitions": 2, "retention": "P2D"}
        one = {**kept, "cleanup": "delete", **changed}
        name = f"{self.prefix}b"
        self.files.topics.write_text(
            yaml.safe_dump({"prefixes": [self.prefix], "configs": configs, "topics": {name: one}})
        )
        return name

    def schema(self, version: int, schema: Any) -> None:
        """Write a version of the event's schema."""
        path = self.files.schemas / self.event.name / f"{version}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema))

    def apply(self, registry: bool = False, **how: bool) -> Report:
        return topics.apply(self.brokers, self.registry_url if registry else None, files=self.files, **how)

    def found(self) -> dict[str, Any]:
        return dict(connection.cluster(self.brokers).topics((self.prefix,)))

    def names(self) -> set[str]:
        return set(AdminClient({"bootstrap.servers": self.brokers}).list_topics(timeout=30).topics)


@pytest.fixture
def desk(servers: stack.Servers, tmp_path: Path) -> Desk:
    return Desk(servers, tmp_path)


def eventually(holds: Callable[[], bool], seconds: float = 90) -> None:
    """Return when it holds; fail when it does not for so long."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.3)


def test_our_own_files_are_applied_once(servers: stack.Servers, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["topics", "--brokers", servers.kafka_brokers, "--registry", servers.registry_url]
    assert main(given) == 0
    capsys.readouterr()
    assert main(given) == 0
    assert capsys.readouterr().out == "nothing to do\n"


def test_a_dry_run_changes_nothing(desk: Desk) -> None:
    name = desk.topic()
    assert [str(change)[:7] for change in desk.apply(dry=True).done] == ["+ topic"]
    assert name not in desk.names()


def test_two_may_apply_at_once(desk: Desk) -> None:
    name = desk.topic()
    desk.apply()
    assert connection.cluster(desk.brokers).create(name, 2, {}) == []


def test_drift_is_repaired(desk: Desk) -> None:
    name = desk.topic()
    desk.apply()
    connection.cluster(desk.brokers).alter(name, {"retention.ms": "60000"})
    assert [str(change) for change in desk.apply().done] == [
        f"~ topic {name}: retention.ms 60000 (0:01:00) -> 172800000 (2 days)"
    ]
    assert desk.found()[name].configs["retention.ms"] == "172800000"
    assert desk.apply() == Report()


def test_partitions_grow_and_never_shrink(desk: Desk) -> None:
    name = desk.topic()
    desk.apply()
    desk.topic(partitions=3)
    assert [str(change) for change in desk.apply().done] == [f"~ topic {name}: partitions 2 -> 3"]
    desk.topic(partitions=1)
    report = desk.apply(force=True)
    assert (len(report.done), len(report.refused)) == (0, 1)
    assert desk.found()[name].partitions == 3


def test_what_loses_records_needs_force(desk: Desk) -> None:
    name = desk.topic()
    desk.apply()
    desk.topic(retention="P1D")
    (refused,) = desk.apply().refused
    assert refused.refusal == "its records would be deleted; FORCE=1 does it"
    assert desk.found()[name].configs["retention.ms"] == "172800000"
    assert len(desk.apply(force=True).done) == 1
    assert desk.found()[name].configs["retention.ms"] == "86400000"


def test_a_topic_that_the_file_names_no_longer_is_deleted_with_force_only(desk: Desk) -> None:
    old = desk.topic()
    desk.apply()
    desk.files.topics.write_text(desk.files.topics.read_text().replace(old, f"{desk.prefix}new"))
    report = desk.apply()
    assert [str(change) for change in report.refused] == [f"- topic {old}"]
    assert {old, f"{desk.prefix}new"} <= desk.names()
    desk.apply(force=True)
    eventually(lambda: old not in desk.names())


def test_a_setting_that_the_cluster_does_not_take_is_reported(desk: Desk) -> None:
    name = desk.topic(configs={"no.such.setting": "1", "max.message.bytes": "2000000"})
    assert desk.apply().unsupported == (f"{name}: no.such.setting",)
    assert desk.found()[name].configs["max.message.bytes"] == "2000000"
    assert desk.apply() == Report()


def write(brokers: str, topic: str, records: list[tuple[str, str | None]]) -> None:
    """Append to partition 0, and return when all is there."""
    producer = Producer({"bootstrap.servers": brokers})
    for key, value in records:
        producer.produce(topic, value, key, partition=0)
    assert producer.flush(60) == 0


@pytest.fixture
def reader(desk: Desk) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            "bootstrap.servers": desk.brokers,
            "group.id": desk.prefix,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    yield consumer
    consumer.close()


def read(consumer: Consumer, topic: str) -> list[tuple[str, str | None]]:
    """What partition 0 still holds."""
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    kept: list[tuple[str, str | None]] = []
    while True:
        message = consumer.poll(60)
        assert message is not None
        if (error := message.error()) is not None:
            assert error.code() == KafkaError._PARTITION_EOF
            return kept
        value = message.value()
        kept.append((message.key().decode(), None if value is None else value.decode()))


def test_retention_takes_what_is_old(desk: Desk, reader: Consumer) -> None:
    name = desk.topic(retention="PT1H", segment="PT0.5S")
    desk.apply()
    write(desk.brokers, name, [(str(n), "old") for n in range(100)])
    assert len(read(reader, name)) == 100
    desk.topic(retention="PT2S", segment="PT0.5S")
    desk.apply(force=True)
    eventually(lambda: read(reader, name) == [])
    desk.topic(retention="PT1H", segment="PT0.5S")
    desk.apply()
    write(desk.brokers, name, [("1", "new")])
    assert read(reader, name) == [("1", "new")]


def test_compaction_keeps_the_newest_and_forgets_what_is_closed(desk: Desk, reader: Consumer) -> None:
    at_once = {"min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "1"}
    name = desk.topic(cleanup="compact,delete", segment="PT0.2S", configs=at_once)
    desk.apply()
    write(desk.brokers, name, [("moved", "1"), ("closed", "1"), ("alone", "1"), ("moved", "2"), ("closed", None)])

    def compacted() -> bool:
        write(desk.brokers, name, [("filler", "")])  # a new segment: the newest is never compacted
        return [record for record in read(reader, name) if record[0] != "filler"] == [("alone", "1"), ("moved", "2")]

    eventually(compacted)


def test_schemas_are_registered_and_their_level_is_repaired(desk: Desk) -> None:
    desk.topic()
    desk.schema(1, BASE)
    first = [str(change) for change in desk.apply(registry=True).done[1:]]
    name = desk.event.name
    assert first == [f"~ schema {name}: compatibility not set -> BACKWARD", f"+ schema {name}: version 1"]
    with Registry(desk.registry_url) as registry:
        registry.require(name, "NONE")
        assert [str(change) for change in desk.apply(registry=True).done] == [
            f"~ schema {name}: compatibility NONE -> BACKWARD"
        ]
        assert registry.compatibility(name) == "BACKWARD"
        assert registry.latest(name) == BASE
    assert desk.apply(registry=True) == Report()


def test_a_compatible_version_is_taken_and_a_breaking_one_refused(desk: Desk) -> None:
    desk.topic()
    follows, breaks = EXAMPLES["an optional field more"][0], EXAMPLES["a code less"][0]
    desk.schema(1, BASE)
    desk.schema(2, follows)
    desk.apply(registry=True)
    third = {**breaks, "properties": {**follows["properties"], **breaks["properties"]}, "$id": "urn:example:3"}
    desk.schema(3, third)
    (refused,) = desk.apply(registry=True, force=True).refused
    assert isinstance(refused, Register)
    assert str(refused) == f"+ schema {desk.event.name}: version 3"
    assert "$.outcome: the value failed was removed" in (refused.refusal or "")
    with Registry(desk.registry_url) as registry:
        assert registry.latest(desk.event.name) == follows
        with pytest.raises(
            EventsError, match=rf"answered 409 to POST /subjects/{desk.event.name}/versions: .*properties/outcome"
        ):
            registry.register(desk.event.name, third)


def test_the_registry_judges_as_our_own_check_does(desk: Desk) -> None:
    desk.topic()
    desk.schema(1, BASE)
    desk.apply(registry=True)
    path = f"{desk.registry_url}/compatibility/subjects/{desk.event.name}/versions/latest"
    judged = {}
    with httpx.Client(trust_env=False, timeout=60) as http:
        for name, (schema, _) in EXAMPLES.items():
            answer = http.post(path, json={"schemaType": "JSON", "schema": json.dumps(schema)})
            judged[name] = answer.json()["is_compatible"]
    assert judged == {name: accepted for name, (_, accepted) in EXAMPLES.items()}
