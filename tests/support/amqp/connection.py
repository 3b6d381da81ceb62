"""One client of the server: its handshake, sessions and links.

Session windows are wide open in both directions; link credit is what limits. Every link is attached at once and then
detached if it is refused, as a client reads the reason from the detach only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from azure.eventhub._pyamqp.endpoints import Source, Target
from azure.eventhub._pyamqp.error import AMQPError
from azure.eventhub._pyamqp.outcomes import Accepted, Rejected
from azure.eventhub._pyamqp.performatives import (
    AttachFrame,
    BeginFrame,
    CloseFrame,
    DetachFrame,
    DispositionFrame,
    EndFrame,
    FlowFrame,
    OpenFrame,
    SASLMechanism,
    SASLOutcome,
    TransferFrame,
)

from tests.support.amqp.log import Hub, Partition
from tests.support.amqp.wire import AMQP, SASL, Frame, decode_message, pack, read_frame, read_header, text

if TYPE_CHECKING:
    from tests.support.amqp.server import EventHubsServer

MAX_FRAME: Final = 65_536
MAX_MESSAGE: Final = 1024 * 1024
_WINDOW: Final = 2**31 - 1
_CREDIT: Final = 1000
_EPOCH: Final = b"com.microsoft:epoch"
_SELECTOR: Final = b"apache.org:selector-filter:string"
NODES: Final = ("$cbs", "$management")
NOT_FOUND: Final = b"amqp:not-found"
STOLEN: Final = b"amqp:link:stolen"


@dataclass(eq=False)
class Link:
    """One end of a link; ``sends`` tells whether the server sends on it."""

    connection: Connection
    channel: int
    handle: int
    sends: bool
    address: str
    """``hub``, ``hub/Partitions/0``, ``hub/ConsumerGroups/group/Partitions/0``, ``$cbs`` or ``$management``."""
    hub: Hub | None = None
    partition: Partition | None = None
    epoch: int | None = None
    next: int = 0
    """Index of the record to send next."""
    credit: int = 0
    count: int = 0
    """Deliveries so far."""
    parts: list[bytes] = field(default_factory=list)
    """Of a delivery whose frames still come."""

    def pump(self) -> None:
        """Send what its credit allows."""
        while self.partition is not None and self.credit > 0 and self.next < len(self.partition.records):
            self.deliver(self.partition.records[self.next].delivered())
            self.next += 1

    def deliver(self, payload: bytes) -> None:
        """Send one message, settled, in as many frames as it takes."""
        number = self.connection.next_delivery()
        for start in range(0, len(payload), MAX_FRAME - 512):
            more = start + MAX_FRAME - 512 < len(payload)
            tag = number.to_bytes(4, "big")
            frame = (self.handle, number, tag, 0, True, more, None, None, None, None, None)
            self.connection.send(TransferFrame(*frame, payload[start : start + MAX_FRAME - 512]), self.channel)
        self.count += 1
        self.credit -= 1

    def detach(self, condition: bytes, description: str) -> None:
        """End the link with an error."""
        self.connection.links.pop((self.channel, self.handle), None)
        error = AMQPError(condition, description, None)
        self.connection.send(DetachFrame(self.handle, True, error), self.channel)


class Connection:
    """Serves one client until it hangs up."""

    def __init__(self, server: EventHubsServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links: dict[tuple[int, int], Link] = {}
        """By channel and handle; the server uses the client's numbers."""
        self._server = server
        self._reader = reader
        self._writer = writer
        self._deliveries = 0
        self._handlers: dict[int, Callable[[Frame], None]] = {
            0x10: self._open,
            0x11: self._begin,
            0x12: self._attach,
            0x13: self._flow,
            0x14: self._transfer,
            0x15: lambda _: None,  # deliveries go out settled
            0x16: self._detach,
            0x17: self._end,
        }

    async def serve(self) -> None:
        """Answer frames."""
        await self._negotiate()
        while (frame := await read_frame(self._reader)).code != 0x18:
            self._handlers[frame.code](frame)
            await self._writer.drain()
        self.send(CloseFrame(None))
        await self._writer.drain()

    def abort(self) -> None:
        """Cut the wire, as an outage does."""
        self._writer.transport.abort()

    def send(self, performative: Any, channel: int = 0) -> None:
        """Queue a frame."""
        if not self._writer.is_closing():
            self._writer.write(pack(performative, channel))

    def next_delivery(self) -> int:
        """A delivery id."""
        self._deliveries += 1
        return self._deliveries

    async def _negotiate(self) -> None:
        """SASL lets everyone in; tokens are checked by ``$cbs``."""
        assert await read_header(self._reader) == SASL
        mechanisms = SASLMechanism([b"MSSBCBS", b"ANONYMOUS", b"PLAIN"])
        self._writer.write(SASL + pack(mechanisms, sasl=True))
        await read_frame(self._reader)
        self._writer.write(pack(SASLOutcome(0, None), sasl=True))
        assert await read_header(self._reader) == AMQP
        self._writer.write(AMQP)

    def _open(self, _: Frame) -> None:
        self.send(OpenFrame("event-hubs-for-tests", None, MAX_FRAME, 4999, None, None, None, None, None, None))

    def _begin(self, frame: Frame) -> None:
        self.send(BeginFrame(frame.channel, 1, _WINDOW, _WINDOW, 255, None, None, None), frame.channel)

    def _end(self, frame: Frame) -> None:
        for key in [key for key in self.links if key[0] == frame.channel]:
            del self.links[key]
        self.send(EndFrame(None), frame.channel)

    def _detach(self, frame: Frame) -> None:
        link = self.links.pop((frame.channel, frame.fields[0]), None)
        if link is not None:
            self.send(DetachFrame(link.handle, True, None), frame.channel)

    def _attach(self, frame: Frame) -> None:
        asked = AttachFrame(*frame.fields)
        source, target = Source(*asked.source), Target(*asked.target)
        # The role of the peer: True receives.
        sends = bool(asked.role)
        address = _path(source.address if sends else target.address)
        link = Link(self, frame.channel, asked.handle, sends, address)
        answer = AttachFrame(
            text(asked.name), asked.handle, not sends, 1 if sends else 0, 0,
            Source(address=text(source.address)), Target(address=text(target.address)),
            None, None, 0 if sends else None, MAX_MESSAGE, None, None, None,
        )  # fmt: skip
        self.send(answer, frame.channel)
        self.links[frame.channel, asked.handle] = link
        if address in NODES or self._connect(link, source.filters or {}, asked.properties or {}):
            self._give_credit(link)

    def _connect(self, link: Link, filters: dict[bytes, bytes], properties: dict[bytes, Any]) -> bool:
        """Tie a link to its hub and partition; False if it is refused."""
        name, *path = link.address.split("/")
        hub = self._server.hubs.get(name)
        partition = hub.partitions.get(path[-1]) if hub and path else None
        if hub is None or (path and partition is None):
            link.detach(NOT_FOUND, f"The messaging entity '{link.address}' could not be found.")
            return False
        link.hub, link.partition, link.epoch = hub, partition, properties.get(_EPOCH)
        if link.sends:
            assert partition is not None
            link.next = partition.position(text(filters.get(_SELECTOR)))
            return self._server.claim(link)
        return True

    def _give_credit(self, link: Link) -> None:
        """Let the peer send; a receiver asks for credit itself."""
        if not link.sends:
            link.credit = _CREDIT
            flow = FlowFrame(1, _WINDOW, 1, _WINDOW, link.handle, link.count, _CREDIT, None, None, None, None)
            self.send(flow, link.channel)

    def _flow(self, frame: Frame) -> None:
        flow = FlowFrame(*frame.fields)
        link = self.links.get((frame.channel, flow.handle))
        if link is None:
            return
        if link.sends:
            link.credit = (flow.delivery_count or 0) + (flow.link_credit or 0) - link.count
            link.pump()
        elif link.credit < _CREDIT:
            self._give_credit(link)

    def _transfer(self, frame: Frame) -> None:
        transfer = TransferFrame(*frame.fields)
        link = self.links.get((frame.channel, transfer.handle))
        if link is None:
            return
        link.parts.append(bytes(transfer.payload))
        if transfer.more:
            return
        payload, link.parts = b"".join(link.parts), []
        link.count += 1
        link.credit -= 1
        if link.credit < _CREDIT // 2:
            self._give_credit(link)
        if link.address in NODES:
            self._settle(frame.channel, transfer, None)
            self._answer(link, payload)
        else:
            self._server.receive(link, payload, transfer, lambda error: self._settle(frame.channel, transfer, error))

    def _settle(self, channel: int, transfer: Any, error: AMQPError | None) -> None:
        """Tell the sender what became of its message."""
        state = Rejected(error) if error else Accepted()
        if not transfer.settled:
            self.send(DispositionFrame(True, transfer.delivery_id, None, True, state, None), channel)

    def _answer(self, link: Link, payload: bytes) -> None:
        """Send the answer of a node on the link that reads from it."""
        reply = self._server.ask(link.address, decode_message(payload))
        for each in self.links.values():
            if each.sends and each.channel == link.channel and each.address == link.address:
                each.deliver(reply)


def _path(address: bytes | str | None) -> str:
    """``amqps://host/hub/Partitions/0`` or ``$cbs`` without host and slashes."""
    return unquote(urlsplit(text(address) or "").path).strip("/")
