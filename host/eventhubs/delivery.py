"""Run an Event Hubs function on events, then checkpoint.

Like the extension, the checkpoint moves on whether the function succeeded or failed: an event whose function fails,
after the retries of its policy, is not delivered again. Only a call that was not run to its end (a killed process, a
stop of the host during a retry) leaves the checkpoint where it is.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from host.call import Call
from host.clock import Clock
from host.deliveries import Deliveries, Delivery, Outcome, event_type, now
from host.eventhubs import spans
from host.eventhubs.binding import EventHubTrigger
from host.eventhubs.event import first_property, several, single
from host.eventhubs.lane import Lane
from host.eventhubs.section import EventHubsSection
from host.http.triggers import log_failure
from host.invocation import FunctionFailed
from host.invoker import AppInvoker
from host.options import Compat
from host.retry import Abandoned, pause, with_retries

log = logging.getLogger("host.eventhubs")

PAUSE = timedelta(seconds=1)
"""Before a call that was not run to its end is run again, and between two tries under ``fixed``."""
_TYPES = ("cloudEvents_type", "cloudEvents:type", "ce_type")
"""CloudEvents in binary mode, by AMQP and by Kafka."""


class Deliverer:
    """Runs one function. Used on the host's loop."""

    def __init__(
        self,
        trigger: EventHubTrigger,
        section: EventHubsSection,
        compat: Compat,
        invoker: AppInvoker,
        clock: Clock,
        deliveries: Deliveries,
        moved: Callable[[str, int], None],
    ) -> None:
        """``moved`` is told a partition and the sequence number of its last event that is done."""
        self.trigger = trigger
        self.lanes: dict[str, Lane] = {}
        self._section = section
        self._repeats = compat == "fixed"
        self._invoker = invoker
        self._clock = clock
        self._deliveries = deliveries
        self._moved = moved
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def receive(self, context: Any, events: Sequence[Any]) -> None:
        """Deliver events of a partition. Its cancellation does not cut the running call."""
        task = asyncio.create_task(self._deliver(context, events))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def reset(self, context: Any) -> None:
        """A partition is received anew, from its checkpoint: what waits comes again."""
        self._lane(context).waiting.clear()

    async def stop(self) -> None:
        """Begin no call any more, and wait for those that run."""
        self._stopping.set()
        while self._running:
            await asyncio.wait(set(self._running))

    def _lane(self, context: Any) -> Lane:
        return self.lanes.setdefault(context.partition_id, Lane())

    async def _deliver(self, context: Any, events: Sequence[Any]) -> None:
        lane = self._lane(context)
        async with lane.lock:
            lane.admit(events)
            while not self._stopping.is_set() and (batch := lane.take(self._section, self.trigger.many)):
                try:
                    await self._until_done(lane, context, batch)
                except Abandoned:
                    log.info("%s: a delivery ends without success; its events come again", self.trigger.function.name)
                    return
                lane.last = batch[-1]
                await self._checkpoint(lane, context, batch[-1])
                self._moved(context.partition_id, batch[-1].sequence_number)

    async def _until_done(self, lane: Lane, context: Any, batch: Sequence[Any]) -> None:
        """Run the function until the checkpoint may pass these events."""
        function = self.trigger.function
        lane.calls += 1

        async def attempt(retry: int) -> None:
            await self._try(lane, context, batch, retry)

        while True:
            try:
                await with_retries(function.name, function.retry, attempt, self._wait)
            except FunctionFailed as failure:
                log_failure(log, function.name, failure)
                if not self._repeats:
                    self._say_lost(context, batch)
                    break
            except Abandoned:
                raise
            except Exception as error:
                log.error("%s was not run to its end (%s) and is run again", function.name, type(error).__name__)
            else:
                break
            await self._wait(PAUSE)
        lane.called = True

    async def _wait(self, span: timedelta) -> None:
        await pause(self._clock, span, self._stopping)

    async def _try(self, lane: Lane, context: Any, batch: Sequence[Any], retry: int) -> None:
        begun = time.perf_counter()
        policy = self.trigger.function.retry
        try:
            await self._invoke(lane, context, batch, retry)
        except Exception as error:
            again = self._repeats or not isinstance(error, FunctionFailed)
            again = again or (policy is not None and policy.allows(retry + 1))
            self._note(context, batch, "retrying" if again else "failed", begun)
            raise
        self._note(context, batch, "ok", begun)

    async def _invoke(self, lane: Lane, context: Any, batch: Sequence[Any], retry: int) -> None:
        function, many, binary = self.trigger.function, self.trigger.many, self.trigger.binary
        saves = self._is_due(lane)
        message = several(batch, context, saves, binary) if many else single(batch[0], context, saves, binary)
        parents = spans.parents(batch)
        above, links = (None, parents) if many else (next(iter(parents), None), ())
        attributes = spans.attributes(self.trigger, str(context.partition_id), len(batch))
        title = f"process {self.trigger.hub.name}"
        with self._invoker.telemetry.span(title, above, attributes, kind="consumer", links=links) as span:
            call = Call(
                function.name,
                message,
                str(uuid.uuid4()),
                self._invoker.client if function.client_params else "",
                span.traceparent,
                retry_count=retry,
                max_retry_count=function.retry.max_retry_count if function.retry else 0,
            )
            await self._invoker.run(function, call)

    def _is_due(self, lane: Lane) -> bool:
        """Whether a checkpoint follows this call."""
        return self._section.enable_checkpointing and lane.calls >= self._section.batch_checkpoint_frequency

    async def _checkpoint(self, lane: Lane, context: Any, event: Any) -> None:
        if self._is_due(lane):
            await context.update_checkpoint(event)
            lane.calls = 0

    def _say_lost(self, context: Any, batch: Sequence[Any]) -> None:
        log.error(
            "%s: %s/%s events %s-%s are skipped: the checkpoint moves on after a failure, as on Azure",
            self.trigger.function.name,
            self.trigger.hub.name,
            context.partition_id,
            batch[0].sequence_number,
            batch[-1].sequence_number,
        )

    def _note(self, context: Any, batch: Sequence[Any], outcome: Outcome, begun: float) -> None:
        self._deliveries.add(
            Delivery(
                time=now(),
                function=self.trigger.function.name,
                source=self.trigger.hub.name,
                partition=str(context.partition_id),
                first=int(batch[0].sequence_number),
                last=int(batch[-1].sequence_number),
                type=event_type(first_property(event, _TYPES) for event in batch),
                outcome=outcome,
                ms=(time.perf_counter() - begun) * 1000,
            )
        )
