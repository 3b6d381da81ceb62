"""The local stack is started for local addresses alone, and only where nobody listens."""

from __future__ import annotations

import pytest

import stack
from events import local
from events.connection import LOCAL_REGISTRY
from events.errors import EventsError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What the stack was asked to start; nobody listens on its ports."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(local, "_listens", lambda port: False)
    monkeypatch.setattr(stack, "up", lambda options: calls.append(options.only))
    return calls


def test_both_are_started(asked: list[tuple[str, ...]]) -> None:
    assert local.start(local.LOCAL_BROKERS, LOCAL_REGISTRY) == ("kafka", "registry")
    assert asked == [("kafka", "registry")]


def test_what_is_elsewhere_is_left_alone(asked: list[tuple[str, ...]]) -> None:
    assert local.start("broker.example:9092", "https://registry.example") == ()
    assert local.start(local.LOCAL_BROKERS, None) == ("kafka",)
    assert asked == [("kafka",)]


def test_what_listens_is_left_alone(asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_listens", lambda port: True)
    assert local.start(local.LOCAL_BROKERS, LOCAL_REGISTRY) == ()
    assert asked == []


def test_a_stack_that_does_not_start_is_told(asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: stack.Options) -> None:
        raise stack.StackError("No JDK was found.")

    monkeypatch.setattr(stack, "up", refuse)
    with pytest.raises(EventsError, match="No JDK was found"):
        local.start(local.LOCAL_BROKERS, None)
