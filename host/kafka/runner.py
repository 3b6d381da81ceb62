"""All Kafka triggers and outputs of an app."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from host.app import AppIndex
from host.clock import Clock
from host.deliveries import Deliveries
from host.functions import Kind
from host.invoker import AppInvoker
from host.kafka.binding import KafkaOutput, read_output, read_trigger
from host.options import Compat
from host.settings import StartupError

if TYPE_CHECKING:
    from host.kafka.listener import KafkaListener
    from host.kafka.output import Producers


class KafkaRunner:
    """Consumes and produces for an app. An app without Kafka bindings costs nothing."""

    def __init__(
        self,
        app: AppIndex,
        invoker: AppInvoker,
        clock: Clock,
        deliveries: Deliveries,
        compat: Compat = "azure",
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """Read all bindings.

        Raises:
            StartupError: A binding is malformed, names a setting that does not exist, or confluent-kafka is missing.
        """
        self._app = app
        self._invoker = invoker
        self._clock = clock
        self._deliveries = deliveries
        self._compat = compat
        self._triggers = tuple(read_trigger(function, environ) for function in app.of(Kind.KAFKA))
        outputs = {
            (function.name, name): read_output(binding, function.name, environ)
            for function in app.functions
            for name, binding in function.kafka_outputs.items()
        }
        if self._triggers or outputs:
            check_library()
        self._listeners: list[KafkaListener] = []
        self._producers = _producers(outputs, compat) if outputs else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the operator should know before records are lost."""
        if not self._triggers or not self._app.host_json.kafka.commit_on_failure:
            return ()
        names = ", ".join(trigger.function.name for trigger in self._triggers)
        return (
            f"{names}: a record whose function fails is LOST (its offset is stored), as on Azure: set "
            "extensions.kafka.commitOnFailure to false in host.json, and maxRetries to -1.",
        )

    def start(self) -> None:
        """Begin to consume and to send.

        Raises:
            StartupError: librdkafka refuses the settings of a trigger.
        """
        if self._producers is not None:
            self._invoker.sends.append(self._producers.send)
        if not self._triggers:
            return
        from confluent_kafka import KafkaException

        from host.kafka.listener import KafkaListener

        section = self._app.host_json.kafka
        for trigger in self._triggers:
            try:
                listener = KafkaListener(trigger, section, self._compat, self._invoker, self._clock, self._deliveries)
            except KafkaException as error:
                name = trigger.function.name
                raise StartupError(f"The Kafka trigger of {name} cannot be served: {error.args[0].str()}.") from error
            self._listeners.append(listener)
            listener.start()

    async def stop(self) -> None:
        """Deliver nothing more, let running functions end, commit, leave the groups; send what waits to be sent."""
        await asyncio.gather(*(listener.stop() for listener in self._listeners))
        self._listeners.clear()

    async def close(self) -> None:
        """Send what functions have put out, when none runs any more."""
        if self._producers is not None:
            await self._producers.close()


def _producers(outputs: Mapping[tuple[str, str], KafkaOutput], compat: Compat) -> Producers:
    from host.kafka.output import Producers

    return Producers(outputs, compat)


def check_library() -> None:
    """Raises StartupError: confluent-kafka is not installed."""
    if importlib.util.find_spec("confluent_kafka") is None:
        raise StartupError("The app has Kafka bindings: pip install confluent-kafka.")
