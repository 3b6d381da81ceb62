"""Why a consumer receives nothing, and when that is said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from host.kafka.outage import Outage

AWAY = KafkaError(KafkaError._ALL_BROKERS_DOWN)
SIGN_IN = KafkaError(KafkaError._AUTHENTICATION)
REFUSED = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)


class Broker:
    """What a look at it gives."""

    def __init__(self) -> None:
        self.answers = False
        self.topics: dict[str, Any] = {"t": None}

    def list_topics(self, timeout: float) -> Any:
        if not self.answers:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return SimpleNamespace(topics=self.topics)


class World:
    """An outage, its broker and what it told."""

    def __init__(self) -> None:
        self.broker: Any = Broker()
        self.told: list[str | None] = []
        self.outage = Outage("f", self.told.append)

    def look(self) -> None:
        self.outage.look(self.broker, "t")


@pytest.fixture
def world() -> World:
    return World()


def test_a_broker_that_is_away_is_told_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        world.outage.report(AWAY)
        assert world.outage.urgent
        world.look()
        assert world.outage.asks
    world.broker.answers = True
    world.look()
    assert world.told == ["the broker is away (_ALL_BROKERS_DOWN)", None]
    assert not world.outage.asks
    assert len(caplog.records) == 2


@pytest.mark.parametrize("errors", [[SIGN_IN, AWAY], [AWAY, SIGN_IN]])
def test_wrong_credentials_are_told_as_such(world: World, errors: list[KafkaError]) -> None:
    for error in errors:
        world.outage.report(error)
    world.look()
    world.outage.report(AWAY)
    world.look()
    assert world.told == ["the broker refuses the sign-in (_AUTHENTICATION)"]


def test_wrong_credentials_found_later_are_told_too(world: World) -> None:
    for error in (AWAY, SIGN_IN):
        world.outage.report(error)
        world.look()
    assert world.told == [
        "the broker is away (_ALL_BROKERS_DOWN)",
        "the broker refuses the sign-in (_AUTHENTICATION)",
    ]


def test_a_topic_that_is_missing_and_comes(world: World) -> None:
    world.broker.answers, world.broker.topics = True, {}
    world.outage.complain(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
    world.look()
    world.broker.topics = {"t": None}
    world.look()
    assert world.told == ["the topic does not exist", None]


def test_what_the_broker_forbids_lasts_until_something_comes(world: World) -> None:
    world.broker.answers = True
    world.outage.complain(REFUSED)
    world.look()
    assert world.told == ["the broker refuses (GROUP_AUTHORIZATION_FAILED)"]
    world.outage.end()
    assert world.told[1:] == [None]


def test_a_consumer_that_failed_is_told_without_the_text(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.broker.answers = True
    try:
        raise ValueError("canary-value")
    except ValueError as error:
        world.outage.fail(error)
    world.look()
    assert world.told == ["its consumer failed (ValueError) and is begun anew"]
    assert "The consumer of f failed: ValueError at test_outage.py:" in caplog.text
    assert "canary" not in caplog.text
