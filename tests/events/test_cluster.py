"""What a person is told when the cluster, or the registry, does not do what is asked."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from events import cluster
from events.__main__ import main
from events.cluster import Cluster
from events.errors import EventsError
from events.registry import Registry
from tests.ports import free_port


class Refusing:
    """An ``AdminClient`` of a cluster that answers everything with one error."""

    code = KafkaError.TOPIC_AUTHORIZATION_FAILED

    def __init__(self, _: Any) -> None: ...

    def list_topics(self, timeout: float) -> None:
        raise KafkaException(KafkaError(self.code, "as configured"))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, r"refuse to list topics: check WORKFLOW_KAFKA_USERNAME"),
        (KafkaError._AUTHENTICATION, r"refuse to list topics: check WORKFLOW_KAFKA_USERNAME"),
        (KafkaError._TRANSPORT, r"No broker answers at far:9093: start it, or correct WORKFLOW_KAFKA_BROKERS"),
        (KafkaError.UNKNOWN, r"did not list topics: as configured"),
    ],
)
def test_errors_say_what_to_do(code: int, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "AdminClient", Refusing)
    monkeypatch.setattr(Refusing, "code", code)
    with pytest.raises(EventsError, match=told):
        Cluster({"bootstrap.servers": "far:9093"}).topics(("a.",))


def test_a_broker_that_is_away() -> None:
    away = Cluster({"bootstrap.servers": f"127.0.0.1:{free_port()}", "log_level": 0}, seconds=0.5)
    with pytest.raises(EventsError, match="No broker answers at"):
        away.topics(("a.",))


def test_a_registry_that_is_away() -> None:
    with (
        Registry(f"http://127.0.0.1:{free_port()}") as registry,
        pytest.raises(EventsError, match=r"No schema registry answers at .* --registry none"),
    ):
        registry.latest("a.v1")


def test_one_sentence_and_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cluster, "AdminClient", Refusing)
    assert main(["topics", "--brokers", "far:9093", "--registry", "none"]) == 1
    assert capsys.readouterr().err.startswith("The brokers at far:9093 refuse to list topics")
