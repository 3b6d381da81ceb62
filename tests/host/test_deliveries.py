"""The record of deliveries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from host.deliveries import Deliveries, Delivery, Position

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
    deliveries.away("f", AT)
    deliveries.away("f", datetime(2026, 1, 6, tzinfo=UTC))
    assert deliveries.view()["outages"] == {"f": "2026-01-05T09:00:00+00:00"}
    deliveries.back("f")
    deliveries.back("f")
    assert deliveries.outages == {}
