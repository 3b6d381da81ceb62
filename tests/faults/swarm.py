"""Thousands of events: distinct ones, copies and poison, in an order that is the same in every run."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from confluent_kafka import Message, Producer

from domain.case import instance_id
from domain.events.catalog import REQUESTED, Topic
from domain.events.cloud_event import CloudEvent, Headers, to_headers, to_value

_NAMESPACE = UUID("b7f2a7b6-5d1c-5a37-8d0e-0c3b7a0a4e11")
SOURCE = "urn:portal:swarm"
ORGANIZATION = "swarm-clinic"


@dataclass(frozen=True)
class Sending:
    """One record to be produced."""

    key: str
    headers: Headers
    value: bytes
    poison: bool = False


@dataclass
class Swarm:
    """What is sent, and where the poison came to lie."""

    sendings: Sequence[Sending]
    expected: set[str]
    """Instance ids that shall exist."""
    sent: int = 0
    poison_at: set[tuple[int, int]] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, count: int, copies: float = 0.2, poison: float = 0.05) -> Swarm:
        """``count`` records, of which so many are copies of others, and so many poison."""
        pick = random.Random(count)
        bad = [_poison(number) for number in range(int(count * poison))]
        good = [_good(number) for number in range(count - len(bad) - int(count * copies))]
        again = pick.choices(good, k=int(count * copies))
        sendings = [*good, *again, *bad]
        pick.shuffle(sendings)
        return cls(sendings, {case(number) for number in range(len(good))})

    def send(self, brokers: str, seconds: float) -> threading.Thread:
        """Produce evenly over so many seconds, in the background, through whatever happens to the broker."""
        thread = threading.Thread(target=self._send, args=(brokers, seconds), name="swarm")
        thread.start()
        return thread

    def until(self, share: float) -> None:
        """Return when that share is sent."""
        end = time.monotonic() + 300
        while self.sent < share * len(self.sendings):
            assert time.monotonic() < end, "the sender stands still"
            time.sleep(0.02)

    def _send(self, brokers: str, seconds: float) -> None:
        producer = Producer(
            {"bootstrap.servers": brokers, "enable.idempotence": True, "delivery.timeout.ms": 120_000, "log_level": 2}
        )
        begin = time.monotonic()
        for number, sending in enumerate(self.sendings):
            time.sleep(max(0.0, begin + seconds * number / len(self.sendings) - time.monotonic()))
            producer.produce(
                Topic.REQUESTS.value,
                sending.value,
                sending.key,
                headers=list(sending.headers),
                on_delivery=self._noting(sending),
            )
            producer.poll(0)
            self.sent += 1
        producer.flush(120)

    def _noting(self, sending: Sending):  # type: ignore[no-untyped-def]
        def note(error: object, message: Message) -> None:
            if error is not None:
                self.failed.append(str(error))
            elif sending.poison:
                self.poison_at.add((message.partition() or 0, message.offset() or 0))

        return note


def case(number: int) -> str:
    """Instance id of a distinct event."""
    return instance_id("case", ORGANIZATION, _reference(number))


def _reference(number: int) -> str:
    return f"Binary/{uuid5(_NAMESPACE, str(number))}"


def _event(number: int, **changes: object) -> CloudEvent:
    data = {"organization": ORGANIZATION, "request": _reference(number)}
    given = {"id": str(number), "source": SOURCE, "type": REQUESTED.name, "dataschema": REQUESTED.schema, "data": data}
    return CloudEvent.model_validate({**given, **changes})


def _good(number: int) -> Sending:
    event = _event(number)
    return Sending(f"request-{number}", to_headers(event), to_value(event))


def _poison(number: int) -> Sending:
    """One of seven ways to be of no use."""
    event, key = _event(number), f"poison-{number}"
    headers, value = to_headers(event), to_value(event)
    ways = [
        (headers, b"{"),
        (headers, b"\xff\xfe"),
        (headers, b""),
        (headers, json.dumps({"organization": ORGANIZATION}).encode()),
        (to_headers(_event(number, source="urn:nobody")), value),
        (tuple(each for each in headers if each[0] != "ce_id"), value),
        (headers, to_value(_event(number, data={"organization": "another-clinic", "request": _reference(number)}))),
    ]
    return Sending(key, *ways[number % len(ways)], poison=True)
