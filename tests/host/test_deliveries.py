"""The record of deliveries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from host.deliveries import UNREADABLE, Deliveries, Delivery, Position, event_type

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ONE = Delivery(time=AT, function="f", source="t", partition="0", first=1, last=3, type="a.b", outcome="ok", ms=1.26)
HERE = Position(function="f", source="t", partition="0", position=4, lag=2)


def test_only_the_last_ones_are_kept() -> None:
    deliveries = Deliveries(kept=2)
    for first in range(5):
        deliveries.add(replace(ONE, first=first))
    view = deliveries.view()
    assert view["last"] == 5
    assert [each["first"] for each in view["deliveries"]] == [3, 4]
    assert [each["first"] for each in deliveries.view(after=4)["deliveries"]] == [4]
    assert deliveries.view(after=5)["deliveries"] == []


def test_view_is_plain() -> None:
    deliveries = Deliveries()
    deliveries.add(ONE)
    shown = deliveries.view()["deliveries"][0]
    assert shown == {
        "time": "2026-01-05T09:00:00+00:00",
        "function": "f",
        "source": "t",
        "partition": "0",
        "first": 1,
        "last": 3,
        "type": "a.b",
        "outcome": "ok",
        "ms": 1.3,
    }


def test_positions_of_a_function_are_replaced() -> None:
    deliveries = Deliveries()
    deliveries.place("f", [HERE, replace(HERE, partition="1")])
    deliveries.place("g", [replace(HERE, function="g")])
    deliveries.place("f", [replace(HERE, lag=0)])
    found = {(each["function"], each["partition"]): each["lag"] for each in deliveries.view()["positions"]}
    assert found == {("f", "0"): 0, ("g", "0"): 2}


def test_an_outage_keeps_its_beginning() -> None:
    deliveries = Deliveries()
    deliveries.away("f", AT, "one")
    deliveries.away("f", datetime(2026, 1, 6, tzinfo=UTC), "other")
    assert deliveries.view()["outages"] == {"f": {"since": "2026-01-05T09:00:00+00:00", "reason": "other"}}
    deliveries.back("f")
    deliveries.back("f")
    assert deliveries.outages == {}


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["a.b_c:1/x-y", "a.b_c:1/x-y"], "a.b_c:1/x-y"),
        (["a", "b"], ""),
        ([""], ""),
        ([], ""),
        (["Jane Doe"], UNREADABLE),
        (["\x1b[31m"], UNREADABLE),
        (["a\n"], UNREADABLE),
        (["\u00e4"], UNREADABLE),
        (["a" * 101], UNREADABLE),
    ],
)
def test_of_a_type_only_what_has_its_form_is_kept(texts: list[str], shown: str) -> None:
    assert event_type(texts) == shown
