"""What a case costs on Azure does not grow unseen: history events, turns, activity calls, bytes, events replayed.

Where a case must cost more, raise its bound here in the same change, so that the growth is read with its reason.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Final

import pytest

from tests.benchmarks import azure
from tests.support.costs import CASES, Cost, changes, cost, record, replay_ms
from tests.support.recordings import HISTORIES

BOUNDS: Final = {
    "automatic": Cost(events=44, turns=11, activities=10, bytes=20518, replayed=242),
    "reviewed": Cost(events=62, turns=15, activities=13, bytes=27773, replayed=462),
    "appealed": Cost(events=132, turns=32, activities=24, bytes=50202, replayed=1057),
}
"""What each kind of case costs now."""


@pytest.mark.parametrize("case", CASES)
async def test_a_case_costs_no_more_than_before(case: str) -> None:
    grown, shrunk = changes(cost(await record(case)), BOUNDS[case])
    assert not grown, f"the {case} case costs more on Azure: {', '.join(grown)}"
    assert not shrunk, f"the {case} case costs less, so lower its bound: {', '.join(shrunk)}"


def test_what_grew_is_named_with_how_much() -> None:
    bound = BOUNDS["automatic"]
    dearer = replace(bound, turns=bound.turns + 1, bytes=bound.bytes - 18)
    assert changes(dearer, bound) == (["turns 11 -> 12 (+1)"], ["bytes 20518 -> 20500 (-18)"])
    assert changes(bound, bound) == ([], [])


def test_a_recording_is_counted() -> None:
    recorded = json.loads((HISTORIES / "1.0.0" / "away-for-a-moment.json").read_text())
    kinds = [event["EventType"] for event in recorded["history"]]
    counted = cost([recorded])
    assert counted.events == len(kinds)
    assert counted.turns == kinds.count(13), "each turn that began has ended"
    assert counted.activities == kinds.count(5) + kinds.count(6), "a failed attempt is a call too"
    assert kinds.count(6) == 3
    assert counted.bytes == len(json.dumps(recorded["history"]))
    assert cost([recorded, recorded]) == counted + counted


def test_events_replayed_are_all_of_each_turn_again() -> None:
    first, second = [12, 0, 4, 13], [12, 5, 1, 13]
    head = {"EventId": -1, "IsPlayed": False, "Timestamp": "2026-11-02T15:00:00.000000Z", "Input": '["x"]'}
    history = [head | {"EventType": kind} for kind in first + second]
    history[1] |= {"Name": "n", "Version": "1", "Input": '"x"'}
    recorded = {"name": "n", "version": "1", "instanceId": "i", "input": None, "history": history}
    assert cost([recorded]).replayed == 2 + 6


def test_the_page_shows_each_case_with_its_cpu() -> None:
    recorded = json.loads((HISTORIES / "1.0.0" / "approved-at-once.json").read_text())
    begin = time.process_time()
    spent = replay_ms([recorded])
    assert 0 < spent <= (time.process_time() - begin) * 1000
    counts = {"events": 44, "turns": 11, "activities": 10, "bytes": 20518, "replayed": 242, "instances": 1}
    rows = azure.lines({"azure": {"automatic": {**counts, "replay_cpu_ms": 39.5}}})
    assert "| automatic | 1 | 44 | 11 | 10 | 20.5 KB | 242 | 39.5 ms |" in rows
    assert azure.lines({}) == []
