"""Timelines as an event log for process mining: XES, IEEE 1849-2016 (https://xes-standard.org).

One trace a case, two events a visit (``start`` and ``complete``). Ids of cases and elements, codes and instants only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import quoteattr

from domain.process.timeline import Timeline, Visit

EXTENSIONS: Final = (
    ("Concept", "concept", "http://www.xes-standard.org/concept.xesext"),
    ("Time", "time", "http://www.xes-standard.org/time.xesext"),
    ("Lifecycle", "lifecycle", "http://www.xes-standard.org/lifecycle.xesext"),
    ("Organizational", "org", "http://www.xes-standard.org/org.xesext"),
)
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">\n'
_GLOBALS: Final = """  <global scope="trace">
    <string key="concept:name" value=""/>
  </global>
  <global scope="event">
    <string key="concept:name" value=""/>
    <string key="lifecycle:transition" value="complete"/>
    <date key="time:timestamp" value="1970-01-01T00:00:00+00:00"/>
    <string key="org:group" value=""/>
  </global>
  <classifier name="Element" keys="concept:name"/>
  <classifier name="Element and transition" keys="concept:name lifecycle:transition"/>
"""


def log(name: str, timelines: Iterable[Timeline]) -> Iterator[str]:
    """The log ``name``, in pieces."""
    yield _HEAD
    for title, prefix, uri in EXTENSIONS:
        yield f'  <extension name="{title}" prefix="{prefix}" uri="{uri}"/>\n'
    yield _GLOBALS
    yield _attribute("string", "concept:name", name, "  ")
    yield '  <string key="lifecycle:model" value="standard"/>\n'
    for each in timelines:
        yield _trace(each)
    yield "</log>\n"


def _trace(case: Timeline) -> str:
    codes = {
        "concept:name": case.id,
        "workflow": case.workflow,
        "version": case.version,
        "lineOfBusiness": case.line_of_business,
        "urgency": case.urgency,
        "runtime": case.runtime,
    }
    text = "".join(_attribute("string", key, value, "    ") for key, value in codes.items() if value)
    if case.due:
        text += _attribute("date", "due", _instant(case.due), "    ")
    return f"  <trace>\n{text}{''.join(_events(case))}  </trace>\n"


def _events(case: Timeline) -> Iterator[str]:
    """In order; what happened at the same instant stands in the order of the visits."""
    begun = [(v.started, place, 0, v) for place, v in enumerate(case.visits)]
    done = [(v.ended, place, 1, v) for place, v in enumerate(case.visits) if v.ended]
    for at, _, end, visit in sorted([*begun, *done], key=lambda each: each[:3]):
        yield _event(visit, at, _transition(visit) if end else "start")


def _transition(visit: Visit) -> str:
    """How a visit ended, in words of the standard's lifecycle: ``pi_abort`` of one that the case went on without."""
    return "complete" if visit.completed else "pi_abort"


def _event(visit: Visit, at: datetime, transition: str) -> str:
    inner = "".join(
        (
            _attribute("string", "concept:name", visit.element, "      "),
            _attribute("string", "concept:instance", f"{visit.element}-{visit.n}", "      "),
            _attribute("string", "lifecycle:transition", transition, "      "),
            _attribute("date", "time:timestamp", _instant(at), "      "),
            _attribute("string", "org:group", visit.group.value, "      "),
            _attribute("int", "failedTries", str(visit.failed), "      ") if visit.failed else "",
        )
    )
    return f"    <event>\n{inner}    </event>\n"


def _attribute(kind: str, key: str, value: str, indent: str) -> str:
    return f"{indent}<{kind} key={quoteattr(key)} value={quoteattr(value)}/>\n"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
