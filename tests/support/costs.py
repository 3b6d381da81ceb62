"""What a case costs wherever its history is made: events, turns and activity calls are the same here and on Azure."""

from __future__ import annotations

import importlib
import json
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from statistics import median
from typing import Any, Final

from host import recording
from host.functions import Kind
from host.model import EventKind, InstanceQuery
from tests.support.recordings import WAYS
from tests.support.world import whole_app, world

CASES: Final = {
    "automatic": "approved-at-once",
    "reviewed": "denied-by-medical-director",
    "appealed": "appeal-overturned",
}
"""Kind of case -> the way that stands for it (``recordings.WAYS``)."""
RUNS: Final = 5
"""Replays of which the median is taken."""

Recording = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one case: all of its instances together."""

    events: int
    """Of the histories."""
    turns: int
    """Runs of orchestrator code."""
    activities: int
    """Calls of activities, each attempt of a retry for itself."""
    bytes: int
    """Of the histories as JSON of the 1.x protocol."""
    replayed: int
    """Events that the SDK reads in all turns together: what the CPU of replay grows with."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(*map(sum, zip(astuple(self), astuple(other), strict=True)))


async def record(case: str) -> list[Recording]:
    """Drive a case of ``CASES`` through the whole app: a recording of each instance that it made."""
    async with world(answer_seconds=0.2) as app:
        await WAYS[CASES[case]](app)
        await app.settle()
        page = await app.host.durable.hub.query(InstanceQuery())
        return [await app.host.durable.record(each.instance_id) for each in page.items]


def cost(recordings: Sequence[Recording]) -> Cost:
    """What these instances cost together."""
    return sum(map(_cost, recordings), Cost(0, 0, 0, 0, 0))


def _cost(recorded: Recording) -> Cost:
    history = recorded["history"]
    kinds = [event["EventType"] for event in history]
    return Cost(
        events=len(history),
        turns=kinds.count(EventKind.TURN_STARTED),
        activities=kinds.count(EventKind.TASK_SCHEDULED),
        bytes=len(json.dumps(history).encode()),
        replayed=sum(len(json.loads(body)["history"]) for body in recording.bodies(recorded)),
    )


def changes(found: Cost, bound: Cost) -> tuple[list[str], list[str]]:
    """What grew beyond ``bound`` and what fell below it: ``turns 11 -> 12 (+1)``."""
    pairs = [(name, of, asdict(found)[name]) for name, of in asdict(bound).items()]
    texts = {name: f"{name} {of} -> {now} ({now - of:+d})" for name, of, now in pairs}
    grown = [texts[name] for name, of, now in pairs if now > of]
    return grown, [texts[name] for name, of, now in pairs if now < of]


def replay_ms(recordings: Sequence[Recording]) -> float:
    """CPU milliseconds in which the SDK takes all turns of these instances anew, each from its whole history, as it
    does on Azure."""
    given = [(code, body) for each in recordings for code in (_orchestrator(each),) for body in _bodies_of_azure(each)]
    with warnings.catch_warnings(), _own_parser():
        warnings.simplefilter("ignore")  # the SDK warns of events that came before their wait
        return median(_run(given) for _ in range(RUNS))


def _run(given: Sequence[tuple[Any, str]]) -> float:
    begin = time.thread_time()
    for code, body in given:
        code(body)
    return (time.thread_time() - begin) * 1000


def _orchestrator(recorded: Recording) -> Any:
    function = whole_app().durable(Kind.ORCHESTRATION, recorded["name"])
    assert function is not None, recorded["name"]
    return function.call


def _bodies_of_azure(recorded: Recording) -> Iterator[str]:
    """With instants in ISO 8601's extended format, where the host chooses the basic one for speed."""
    for text in recording.bodies(recorded):
        body = json.loads(text)
        yield json.dumps(body | {"history": recorded["history"][: len(body["history"])]})


@contextmanager
def _own_parser() -> Iterator[None]:
    """The SDK reads instants by its own means: the host gives it a faster parser (``host.sdk``)."""
    module: Any = importlib.import_module("azure.durable_functions.models.history.HistoryEvent")
    faster = module.dt_parse
    module.dt_parse = importlib.import_module("dateutil.parser").parse
    try:
        yield
    finally:
        module.dt_parse = faster
