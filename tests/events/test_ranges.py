"""Which records a replay is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.events.memory import MemoryEvents
from domain.events.letters import lane_of
from events import ranges as module
from events.errors import EventsError
from events.ranges import Wanted, by_offsets, by_time, matching, read_offsets, read_time

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
TOPIC = "t"


def filled(count: int = 30) -> MemoryEvents:
    """A record a minute, keys in turn."""
    times = iter(NOW + timedelta(minutes=n) for n in range(count))
    log = MemoryEvents(now=lambda: next(times))
    for n in range(count):
        headers = (
            ("ce_type", f"what.{'happened' if n % 2 else 'began'}.v1".encode()),
            ("CE_Source", f"urn:s:{n % 3}".encode()),
            ("ce_subject", f"Patient/{n % 5}".encode()),
        )
        log.append(TOPIC, f"k{n % 7}".encode(), b"never decoded", headers)
    return log


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-11-23T14:00:00Z", datetime(2026, 11, 23, 14, tzinfo=UTC)),
        ("2026-11-23T09:00:00-05:00", datetime(2026, 11, 23, 14, tzinfo=UTC)),
        ("-2h", NOW - timedelta(hours=2)),
        ("-90s", NOW - timedelta(seconds=90)),
        ("-30m", NOW - timedelta(minutes=30)),
        ("-7d", NOW - timedelta(days=7)),
    ],
)
def test_a_time_has_a_zone_or_is_so_long_ago(text: str, when: datetime) -> None:
    assert read_time(text, NOW) == when


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-23T14:00:00", "2h", "-2w", "-h"])
def test_other_times_are_refused_with_what_to_give(text: str) -> None:
    with pytest.raises(EventsError, match="with its zone, such as"):
        read_time(text, NOW)


@pytest.mark.parametrize(
    ("text", "offsets"),
    [
        ("0:17", {0: (17, 18)}),
        ("1:40-60", {1: (40, 61)}),
        ("2:100-", {2: (100, None)}),
        ("5-9", {None: (5, 10)}),
        ("0:1, 2:3-", {0: (1, 2), 2: (3, None)}),
    ],
)
def test_offsets_are_those_that_a_person_means(text: str, offsets: object) -> None:
    assert read_offsets(text) == offsets


@pytest.mark.parametrize("text", ["", "a", "0:", "0:1,0:2", "0:1:2", "-5", "0:5 9"])
def test_other_offsets_are_refused_with_what_to_give(text: str) -> None:
    with pytest.raises(EventsError, match="partition:first-last"):
        read_offsets(text)


async def test_ranges_of_offsets_are_cut_to_what_the_log_has() -> None:
    log = filled()
    ends = {partition: end for partition, (_, end) in (await log.bounds(TOPIC)).items()}
    assert await by_offsets(log, TOPIC, read_offsets("0:2-3,2:1-")) == {0: (2, 4), 2: (1, ends[2])}
    assert await by_offsets(log, TOPIC, read_offsets("3-")) == {n: (min(3, end), end) for n, end in ends.items()} | {
        n: (3, 3) for n, end in ends.items() if end < 3
    }
    assert await by_offsets(log, TOPIC, read_offsets("1:999")) == {1: (999, 999)}
    with pytest.raises(EventsError, match="no partition 7: it has 3, from 0"):
        await by_offsets(log, TOPIC, read_offsets("7:1"))


async def test_a_range_of_time_is_by_the_brokers_time_and_leaves_its_end_out() -> None:
    log = filled()
    since, until = NOW + timedelta(minutes=10), NOW + timedelta(minutes=20)
    chosen = await by_time(log, TOPIC, since, until)
    taken = [
        record.appended
        for partition, (start, end) in chosen.items()
        for record in await log.read(TOPIC, partition, start, end)
    ]
    assert sorted(taken) == [since + timedelta(minutes=n) for n in range(10)]
    assert await by_time(log, TOPIC, None, None) == await log.bounds(TOPIC)
    assert all(start == end for start, end in (await by_time(log, TOPIC, until, since)).values())


async def found(log: MemoryEvents, wanted: Wanted) -> list[datetime]:
    return [
        record.appended
        for partition, (start, end) in (await log.bounds(TOPIC)).items()
        async for records, _ in matching(log, TOPIC, partition, start, end, wanted)
        for record in records
    ]


@pytest.mark.parametrize(
    ("wanted", "which"),
    [
        (Wanted(), lambda _: True),
        (Wanted(type="what.began.v1"), lambda n: n % 2 == 0),
        (Wanted(type="what.*"), lambda _: True),
        (Wanted(type="other.*"), lambda _: False),
        (Wanted(source="urn:s:1"), lambda n: n % 3 == 1),
        (Wanted(subject="Patient/4"), lambda n: n % 5 == 4),
        (Wanted(key="k3"), lambda n: n % 7 == 3),
        (Wanted(key=lane_of(b"k3")), lambda n: n % 7 == 3),
        (Wanted(type="what.happened.*", source="urn:s:0", key="k2"), lambda n: n % 2 and n % 3 == 0 and n % 7 == 2),
    ],
)
async def test_the_filter_looks_at_headers_and_keys(wanted: Wanted, which: object) -> None:
    assert callable(which)
    expected = [NOW + timedelta(minutes=n) for n in range(30) if which(n)]
    assert sorted(await found(filled(), wanted)) == expected


async def test_batches_are_in_order_and_say_how_far_they_got(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    log = filled()
    (_, end) = (await log.bounds(TOPIC))[0]
    seen = [(records, upto) async for records, upto in matching(log, TOPIC, 0, 1, end, Wanted())]
    assert [record.at.offset for records, _ in seen for record in records] == list(range(1, end))
    assert [upto for _, upto in seen] == [*range(3, end, 2), end][: len(seen)]


async def test_records_without_headers_or_key_pass_only_where_nothing_is_asked() -> None:
    log = MemoryEvents()
    record = log.append(TOPIC, None, None)
    assert Wanted().admits(record)
    assert not any(
        w.admits(record) for w in (Wanted(type="*"), Wanted(source="s"), Wanted(subject="s"), Wanted(key="k"))
    )
