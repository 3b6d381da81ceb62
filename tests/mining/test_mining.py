"""pm4py opens the event log and finds in it the ways that the cases went.

pm4py is under the AGPL: it is fetched for this test alone, into ``.cache/mining``, and is part of nothing else.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from domain.process import xes
from domain.process.facts import facts_in_view
from domain.process.model import parse_model
from domain.process.seen import seen_in_view
from domain.process.timeline import Head, Timeline, timeline
from host.http.views import history_view
from processes import text_of
from tests.mining.environment import MiningMissing, python
from tests.support.recordings import HISTORIES

MINE = Path(__file__).parent / "mine.py"
NAMESPACE = "{http://www.xes-standard.org/}"


def recorded() -> list[Timeline]:
    """A timeline of every recorded case."""
    return [_timeline(json.loads(path.read_text())) for path in sorted(HISTORIES.glob("*/*.json"))]


def _timeline(recording: dict[str, Any]) -> Timeline:
    events = history_view(recording["history"], with_output=True, with_input=True)
    facts, steps = facts_in_view(events), seen_in_view(events)
    assert facts.begun is not None
    head = Head(
        id=recording["instanceId"], workflow=recording["name"], version=recording["version"],
        line_of_business=facts.line_of_business, urgency=facts.urgency, due=facts.due, created=facts.begun,
        updated=steps[-1].at or facts.begun, runtime="Completed",
    )  # fmt: skip
    return timeline(head, steps, parse_model(text_of(head.workflow, head.version)))


def mined(path: Path) -> Any:
    try:
        interpreter = python()
    except MiningMissing as missing:
        pytest.skip(str(missing))
    done = subprocess.run([str(interpreter), "-W", "ignore", str(MINE), str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def variants(cases: Sequence[Timeline]) -> Counter[tuple[str, ...]]:
    """Elements in the order in which their visits ended, and how many cases went so."""
    return Counter(tuple(_ended(case)) for case in cases)


def _ended(case: Timeline) -> list[str]:
    done = [(v.ended, place, v.element) for place, v in enumerate(case.visits) if v.ended and v.completed]
    return [element for *_, element in sorted(done)]


@pytest.mark.timeout(600)
def test_pm4py_finds_the_ways_that_the_cases_went(tmp_path: Path) -> None:
    cases = [each.model_copy(update={"id": f"{each.id}-{n}"}) for n, each in enumerate(recorded())]
    path = tmp_path / "cases.xes"
    path.write_text("".join(xes.log("recorded cases", cases)))
    found = mined(path)
    assert found["cases"] == len(cases)
    assert found["events"] == sum(1 + (v.ended is not None) for case in cases for v in case.visits)
    assert Counter({tuple(way): count for way, count in found["variants"]}) == variants(cases)
    assert {"clinical-review", "await-information", "determine"} <= set(found["activities"])
    assert found["groups"] == ["engine", "provider", "reviewer"]
    assert found["fitness"] > 0.99, "what is discovered from the log explains it"
    assert found["timestamps"].startswith("datetime64")


def test_an_empty_log_is_one(tmp_path: Path) -> None:
    from xml.etree import ElementTree

    root = ElementTree.fromstring("".join(xes.log('odd "name" & <more>', [])))
    assert root.tag == f"{NAMESPACE}log"
    assert root.get("xes.version") == "1849-2016"
    name = next(each.get("value") for each in root if each.get("key") == "concept:name")
    assert name == 'odd "name" & <more>'
    assert [each.get("prefix") for each in root.iter(f"{NAMESPACE}extension")] == [e[1] for e in xes.EXTENSIONS]
