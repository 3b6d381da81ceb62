"""The headers of a record as the library gives them."""

from __future__ import annotations

from operator import methodcaller

from confluent_kafka import Message

from host.kafka.record import Headers

_ASK = methodcaller("headers")
"""Not ``message.headers()``: once such a call is hot, CPython does not look whether an exception was set beside its
result, and whoever touches that list ends the process."""


def headers(message: Message) -> Headers:
    """Names and values; none where a name is not UTF-8. To be called once a message.

    For such a name confluent-kafka 2.16 sets an exception and returns a list with a null pointer in it, all the same,
    also when it is asked again: so the good headers of that record cannot be had.
    """
    try:
        given = _ASK(message)
    except (UnicodeDecodeError, SystemError):
        return ()
    return tuple((name, _content(value)) for name, value in given or ())


def _content(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
