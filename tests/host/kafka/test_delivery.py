"""Running a function on records: tries, what a failure means, partitions that are taken away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, List  # noqa: UP035 (Azure's own spelling)

import azure.functions as func
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from host.clock import VirtualClock
from host.deliveries import Deliveries
from host.invoker import AppInvoker
from host.kafka.binding import read_trigger
from host.kafka.delivery import Deliverer
from host.kafka.intake import Channel, Streams
from host.kafka.record import Held
from host.telemetry import Telemetry
from tests.host.kafka.inline import SAFE, index, record, until

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"
RETRY = {"strategy": "fixed_delay", "max_retry_count": "2", "delay_interval": "00:00:10"}


class World:
    """A deliverer with what it tells."""

    def __init__(self, deliverer: Deliverer, clock: VirtualClock, done: list[Any], deliveries: Deliveries) -> None:
        self.deliverer = deliverer
        self.clock = clock
        self.done = done
        self.deliveries = deliveries

    @property
    def outcomes(self) -> list[str]:
        return [each["outcome"] for each in self.deliveries.view()["deliveries"]]


@asynccontextmanager
async def delivering(
    function: Callable[..., Any],
    kafka: dict[str, Any] | None = None,
    retry: dict[str, str] | None = None,
    many: bool = False,
    telemetry: Telemetry | None = None,
) -> AsyncIterator[World]:
    app = func.FunctionApp()
    settings: dict[str, Any] = {"data_type": "binary", "cardinality": "many" if many else "one"}
    builder = app.kafka_trigger(arg_name="event", topic="orders", broker_list="nowhere:1", **settings)(function)
    if retry:
        app.retry(**retry)(builder)
    loaded = index(app, kafka)
    assert not loaded.refused, loaded.refused
    invoker, clock, deliveries, done = AppInvoker(loaded, telemetry), VirtualClock(), Deliveries(), list[Any]()
    deliverer = Deliverer(
        read_trigger(loaded.functions[0], {}),
        loaded.host_json.kafka,
        invoker,
        clock,
        deliveries,
        lambda held, position, count: done.append((held.partition, position, count)),
        timedelta(0),
    )
    try:
        yield World(deliverer, clock, done, deliveries)
    finally:
        await deliverer.stop()
        await invoker.close()


async def test_success_is_done() -> None:
    seen = list[Any]()

    def f(event: func.KafkaEvent) -> None:
        seen.append((event.offset, event.get_body()))

    async with delivering(f) as world:
        await world.deliverer.deliver([record(Held("orders", 1), 7, b"x")])
        assert seen == [(7, b"x")]
        assert world.done == [(1, 8, 1)]
        assert world.outcomes == ["ok"]


async def test_failure_with_the_default_loses_the_record(caplog: pytest.LogCaptureFixture) -> None:
    def f(event: func.KafkaEvent) -> None:
        raise ValueError("canary-value")

    async with delivering(f) as world:
        await world.deliverer.deliver([record(Held("orders", 1), 7)])
        assert world.done == [(1, 8, 1)]
        assert world.outcomes == ["failed"]
    assert "f: orders/1 offsets 7-7 are skipped: commitOnFailure is true" in caplog.text
    assert "canary-value" not in caplog.text


async def test_max_retries_are_tries_in_place(caplog: pytest.LogCaptureFixture) -> None:
    def f(event: func.KafkaEvent) -> None:
        raise ValueError

    async with delivering(f, {"commitOnFailure": False, "maxRetries": 2}) as world:
        await world.deliverer.deliver([record(Held("orders", 1), 7)])
        assert world.outcomes == ["retrying", "retrying", "failed"]
        assert world.done == [(1, 8, 1)]
    assert "skipped: maxRetries is reached" in caplog.text


async def test_for_ever_means_until_it_succeeds() -> None:
    seen = list[int]()

    def f(event: func.KafkaEvent) -> None:
        seen.append(1)
        if len(seen) < 20:
            raise ValueError

    async with delivering(f, SAFE) as world:
        await world.deliverer.deliver([record(Held("orders", 1), 7)])
        assert world.outcomes == ["retrying"] * 19 + ["ok"]
        assert world.done == [(1, 8, 1)]


async def test_policy_comes_before_the_tries_in_place() -> None:
    seen = list[tuple[int, int]]()

    def f(event: func.KafkaEvent, context: func.Context) -> None:
        seen.append((context.retry_context.retry_count, context.retry_context.max_retry_count))
        raise ValueError

    async with delivering(f, {"commitOnFailure": False, "maxRetries": 1}, RETRY) as world:
        running = asyncio.create_task(world.deliverer.deliver([record(Held("orders", 1), 7)]))
        await until(lambda: len(seen) == 1)
        await world.clock.advance(seconds=9)
        assert seen == [(0, 2)], "the delay has not ended"
        while not running.done():
            await world.clock.advance(seconds=1)
            await asyncio.sleep(0.001)
        assert seen == [(0, 2), (1, 2), (2, 2)] * 2
        assert world.outcomes == ["retrying"] * 5 + ["failed"]


async def test_stop_ends_the_pause_and_leaves_the_record_undone() -> None:
    seen = list[int]()

    def f(event: func.KafkaEvent) -> None:
        seen.append(1)
        raise ValueError

    async with delivering(f, SAFE, {**RETRY, "max_retry_count": "-1"}) as world:
        running = asyncio.create_task(world.deliverer.deliver([record(Held("orders", 1), 7)]))
        await until(lambda: seen)
        await world.deliverer.stop()
        await running
        await world.deliverer.deliver([record(Held("orders", 1), 8)])
        assert seen == [1]
        assert world.done == []


async def test_release_waits_for_what_runs() -> None:
    begun, go = list[int](), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def f(event: func.KafkaEvent) -> None:
        begun.append(event.offset or 0)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go.wait(), loop))

    async with delivering(f, SAFE) as world:
        gone, kept = Held("orders", 1), Held("orders", 2)
        tasks = [asyncio.create_task(world.deliverer.deliver([record(held, 7)])) for held in (gone, kept)]
        await until(lambda: len(begun) == 2)
        gone.closing = True
        released = asyncio.create_task(world.deliverer.released([gone]))
        await asyncio.sleep(0.05)
        assert not released.done()
        go.set()
        await asyncio.gather(released, *tasks)
        assert sorted(world.done) == [(1, 8, 1), (2, 8, 1)], "what ended in time counts"
        await world.deliverer.deliver([record(gone, 8)])
        assert len(begun) == 2, "nothing more is begun for a partition that was taken away"


async def test_many_is_one_call_and_names_each_partition_done() -> None:
    calls = list[Any]()

    async def f(event: List[func.KafkaEvent]) -> None:  # noqa: UP006
        calls.append([(each.partition, each.offset) for each in event])

    one, two = Held("orders", 1), Held("orders", 2)
    async with delivering(f, many=True) as world:
        await world.deliverer.deliver([record(one, 1), record(two, 5), record(one, 2)])
        assert calls == [[(1, 1), (2, 5), (1, 2)]]
        assert world.done == [(1, 3, 2), (2, 6, 1)]
        shown = world.deliveries.view()["deliveries"]
        assert [(each["partition"], each["first"], each["last"]) for each in shown] == [("1", 1, 2), ("2", 5, 5)]


async def test_span_continues_the_record_and_holds_no_value() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    def f(event: func.KafkaEvent) -> None: ...

    def g(event: List[func.KafkaEvent]) -> None: ...  # noqa: UP006

    telemetry = Telemetry(provider.get_tracer("test"))
    given = record(Held("orders", 1), 7, b"canary", b"canary", traceparent=PARENT, ce_type="a.b")
    async with delivering(f, telemetry=telemetry) as world:
        await world.deliverer.deliver([given])
        assert world.deliveries.view()["deliveries"][0]["type"] == "a.b"
    async with delivering(g, many=True, telemetry=telemetry) as world:
        await world.deliverer.deliver([given])
    single, batch = exporter.get_finished_spans()
    assert single.kind.name == batch.kind.name == "CONSUMER"
    assert single.parent is not None
    assert f"{single.parent.span_id:016x}" == "b" * 16
    assert dict(single.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": "orders",
        "messaging.consumer.group.name": "$Default",
        "messaging.destination.partition.id": "1",
        "messaging.kafka.offset": 7,
        "faas.name": "f",
    }
    assert batch.parent is None
    assert [f"{link.context.trace_id:032x}" for link in batch.links] == ["a" * 32]
    assert "canary" not in single.to_json() + batch.to_json()


@pytest.mark.parametrize(
    ("headers", "trace", "state"),
    [
        ({"traceparent": PARENT, "tracestate": "a=1"}, "a" * 32, "a=1"),
        ({"ce_traceparent": PARENT, "ce_tracestate": "b=2", "tracestate": "a=1"}, "a" * 32, "b=2"),
        ({"traceparent": "canary", "ce_traceparent": PARENT}, "a" * 32, ""),
        ({"traceparent": PARENT, "ce_traceparent": PARENT.replace("a", "c")}, "a" * 32, ""),
        ({"traceparent": PARENT, "tracestate": "a=1\nERROR canary"}, "a" * 32, ""),
        ({"traceparent": PARENT, "tracestate": "a=" + "x" * 600}, "a" * 32, ""),
        ({"traceparent": PARENT, "tracestate": "canary=1,canary=2"}, "a" * 32, "canary=1,canary=2"),
    ],
)
async def test_trace_of_a_record(
    headers: dict[str, Any], trace: str, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the sender's trace only what has its form is passed on, and nothing of it comes into the log."""
    seen = list[Any]()

    def f(event: func.KafkaEvent, context: func.Context) -> None:
        seen.append((context.trace_context.trace_parent.split("-")[1], context.trace_context.trace_state))

    async with delivering(f) as world:
        await world.deliverer.deliver([record(Held("orders", 1), 7, **headers)])
    assert seen == [(trace, state)]
    assert "canary" not in caplog.text


