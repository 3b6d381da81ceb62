"""An Event Hubs namespace for tests: a real AMQP 1.0 server on loopback, in pure Python, that keeps events in memory.

It speaks what azure-eventhub (pyamqp) needs of the service, no more: SASL, ``$cbs``, ``$management``, senders,
receivers with filters, credit and owner levels. Frames go through the codec inside azure-eventhub, since pyamqp reads
performatives by position and does not take the trimmed nulls that other AMQP libraries send.
https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-overview-v1.0-os.html and
https://learn.microsoft.com/azure/event-hubs/event-hubs-amqp-protocol-guide
"""

from tests.support.amqp.leak import close_sockets
from tests.support.amqp.log import Hub, Record
from tests.support.amqp.server import EventHubsServer

__all__ = ["EventHubsServer", "Hub", "Record"]

close_sockets()
