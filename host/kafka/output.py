"""Kafka outputs.

``azure``, like the extension: a record is handed to the producer and the invocation succeeds; that it never reached the
broker is only logged. ``fixed``: the invocation waits for the broker's report and fails without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from host.call import Outputs
from host.functions import Function
from host.invocation import FunctionFailed
from host.kafka.binding import KafkaOutput
from host.kafka.outage import library_log
from host.options import Compat

log = logging.getLogger("host.kafka")

FLUSH_SECONDS = 10.0
"""What is not sent by then, at the stop of the host, is lost."""
POLL_SECONDS = 0.1
_ENVELOPE = {"Offset", "Partition", "Topic", "Timestamp", "Value", "Headers"}
"""A text becomes key, headers and value only if it has all of these (https://github.com/Azure/azure-functions-kafka-extension/issues/420)."""


class Producers:
    """One producer for each set of settings."""

    def __init__(self, outputs: Mapping[tuple[str, str], KafkaOutput], compat: Compat) -> None:
        self._outputs = outputs
        self._waits = compat == "fixed"
        self._producers: dict[str, _Producer] = {}

    async def send(self, function: Function, values: Outputs) -> None:
        """Send what a function put into its Kafka outputs.

        Raises:
            FunctionFailed: The producer is full or, under ``fixed``, the broker did not take it.
        """
        own = {name: value for name, value in values.items() if (function.name, name) in self._outputs}
        reports = [self._produce(function, name, value) for name, value in own.items()]
        if not self._waits:
            return
        for error in await asyncio.gather(*reports):
            if error is not None:
                raise FunctionFailed("KafkaException", f"the output was not taken: {error.name()}")

    def _produce(self, function: Function, name: str, value: str | bytes) -> asyncio.Future[KafkaError | None]:
        output = self._outputs[function.name, name]
        key = json.dumps(output.client, sort_keys=True)
        producer = self._producers.get(key)
        if producer is None:
            producer = self._producers[key] = _Producer(output.client)
        return producer.produce(output.topic, **_record(value), function=function.name)

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*(asyncio.to_thread(producer.close) for producer in self._producers.values()))


class _Producer:
    """A producer with the thread that hears its reports."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._loop = asyncio.get_running_loop()
        self._producer = Producer(dict(settings), logger=library_log())
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="kafka-output", daemon=True)
        self._thread.start()

    def produce(self, topic: str, function: str, **record: Any) -> asyncio.Future[KafkaError | None]:
        """Hand over a record; the future holds the broker's error, or None."""
        report: asyncio.Future[KafkaError | None] = self._loop.create_future()

        def reported(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                log.error("%s: an output for %s was not taken (%s)", function, topic, error.name())
            self._loop.call_soon_threadsafe(_settle, report, error)

        try:
            self._producer.produce(topic, on_delivery=reported, **record)
        except (BufferError, KafkaException) as error:
            raise FunctionFailed(type(error).__name__, "the output was not taken") from error
        return report

    def close(self) -> None:
        """Wait for the reports of what is under way."""
        if left := self._producer.flush(FLUSH_SECONDS):
            log.error("%d outputs were not sent: the broker did not answer within %.0f s", left, FLUSH_SECONDS)
        self._closing.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(POLL_SECONDS)


def _settle(report: asyncio.Future[KafkaError | None], error: KafkaError | None) -> None:
    if not report.done():
        report.set_result(error)


def _record(value: str | bytes) -> dict[str, Any]:
    """Key, headers and value of an output."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            document = json.loads(value)
            if isinstance(document, dict) and document.keys() >= _ENVELOPE:
                return _of_envelope(document)
    return {"value": value.encode() if isinstance(value, str) else value}


def _of_envelope(document: Mapping[str, Any]) -> dict[str, Any]:
    content = document["Value"]
    headers = [(str(each["Key"]), str(each["Value"]).encode()) for each in document["Headers"] or ()]
    return {
        "value": content if content is None or isinstance(content, str) else json.dumps(content),
        "key": None if document.get("Key") is None else str(document["Key"]),
        "headers": headers,
    }
