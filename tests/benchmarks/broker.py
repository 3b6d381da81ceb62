"""Kafka alone: what one record costs between producer and consumer, and how many a second go through."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass
from uuid import uuid4

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

PARTITIONS = 6
HEADERS = [("ce_specversion", b"1.0"), ("ce_type", b"prior-authorization.requested.v1"), ("ce_source", b"urn:bench")]
VALUE = b'{"organization":"lakeside-clinic","request":"Binary/0b8e1f3a-7d1c-5a44-9a3b-6f1f2f0c9e11"}'


def topic(brokers: str, name: str) -> str:
    """A new topic."""
    admin = AdminClient({"bootstrap.servers": brokers})
    for created in admin.create_topics([NewTopic(name, PARTITIONS, 1)]).values():
        created.result(30)
    return name


@dataclass
class Sent:
    """Records on their way: when each was given to the producer (``time.time_ns``), by key."""

    at: dict[str, int]
    seconds: float


def send(brokers: str, name: str, count: int, per_second: float | None = None) -> Sent:
    """Produce ``count`` records with distinct keys: evenly at a rate, or as fast as the broker takes them."""
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 0 if per_second else 5, "acks": "all"})
    run, at, begin = uuid4().hex[:8], dict[str, int](), time.perf_counter()
    for number in range(count):
        key = f"case-{run}-{number}"
        if per_second:
            time.sleep(max(0.0, begin + number / per_second - time.perf_counter()))
        at[key] = time.time_ns()
        producer.produce(name, VALUE, key, headers=[*HEADERS, ("ce_id", key.encode())])
        producer.poll(0)
    producer.flush(60)
    return Sent(at, time.perf_counter() - begin)


def receive(brokers: str, name: str, count: int, ready: threading.Event, got: dict[str, int]) -> None:
    """Consume ``count`` records: when each came, by key."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": uuid4().hex, "auto.offset.reset": "earliest"})
    consumer.subscribe([name], on_assign=lambda *_: ready.set())
    try:
        while len(got) < count:
            if record := consumer.poll(0.1):
                got[record.key().decode()] = time.time_ns()
    finally:
        consumer.close()


def through(brokers: str, count: int, per_second: float | None) -> dict[str, float]:
    """Producer to consumer: milliseconds p50 and p99, and records a second."""
    name, ready, got = topic(brokers, f"raw-{uuid4().hex[:8]}"), threading.Event(), dict[str, int]()
    thread = threading.Thread(target=receive, args=(brokers, name, count, ready, got))
    thread.start()
    ready.wait(30)
    sent = send(brokers, name, count, per_second)
    thread.join(120)
    return latencies(sent.at, got)


def latencies(sent: dict[str, int], got: dict[str, int]) -> dict[str, float]:
    """p50 and p99 of the milliseconds between, and how many a second came."""
    waits = sorted((got[key] - at) / 1e6 for key, at in sent.items())
    seconds = (max(got.values()) - min(sent.values())) / 1e9
    return {"p50": statistics.median(waits), "p99": waits[int(len(waits) * 0.99)], "per_second": len(waits) / seconds}
