"""All Event Hubs triggers and outputs of an app."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from host.app import AppIndex
from host.clock import Clock
from host.deliveries import Deliveries
from host.eventhubs.binding import read_output, read_trigger
from host.functions import Kind
from host.invoker import AppInvoker
from host.options import Compat
from host.retry import FOREVER
from host.settings import StartupError

if TYPE_CHECKING:
    from host.eventhubs.checkpoints import Checkpoints
    from host.eventhubs.listener import EventHubListener
    from host.eventhubs.output import Producers


class EventHubsRunner:
    """Receives and sends for an app. An app without Event Hubs bindings costs nothing."""

    def __init__(
        self,
        app: AppIndex,
        invoker: AppInvoker,
        clock: Clock,
        deliveries: Deliveries,
        checkpoints: Path | None = None,
        compat: Compat = "azure",
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """Read all bindings. ``checkpoints``: the file that remembers how far functions came; None: memory.

        Raises:
            StartupError: A binding is malformed, names a setting that does not exist, or azure-eventhub is missing.
        """
        self._section = app.host_json.event_hubs
        self._invoker = invoker
        self._clock = clock
        self._deliveries = deliveries
        self._path = checkpoints
        self._compat = compat
        self._triggers = tuple(read_trigger(function, environ) for function in app.of(Kind.EVENT_HUB))
        self._outputs = {
            (function.name, name): read_output(binding, function.name, environ)
            for function in app.functions
            for name, binding in function.event_hub_outputs.items()
        }
        if self._triggers or self._outputs:
            check_library()
        self._listeners: list[EventHubListener] = []
        self._checkpoints: Checkpoints | None = None
        self._producers: Producers | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the operator should know before events are lost."""
        found = list[str]()
        groups = Counter((trigger.hub, trigger.group) for trigger in self._triggers)
        for (hub, group), count in groups.items():
            if count > 1:
                found.append(
                    f"{count} functions share the consumer group {group} of the event hub {hub.name}: each event goes "
                    "to one of them only, as on Azure. Give each function a group of its own."
                )
        retries = {trigger.function.name: trigger.function.retry for trigger in self._triggers}
        losing = [name for name, policy in retries.items() if policy is None or policy.max_retry_count != FOREVER]
        if losing and self._compat == "azure":
            found.append(
                f"{', '.join(losing)}: an event whose function fails is LOST (the checkpoint moves on), as on Azure: "
                "give the function @app.retry with max_retry_count -1, or let it catch and keep what it cannot take."
            )
        return tuple(found)

    def start(self) -> None:
        """Begin to receive and to send."""
        if self._outputs:
            from host.eventhubs.output import Producers

            self._producers = Producers(self._outputs)
            self._invoker.sends.append(self._producers.send)
        if self._triggers or self._outputs:
            # The library warns of every retry; an outage is said once.
            logging.getLogger("azure.eventhub").setLevel(logging.CRITICAL)
        if not self._triggers:
            return
        from host.eventhubs.checkpoints import Checkpoints
        from host.eventhubs.listener import EventHubListener

        self._checkpoints = Checkpoints(self._path)
        for trigger in self._triggers:
            listener = EventHubListener(
                trigger,
                self._section,
                self._compat,
                self._invoker,
                self._clock,
                self._deliveries,
                self._checkpoints,
            )
            self._listeners.append(listener)
            listener.start()

    async def stop(self) -> None:
        """Deliver nothing more, let running functions end, write their checkpoints, hang up."""
        await asyncio.gather(*(listener.stop() for listener in self._listeners))
        self._listeners.clear()
        if self._checkpoints is not None:
            self._checkpoints.close()
            self._checkpoints = None

    async def close(self) -> None:
        """Hang up the outputs, when no function runs any more."""
        if self._producers is not None:
            await self._producers.close()


def check_library() -> None:
    """Raises StartupError: azure-eventhub is not installed."""
    if importlib.util.find_spec("azure.eventhub") is None:
        raise StartupError("The app has Event Hubs bindings: pip install azure-eventhub.")
