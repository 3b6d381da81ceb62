"""Closes the sockets that azure-eventhub 5.15.1 leaves open, so that no test fails by the ResourceWarning of another.

``Connection.close`` sets the state END when it cannot send its last frame, and ``_disconnect`` then takes the
transport for closed: after an outage the socket lives until the garbage collector finds it.
"""

from __future__ import annotations

from typing import Any

from azure.eventhub._pyamqp.aio._connection_async import Connection
from azure.eventhub._pyamqp.constants import ConnectionState


async def _disconnect(self: Any) -> None:
    if self.state != ConnectionState.END:
        await self._set_state(ConnectionState.END)
    await self._transport.close()


def close_sockets() -> None:
    """Repair the class for this process."""
    Connection._disconnect = _disconnect
