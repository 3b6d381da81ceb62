"""The server: hubs, who receives from what, and faults on demand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from azure.eventhub._pyamqp.error import AMQPError
from azure.eventhub._pyamqp.message import Message, Properties
from azure.eventhub._pyamqp.types import AMQPTypes

from tests.ports import free_port
from tests.support.amqp.connection import STOLEN, Connection, Link
from tests.support.amqp.log import Hub
from tests.support.amqp.wire import encode_message, text, typed


class EventHubsServer:
    """``async with EventHubsServer({"orders": 2}) as server``: event hubs with their numbers of partitions.

    Runs on the loop that entered the block; clients may be anywhere.
    """

    def __init__(self, hubs: dict[str, int]) -> None:
        self.hubs = {name: Hub(name, partitions) for name, partitions in hubs.items()}
        self.port = free_port()
        self.rejections: list[bytes] = []
        """Faults: conditions with which the next sends are refused, one each."""
        self.lost_acknowledgements = 0
        """Fault: so many sends are stored, but the connection ends instead of acknowledging."""
        self.refuses_tokens = False
        """Fault: ``$cbs`` refuses."""
        self._stored = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: dict[Connection, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def connection_string(self) -> str:
        """Without TLS: https://learn.microsoft.com/azure/event-hubs/test-locally-with-event-hub-emulator."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=tests;SharedAccessKey=bm90IGEgc2VjcmV0;"
            "UseDevelopmentEmulator=true;"
        )

    async def start(self) -> None:
        """Listen, also after an outage."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Outage: cut every connection and refuse new ones; what is stored stays."""
        assert self._server is not None
        self._server.close()
        self.drop_connections()
        await asyncio.gather(*self._connections.values())

    def drop_connections(self) -> None:
        """Cut every connection."""
        for connection in self._connections:
            connection.abort()

    def detach(self, hub: str, condition: bytes = b"amqp:link:detach-forced") -> int:
        """End every link to a hub with an error. Returns how many there were."""
        links = [link for link in self.links if link.hub is self.hubs[hub]]
        for link in links:
            link.detach(condition, "The link was detached on demand.")
        return len(links)

    @property
    def links(self) -> list[Link]:
        """The open links."""
        return [link for connection in self._connections for link in connection.links.values()]

    def receivers(self, hub: str) -> list[Link]:
        """The links that receive from a hub."""
        return [link for link in self.links if link.sends and link.hub is self.hubs[hub]]

    async def until(self, hub: str, count: int, seconds: float = 30) -> None:
        """Wait for so many events in a hub."""
        async with asyncio.timeout(seconds):
            while len(self.hubs[hub].records) < count:
                self._stored.clear()
                await self._stored.wait()

    def claim(self, link: Link) -> bool:
        """Apply owner levels to a new receiver: the highest stays, of equal ones the newest; False if it is refused."""
        others = [each for each in self.links if each is not link and each.sends and each.address == link.address]
        highest = max((each.epoch for each in others if each.epoch is not None), default=None)
        if highest is not None and (link.epoch is None or link.epoch < highest):
            link.detach(STOLEN, f"At least one receiver of the endpoint has the higher epoch '{highest}'.")
            return False
        if link.epoch is not None:
            for each in others:
                each.detach(STOLEN, f"New receiver with the epoch '{link.epoch}' was created.")
        return True

    def receive(self, link: Link, payload: bytes, transfer: Any, settle: Callable[[AMQPError | None], None]) -> None:
        """Store what a sender sent, settle it, and hand it on."""
        assert link.hub is not None
        if self.rejections:
            settle(AMQPError(self.rejections.pop(0), "The send was refused on demand.", None))
            return
        link.hub.take(payload, transfer.message_format or 0, link.partition.id if link.partition else None)
        self._stored.set()
        if self.lost_acknowledgements:
            self.lost_acknowledgements -= 1
            link.connection.abort()
        else:
            settle(None)
        for receiver in self.receivers(link.hub.name):
            receiver.pump()

    def ask(self, node: str, request: Message) -> bytes:
        """What ``$cbs`` or ``$management`` answers."""
        asked = {text(name): text(value) for name, value in request.application_properties.items()}
        status, value = self._put_token() if node == "$cbs" else self._read(asked)
        properties = {"status-code": typed(AMQPTypes.int, status), "status-description": "answered by the test server"}
        reply = Properties(correlation_id=request.properties.message_id)
        return encode_message(Message(properties=reply, application_properties=properties, value=value))

    def _put_token(self) -> tuple[int, None]:
        return (401 if self.refuses_tokens else 202), None

    def _read(self, asked: dict[str | None, Any]) -> tuple[int, dict[str, Any] | None]:
        """https://learn.microsoft.com/azure/event-hubs/event-hubs-amqp-protocol-guide#partition-information"""
        hub = self.hubs.get(asked["name"])
        if hub is None:
            return 404, None
        if asked["type"] == "com.microsoft:eventhub":
            created = typed(AMQPTypes.timestamp, hub.created)
            return 200, {"name": hub.name, "created_at": created, "partition_ids": list(hub.partitions)}
        partition = hub.partitions.get(asked["partition"])
        if partition is None:
            return 404, None
        last = partition.records[-1] if partition.records else None
        return 200, {
            "name": hub.name,
            "partition": partition.id,
            "begin_sequence_number": typed(AMQPTypes.long, 0),
            "last_enqueued_sequence_number": typed(AMQPTypes.long, last.sequence_number if last else -1),
            "last_enqueued_offset": last.offset if last else "-1",
            "last_enqueued_time_utc": typed(AMQPTypes.timestamp, last.enqueued if last else 0),
            "is_partition_empty": last is None,
        }

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._connections[connection] = task
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await connection.serve()
        finally:
            del self._connections[connection]
            connection.abort()
