"""``extensions.kafka`` of host.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from host.settings import StartupError, read_host_json


def section(folder: Path, **kafka: Any) -> Any:
    (folder / "host.json").write_text(json.dumps({"version": "2.0", "extensions": {"kafka": kafka}}))
    return read_host_json(folder).kafka


def test_defaults_are_those_of_the_extension(tmp_path: Path) -> None:
    found = section(tmp_path)
    assert (found.max_batch_size, found.subscriber_interval_in_seconds, found.executor_channel_capacity) == (64, 1, 1)
    assert (found.channel_full_retry_interval, found.commit_on_failure, found.max_retries) == (50, True, 5)
    assert found.librdkafka() == {
        "auto.commit.interval.ms": 200,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 3_000,
        "max.poll.interval.ms": 300_000,
        "metadata.max.age.ms": 180_000,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 1_000,
        "socket.keepalive.enable": "true",
    }


def test_keys_are_matched_in_any_case(tmp_path: Path) -> None:
    found = section(tmp_path, MaxBatchSize=3, CommitOnFailure=False, AutoOffsetReset="Latest", LibkafkaDebug="cgrp")
    assert (found.max_batch_size, found.commit_on_failure) == (3, False)
    assert found.librdkafka()["auto.offset.reset"] == "latest"
    assert found.librdkafka()["debug"] == "cgrp"
    assert section(tmp_path, sessionTimeoutMs=1500).librdkafka()["heartbeat.interval.ms"] == 500


def test_other_keys_are_ignored(tmp_path: Path) -> None:
    assert section(tmp_path, somethingNew=1).max_batch_size == 64


@pytest.mark.parametrize(
    ("key", "value"),
    [("maxBatchSize", 0), ("autoOffsetReset", "sometimes"), ("commitOnFailure", "perhaps"), ("maxRetries", -2)],
)
def test_unknown_value_stops_the_start(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(StartupError, match=rf"extensions\.kafka\.{key}"):
        section(tmp_path, **{key: value})
