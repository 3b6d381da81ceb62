"""Keeps the read model of monitoring at what the task hub says: when somebody asks, and every five minutes.

The task hub is asked which instances changed; no hint that an event could give would save that question, and one per
step would cost every case something. Level-triggered: refreshing twice, or after any pause, makes no difference. All is
bounded by time, so that a case never waits for it; what was not reached is read next time, and is told as ``behind``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import azure.durable_functions as df
import azure.functions as func

from adapters.analytics.base import Known
from adapters.analytics.models import model_of
from adapters.connections import Connections, connections
from domain.errors import Unavailable
from domain.process.facts import facts_in_view
from domain.process.seen import Seen, What, seen_in_view
from domain.process.timeline import Head, Timeline, timeline
from triggers.instances import ENDED, PEOPLE, RUNNING, History, Instances, Standing
from triggers.versions import default_version

LOG: Final = logging.getLogger("workflow.analytics")
ASKED: Final = 2.0
"""Seconds that somebody who asks may have to wait for."""
SCHEDULED: Final = 5.0
BATCH: Final = 50
"""Cases that are written together."""
MARGIN: Final = timedelta(minutes=5)
"""How far clocks of the task hub and of the app may differ."""
GRAIN: Final = timedelta(seconds=2)
"""What changed in the same moment as it was read is read again: the task hub tells whole seconds."""
PURGED: Final = "Purged"
"""Runtime of a case whose instance was purged before its end was read."""
blueprint = df.Blueprint()


@blueprint.timer_trigger(schedule="45 */5 * * * *", arg_name="timer")
@blueprint.durable_client_input(client_name="client")
async def refresh_analytics(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Every five minutes: what nobody asked for is read too, before its history may be purged."""
    try:
        behind = await refresh(connections(), Instances(client), SCHEDULED)
    except Unavailable as error:  # the next one tries again
        LOG.info("monitoring waits for %s", error.code)
    else:
        LOG.debug("monitoring is %d cases behind", behind)


async def refresh(to: Connections, instances: Instances, seconds: float = ASKED) -> int:
    """Read what changed, for ``seconds`` of the clock at most. Returns how many cases were not reached.

    Raises ``Unavailable('durable')``.
    """
    begin, now = time.monotonic(), to.now()
    changed = await _changed(to, instances)
    while changed and time.monotonic() - begin < seconds:
        batch, changed = changed[:BATCH], changed[BATCH:]
        read = []
        for place, case in enumerate(batch):
            if time.monotonic() - begin >= seconds:
                changed = [*batch[place:], *changed]
                break
            read += await _read(to, instances, case)
        await to.analytics.put(read, now)
    if not changed:
        await to.analytics.sweep(now)
    return len(changed)


async def _changed(to: Connections, instances: Instances) -> list[str]:
    """Ids of cases that are not kept as they are: those that go on, those that were open and have ended since, and
    those that began and ended since the last sweep."""
    swept, open_ = await to.analytics.swept(), await to.analytics.open()
    running = await instances.list(states=RUNNING)
    ended = await instances.list(states=ENDED, since=swept and swept - MARGIN)
    known = {**open_, **await to.analytics.known([each.id for each in ended])}
    there = sorted([*running, *ended], key=_age)
    stale = [each.id for each in there if not _is_kept(each, known.get(each.id))]
    gone = open_.keys() - {each.id for each in there}
    return [*stale, *sorted(gone)]


def _age(standing: Standing) -> tuple[bool, str]:
    return standing.updated is None, standing.updated.isoformat() if standing.updated else standing.id


def _is_kept(standing: Standing, known: Known | None) -> bool:
    return known is not None and known.updated == standing.updated and known.read >= known.updated + GRAIN


async def _read(to: Connections, instances: Instances, case: str) -> list[Timeline]:
    """The timeline of a case; none when its history is not one of ours, which the log says."""
    history = await instances.history(case)
    if history is None:
        kept = await to.analytics.get(case)
        return [kept.model_copy(update={"runtime": PURGED, "ended": kept.updated})] if kept else []
    try:
        return [timeline_of(history)]
    except (ValueError, LookupError, TypeError) as error:
        LOG.error("case %s: its history cannot be read (%s)", case, type(error).__name__)
        return []


def timeline_of(history: History) -> Timeline:
    """The way of a case, from its history alone."""
    head = _head(history)
    return timeline(head, _with_wait(history, seen_in_view(history.events)), model_of(head.workflow, head.version))


def _head(history: History) -> Head:
    standing, facts = history.standing, facts_in_view(history.events)
    begun = facts.begun or standing.created
    if begun is None:
        raise ValueError("an instance without a time")
    return Head(
        id=standing.id,
        workflow=standing.name,
        version=facts.version or default_version(),
        line_of_business=facts.line_of_business,
        urgency=facts.urgency,
        due=standing.custom.get("due") or facts.due,
        created=begun,
        updated=standing.updated or begun,
        runtime=standing.runtime,
        waits_for=standing.waiting_for if standing.open else None,
    )


def _with_wait(history: History, steps: Sequence[Seen]) -> list[Seen]:
    """``steps``, and at what the case says that it waits now."""
    standing = history.standing
    waits = standing.open and standing.waiting_for in PEOPLE
    return [*steps, Seen(What.WAITS, standing.step, at=standing.updated)] if waits else list(steps)
