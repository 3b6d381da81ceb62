"""What topics.yaml says agrees with the catalog."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

from domain.events.catalog import EVENTS, INCOMING, ORDERED, Topic
from events import spec
from events.errors import EventsError
from stack.options import ROOT

TOPICS = spec.read().topics
BESIDE = [(topic, topic.dead_letters) for topic in INCOMING] + [(topic, topic.parked) for topic in ORDERED]


def test_topics_are_those_of_the_catalog() -> None:
    assert set(TOPICS) == set(Topic) | {name for _, name in BESIDE}


def test_every_event_has_a_topic() -> None:
    assert [event.name for event in EVENTS if not any(fnmatch(name, event.topic) for name in TOPICS)] == []


@pytest.mark.parametrize(("topic", "beside"), BESIDE)
def test_what_is_told_of_a_record_is_not_kept_longer_than_it(topic: str, beside: str) -> None:
    assert TOPICS[beside].retention <= TOPICS[topic].retention


@pytest.mark.parametrize("beside", [name for _, name in BESIDE])
def test_dead_letters_and_parked_are_closed_by_tombstones(beside: str) -> None:
    assert TOPICS[beside].cleanup == "compact,delete"
    assert TOPICS[beside].segment is not None  # the newest segment is never compacted


def test_the_time_of_a_record_is_the_brokers() -> None:
    assert all(spec.read().wanted(name, 1)["message.timestamp.type"] == "LogAppendTime" for name in TOPICS)


def test_settings_as_kafka_names_them() -> None:
    assert spec.read().wanted(Topic.REQUESTS.dead_letters, replication=3) == {
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": "1048576",
        "cleanup.policy": "compact,delete",
        "retention.ms": "2592000000",
        "segment.ms": "86400000",
        "min.insync.replicas": "2",
    }


@pytest.mark.parametrize("name", TOPICS)
def test_the_page_says_the_same(name: str) -> None:
    kept = TOPICS[name]
    row = f"| `{name}` | {kept.owner} | {kept.key} | {kept.partitions} | {kept.retention.days} days | {kept.cleanup} |"
    assert row in (ROOT / "docs" / "events.md").read_text()


def test_every_wrong_place_is_named(tmp_path: Path) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text(
        "prefixes: [a.]\n"
        "topics:\n"
        "  a.b: {owner: x, about: y, key: k, partitions: 0, retention: P1D, cleanup: compact}\n"
    )
    with pytest.raises(EventsError, match=r"topics\.a\.b\.partitions(.|\n)*topics\.a\.b\.cleanup"):
        spec.read(path)


def test_a_topic_of_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text(
        "prefixes: [a.]\ntopics:\n  b.c: {owner: x, about: y, key: k, partitions: 1, retention: P1D, cleanup: delete}\n"
    )
    with pytest.raises(EventsError, match=r"b\.c: begins with none of the prefixes"):
        spec.read(path)


def test_what_is_no_yaml_is_said(tmp_path: Path) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text("topics: [")
    with pytest.raises(EventsError, match=r"topics\.yaml is not YAML"):
        spec.read(path)
