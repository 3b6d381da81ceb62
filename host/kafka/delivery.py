"""Run a Kafka function on records until they are done.

Offsets are stored after the function has succeeded, so a crash means redelivery. What a failure means is set in
host.json: ``commitOnFailure`` true (the default) stores the offset all the same and the record is lost; false tries
again in place, ``maxRetries`` times.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from host.call import Call
from host.clock import Clock
from host.deliveries import Deliveries, Delivery, Outcome, event_type, now
from host.http.triggers import log_failure
from host.invocation import FunctionFailed
from host.invoker import AppInvoker
from host.kafka import spans
from host.kafka.binding import KafkaTrigger
from host.kafka.record import Held, Record, by_partition, several, single
from host.kafka.section import KafkaSection
from host.retry import FOREVER, Abandoned, pause, with_retries

log = logging.getLogger("host.kafka")

TYPE = "ce_type"
"""Header of the event's type: CloudEvents in binary mode."""


@dataclass(eq=False)
class _Job:
    """A delivery that runs."""

    records: list[Record]
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: begin no further try."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Deliverer:
    """Runs one function. Used on the host's loop."""

    def __init__(
        self,
        trigger: KafkaTrigger,
        section: KafkaSection,
        invoker: AppInvoker,
        clock: Clock,
        deliveries: Deliveries,
        done: Callable[[Held, int, int], None],
        pause: timedelta,
    ) -> None:
        self.trigger = trigger
        self._section = section
        self._invoker = invoker
        self._clock = clock
        self._deliveries = deliveries
        self._done = done
        """Told a partition, the offset after the last record that is done, and the number of records."""
        self._pause = pause
        """Between two tries in place."""
        self._jobs: set[_Job] = set()
        self._stopping = False

    async def deliver(self, records: Sequence[Record]) -> None:
        """Run the function on these records until they are done, or their partitions are gone."""
        job = _Job([record for record in records if not record.held.closing])
        if not job.records or self._stopping:
            return
        self._jobs.add(job)
        try:
            await self._until_done(job)
        except Abandoned:
            log.info("%s: a delivery ends without success; its records come again", self.trigger.function.name)
        finally:
            self._jobs.discard(job)
            job.ended.set()

    async def stop(self) -> None:
        """Begin no try any more, and wait for those that run."""
        self._stopping = True
        await self._end(list(self._jobs))

    async def released(self, held: Sequence[Held]) -> None:
        """Return when nothing runs for these partitions."""
        gone = set(held)
        await self._end([job for job in self._jobs if any(record.held in gone for record in job.records)])

    async def _end(self, jobs: Sequence[_Job]) -> None:
        for job in jobs:
            job.stopped.set()
        for job in jobs:
            await job.ended.wait()

    async def _until_done(self, job: _Job) -> None:
        tries = 0
        while True:
            try:
                await self._with_policy(job, tries)
                break
            except Abandoned:
                raise
            except Exception as error:
                self._log(error)
            if not self._again(tries):
                self._say_lost(job.records)
                break
            tries += 1
            await pause(self._clock, self._pause, job.stopped)
        for held, own in by_partition(job.records).items():
            self._done(held, own[-1].offset + 1, len(own))

    async def _with_policy(self, job: _Job, tries: int) -> None:
        function = self.trigger.function

        async def attempt(retry: int) -> None:
            await self._try(job.records, tries, retry)

        await with_retries(function.name, function.retry, attempt, lambda span: pause(self._clock, span, job.stopped))

    async def _try(self, records: Sequence[Record], tries: int, retry: int) -> None:
        begun = time.perf_counter()
        policy = self.trigger.function.retry
        try:
            await self._invoke(records, retry)
        except Exception:
            again = self._again(tries) or (policy is not None and policy.allows(retry + 1))
            self._note(records, "retrying" if again else "failed", begun)
            raise
        self._note(records, "ok", begun)

    async def _invoke(self, records: Sequence[Record], retry: int) -> None:
        function, many = self.trigger.function, self.trigger.many
        message = several(records, self.trigger.binary) if many else single(records[0], self.trigger.binary)
        above, state = (None, None) if many else spans.parent(records[0])
        links = [link for record in records if (link := spans.parent(record)[0])] if many else ()
        title, attributes = f"process {self.trigger.topic}", spans.attributes(self.trigger, records)
        with self._invoker.telemetry.span(title, above, attributes, kind="consumer", links=links) as span:
            call = Call(
                function.name,
                message,
                str(uuid.uuid4()),
                self._invoker.client if function.client_params else "",
                span.traceparent,
                state,
                retry_count=retry,
                max_retry_count=function.retry.max_retry_count if function.retry else 0,
            )
            await self._invoker.run(function, call)

    def _again(self, tries: int) -> bool:
        """Whether a delivery that failed after so many tries in place gets another."""
        section = self._section
        return not section.commit_on_failure and (section.max_retries == FOREVER or tries < section.max_retries)

    def _log(self, error: Exception) -> None:
        name = self.trigger.function.name
        if isinstance(error, FunctionFailed):
            log_failure(log, name, error)
        else:
            log.error("%s was not run to its end: %s", name, type(error).__name__)

    def _say_lost(self, records: Sequence[Record]) -> None:
        cause = "commitOnFailure is true" if self._section.commit_on_failure else "maxRetries is reached"
        for held, own in by_partition(records).items():
            span = f"{own[0].offset}-{own[-1].offset}"
            log.error(
                "%s: %s/%d offsets %s are skipped: %s",
                self.trigger.function.name,
                held.topic,
                held.partition,
                span,
                cause,
            )

    def _note(self, records: Sequence[Record], outcome: Outcome, begun: float) -> None:
        took, at = (time.perf_counter() - begun) * 1000, now()
        for held, own in by_partition(records).items():
            self._deliveries.add(
                Delivery(
                    time=at,
                    function=self.trigger.function.name,
                    source=held.topic,
                    partition=str(held.partition),
                    first=own[0].offset,
                    last=own[-1].offset,
                    type=event_type(record.header(TYPE) for record in own),
                    outcome=outcome,
                    ms=took,
                )
            )
