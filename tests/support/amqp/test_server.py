"""The test server, with the real SDK on both ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.exceptions import AuthenticationError, ConnectError, EventHubError

from tests.support.amqp import EventHubsServer

RETRY = {"retry_total": 1, "retry_backoff_factor": 0.05}


@pytest.fixture
async def server() -> AsyncIterator[EventHubsServer]:
    async with EventHubsServer({"orders": 2, "single": 1}) as running:
        yield running


@pytest.fixture
async def producer(server: EventHubsServer) -> AsyncIterator[EventHubProducerClient]:
    async with EventHubProducerClient.from_connection_string(
        server.connection_string, eventhub_name="single", **RETRY
    ) as client:
        yield client


class Reader:
    """A consumer of one partition that runs until the block ends."""

    def __init__(self, server: EventHubsServer, start: Any, hub: str = "single", **more: Any) -> None:
        self.client = EventHubConsumerClient.from_connection_string(
            server.connection_string,
            consumer_group="$Default",
            eventhub_name=hub,
            load_balancing_interval=0.1,
            **RETRY,
        )
        self.received: asyncio.Queue[EventData] = asyncio.Queue()
        self.errors: asyncio.Queue[Exception] = asyncio.Queue()
        self._options = {"partition_id": "0", "starting_position": start} | more

    async def __aenter__(self) -> Reader:
        self._task = asyncio.create_task(
            self.client.receive(on_event=self._take, on_error=self._fail, prefetch=10, **self._options)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def bodies(self, count: int) -> list[str]:
        async with asyncio.timeout(30):
            return [(await self.received.get()).body_as_str() for _ in range(count)]

    async def _take(self, _: Any, event: EventData) -> None:
        self.received.put_nowait(event)

    async def _fail(self, _: Any, error: Exception) -> None:
        self.errors.put_nowait(error)


async def send(producer: EventHubProducerClient, *bodies: str) -> None:
    await producer.send_batch([EventData(body) for body in bodies])


async def test_the_server_tells_of_hubs_and_partitions(server: EventHubsServer) -> None:
    async with EventHubProducerClient.from_connection_string(
        server.connection_string, eventhub_name="orders"
    ) as client:
        assert await client.get_partition_ids() == ["0", "1"]
        assert (await client.get_partition_properties("1"))["is_empty"]
        await client.send_event(EventData("a"), partition_id="1")
        told = await client.get_partition_properties("1")
    (record,) = server.hubs["orders"].records
    assert (told["last_enqueued_sequence_number"], told["last_enqueued_offset"]) == (0, record.offset)


async def test_an_event_comes_as_it_was_sent(server: EventHubsServer, producer: EventHubProducerClient) -> None:
    event = EventData("hello")
    event.properties = {"text": "x", "number": 3, "bytes": b"y"}
    event.content_type, event.correlation_id = "text/plain", "c"
    await producer.send_batch([event], partition_key="k")
    async with Reader(server, "-1") as reader:
        got = await reader.received.get()
    (record,) = server.hubs["single"].records
    assert got.properties == {b"text": b"x", b"number": 3, b"bytes": b"y"}
    assert (got.content_type, got.correlation_id, got.partition_key) == ("text/plain", "c", b"k")
    assert (got.sequence_number, got.offset) == (record.sequence_number, record.offset)
    assert got.enqueued_time is not None
    assert int(got.enqueued_time.timestamp() * 1000) == record.enqueued


async def test_a_receiver_starts_where_it_asks(server: EventHubsServer, producer: EventHubProducerClient) -> None:
    await send(producer, "a", "b", "c")
    second = server.hubs["single"].records[1]
    from_second = Reader(server, second.offset, starting_position_inclusive=True)
    starts = {"-1": "abcd", second.offset: "cd", second.sequence_number: "cd", "@latest": "d"}
    readers = {Reader(server, start): expected for start, expected in starts.items()} | {from_second: "bcd"}
    async with contextlib.AsyncExitStack() as stack:
        for reader in readers:
            await stack.enter_async_context(reader)
        async with asyncio.timeout(30):
            while len(server.receivers("single")) < len(readers):  # noqa: ASYNC110 (the server tells of events only)
                await asyncio.sleep(0.01)
        await send(producer, "d")
        for reader, expected in readers.items():
            assert "".join(await reader.bodies(len(expected))) == expected
        await asyncio.gather(*(reader.client.close() for reader in readers))


async def test_large_events_are_split_and_more_than_the_credit_come_in_order(
    server: EventHubsServer, producer: EventHubProducerClient
) -> None:
    bodies = [str(number) for number in range(100)]
    await send(producer, "x" * 300_000, *bodies)
    async with Reader(server, "-1") as reader:
        large, *rest = await reader.bodies(101)
    assert len(large) == 300_000
    assert rest == bodies


async def test_the_newer_exclusive_receiver_ousts_the_older(
    server: EventHubsServer, producer: EventHubProducerClient
) -> None:
    async with Reader(server, "-1", owner_level=1) as first:
        await send(producer, "a")
        assert await first.bodies(1) == ["a"]
        async with Reader(server, "-1", owner_level=2) as second:
            assert await second.bodies(1) == ["a"]
            assert "link:stolen" in str(await first.errors.get())
            async with Reader(server, "-1", owner_level=1) as third:
                assert "link:stolen" in str(await third.errors.get())
                assert third.received.empty()


async def test_a_consumer_comes_back_after_its_link_or_its_connection_ended(
    server: EventHubsServer, producer: EventHubProducerClient
) -> None:
    async with Reader(server, "-1") as reader:
        await send(producer, "a")
        assert await reader.bodies(1) == ["a"]
        server.drop_connections()
        await send(producer, "b")
        assert await reader.bodies(1) == ["b"]
        assert server.detach("single") == 2
        await send(producer, "c")
        assert (await reader.bodies(1))[0] in ("a", "c")  # without a checkpoint store it may begin anew


async def test_refusals_reach_the_sender(server: EventHubsServer, producer: EventHubProducerClient) -> None:
    server.rejections = [b"amqp:not-allowed"] * 2
    with pytest.raises(EventHubError):
        await send(producer, "a")
    assert not server.hubs["single"].records


@pytest.mark.parametrize(
    ("hub", "refuses", "error"), [("absent", False, ConnectError), ("single", True, AuthenticationError)]
)
async def test_who_may_not_send(server: EventHubsServer, hub: str, refuses: bool, error: type[Exception]) -> None:
    server.refuses_tokens = refuses
    async with EventHubProducerClient.from_connection_string(
        server.connection_string, eventhub_name=hub, **RETRY
    ) as client:
        with pytest.raises(error):
            await client.send_batch([EventData("a")])
