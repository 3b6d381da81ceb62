"""The mark that an event, or a decision that is passed on, leaves on the Task that it changed."""

from __future__ import annotations

import re

from domain.events.cloud_event import Attributes
from domain.events.mark import EVENT, bears, mark, mark_of, mark_token, marked


def _mark(source: str, id_: str, **more: str) -> str:
    return mark(Attributes.model_validate({"specversion": "1.0", "source": source, "id": id_, "type": "a.v1", **more}))


def test_source_and_id_together_name_an_event() -> None:
    marks = {
        _mark(source, id_)
        for source, id_ in (("a", "b"), ("a", "c"), ("b", "a"), ("ab", "c"), ("a", "bc"), ('a","b', "c"))
    }
    assert len(marks) == 6
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in marks), "none of the sender's words"


def test_copies_of_an_event_have_one_mark() -> None:
    assert _mark("a", "b", subject="x", traceparent="y") == _mark("a", "b")


def test_it_joins_the_identifiers_of_the_task() -> None:
    task = {"resourceType": "Task", "identifier": [{"system": "s", "value": "v"}]}
    assert marked(task, "m")["identifier"] == [{"system": "s", "value": "v"}, {"system": EVENT, "value": "m"}]
    assert marked({"resourceType": "Task"}, "m")["identifier"] == [{"system": EVENT, "value": "m"}]
    assert task["identifier"] == [{"system": "s", "value": "v"}]
    assert marked(task, None) is task, "what came by HTTP leaves none"
    assert mark_token("m") == f"{EVENT}|m"


def test_what_changed_a_task_is_known_by_it() -> None:
    name = mark_of("camunda-mirror", "camunda:1")
    task = marked({"resourceType": "Task"}, name)
    assert bears(task, name)
    assert not bears(task, mark_of("camunda-mirror", "camunda:2"))
    assert not bears({"identifier": [{"system": "s", "value": name}, {"value": name}]}, name)
    assert not bears({}, name)