async def test_type_that_is_no_type_is_not_kept() -> None:
    def f(event: func.KafkaEvent) -> None: ...

    async with delivering(f) as world:
        await world.deliverer.deliver([record(Held("orders", 1), 7, ce_type="\x1b[31mcanary")])
        assert [each["type"] for each in world.deliveries.view()["deliveries"]] == ["(unreadable)"]


class Slow:
    """A delivery that takes until it is let go."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.gates: dict[int, asyncio.Event] = {}

    async def deliver(self, records: Any) -> None:
        first = records[0]
        self.begun.append((first.held.partition, first.offset))
        await self.gates.setdefault(first.held.partition, asyncio.Event()).wait()


async def test_channel_waits_for_the_slowest_partition_and_has_one_place() -> None:
    slow, (one, two) = Slow(), (Held("orders", 1), Held("orders", 2))
    channel = Channel(slow.deliver, many=False, capacity=1)
    slow.gates[1] = asyncio.Event()
    slow.gates[1].set()
    assert channel.offer([record(one, 1), record(one, 2), record(two, 1)])
    await until(lambda: len(slow.begun) == 3)
    assert slow.begun.index((1, 1)) < slow.begun.index((1, 2)), "in order in a partition, partitions beside each other"
    assert channel.offer([record(one, 3)])
    assert not channel.offer([record(one, 4)])
    await asyncio.sleep(0.02)
    assert (1, 3) not in slow.begun
    slow.gates[2].set()
    await until(lambda: (1, 3) in slow.begun)
    assert channel.offer([record(one, 4)])


async def test_streams_do_not_wait_for_each_other() -> None:
    slow, (one, two) = Slow(), (Held("orders", 1), Held("orders", 2))
    streams = Streams(slow.deliver, many=False, batch=64)
    slow.gates[1] = asyncio.Event()
    slow.gates[1].set()
    streams.offer([record(one, 1), record(two, 1), record(two, 2)])
    streams.offer([record(one, 2)])
    await until(lambda: (1, 2) in slow.begun)
    assert (2, 2) not in slow.begun, "in order in a partition"
    two.closing = True
    slow.gates[2].set()
    await asyncio.sleep(0.02)
    assert (2, 2) not in slow.begun, "nothing more is begun for a partition that was taken away"
