"""Starts the local broker and registry for those who ask for them and find nobody there."""

from __future__ import annotations

import socket
from typing import Final

import stack
from events.connection import LOCAL_REGISTRY
from events.errors import EventsError
from stack.options import KAFKA_PORT, REGISTRY_PORT

LOCAL_BROKERS: Final = f"127.0.0.1:{KAFKA_PORT}"


def start(brokers: str, registry: str | None) -> tuple[str, ...]:
    """Start those of the two that are the local stack's own and that do not run; they keep running. Returns their
    names. Raises ``EventsError``."""
    wanted = {"kafka": (brokers == LOCAL_BROKERS, KAFKA_PORT), "registry": (registry == LOCAL_REGISTRY, REGISTRY_PORT)}
    absent = tuple(name for name, (ours, port) in wanted.items() if ours and not _listens(port))
    if absent:
        try:
            stack.up(stack.Options(only=absent))
        except stack.StackError as error:
            raise EventsError(str(error)) from None
    return absent


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except OSError:
        return False
    return True
