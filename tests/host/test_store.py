"""The contract of a Store, kept by both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from host.model import (
    EntityQuery,
    EntityStatus,
    Event,
    EventKind,
    Failure,
    InstanceQuery,
    InstanceStatus,
    Parent,
    Status,
)
from host.starts import new_start
from host.store import Store, sqlite
from host.store.base import Activity, ActivityKey, EntityTurn, Message, Start, Timer, Turn, Waiting
from host.store.rows import event_of, event_text, events_of, events_text

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
async def opened(store: Store) -> AsyncIterator[Store]:
    await store.open()
    yield store
    await store.close()


def _start(instance_id: str = "i", at: datetime = NOW) -> Start:
    return new_start("flow", '{"n": 1}', instance_id, "1.0", at, "00-ab-cd-01", tracestate="k=1")


def _raised(name: str) -> Event:
    return Event(kind=EventKind.EVENT_RAISED, at=NOW, name=name, text="1")


async def _loaded_instance(store: Store, instance_id: str = "i") -> InstanceStatus:
    loaded = await store.load(instance_id, NOW)
    assert loaded is not None
    return loaded.instance


async def test_a_start_is_loaded_as_it_was_written(opened: Store) -> None:
    start = _start()
    assert await opened.start(start) is None
    loaded = await opened.load("i", NOW)
    assert loaded is not None
    assert loaded.instance == start.instance == await opened.get("i")
    assert [(message.event, message.execution) for message in loaded.inbox] == [
        (start.event, start.instance.execution_id)
    ]
    assert loaded.history == ()


async def test_a_running_instance_is_not_started_again(opened: Store) -> None:
    await opened.start(_start())
    assert await opened.start(_start()) is Status.PENDING
    loaded = await opened.load("i", NOW)
    assert loaded is not None
    assert len(loaded.inbox) == 1


async def test_an_ended_instance_is_replaced_with_all_that_was_its_own(opened: Store) -> None:
    first = _start()
    await opened.start(first)
    ended = replace(first.instance, status=Status.COMPLETED, output="1")
    await opened.commit(Turn(instance=ended, append=(first.event,)))
    second = _start()
    assert await opened.start(second) is None
    loaded = await opened.load("i", NOW)
    assert loaded is not None
    assert loaded.instance.execution_id == second.instance.execution_id
    assert loaded.history == ()
    assert len(loaded.inbox) == 1


async def test_a_turn_is_written_whole(opened: Store) -> None:
    start = _start()
    await opened.start(start)
    running = replace(
        start.instance,
        status=Status.RUNNING,
        custom_status='{"step": "x"}',
        waits={"go": 2},
        parent=Parent("p", "e", "flow", 3),
        failure=Failure("ValueError", "no", ("a.py:1:f",)),
        updated=NOW + timedelta(microseconds=1),
    )
    key = ActivityKey("i", running.execution_id, 0)
    timer = Timer("i", running.execution_id, 1, NOW + timedelta(hours=1))
    loaded = await opened.load("i", NOW)
    assert loaded is not None
    events = (
        Event(kind=EventKind.TURN_STARTED, at=NOW),
        Event(kind=EventKind.TIMER_CREATED, at=NOW, id=1, due=timer.due),
    )
    refused = await opened.commit(
        Turn(
            instance=running,
            append=events,
            consumed=(loaded.inbox[0].seq,),
            activities=(Activity(key, "hello", '"x"', "00-tp", "k=1"),),
            timers=(timer,),
            starts=(_start("child"),),
            messages=(Message("i", _raised("e")), Message("nobody", _raised("e"))),
        )
    )
    assert refused == frozenset()
    loaded = await opened.load("i", NOW)
    assert loaded is not None
    assert loaded.instance == running
    assert loaded.history == events == await opened.history("i")
    assert [message.event.name for message in loaded.inbox] == ["e"]
    assert loaded.due == ()
    later = await opened.load("i", timer.due)
    assert later is not None
    assert later.due == (timer,)
    backlog = await opened.backlog()
    assert set(backlog.targets) == {"i", "child"}
    assert backlog.activities == (Activity(key, "hello", '"x"', "00-tp", "k=1"),)
    assert backlog.timers == (timer,)


async def test_a_turn_appends_and_removes_what_it_consumed(opened: Store) -> None:
    start = _start()
    await opened.start(start)
    key = ActivityKey("i", start.instance.execution_id, 0)
    timer = Timer("i", start.instance.execution_id, 1, NOW)
    one, two = Event(kind=EventKind.TURN_STARTED, at=NOW), Event(kind=EventKind.TURN_COMPLETED, at=NOW)
    await opened.commit(
        Turn(instance=start.instance, append=(one,), activities=(Activity(key, "a", None),), timers=(timer,))
    )
    await opened.commit(
        Turn(instance=start.instance, append=(two,), consumed=(1,), ended_activities=(key,), ended_timers=(1,))
    )
    backlog = await opened.backlog()
    assert backlog == type(backlog)((), (), ())
    assert await opened.history("i") == (one, two)


async def test_a_history_that_is_not_asked_for_is_known_to_be_there(opened: Store) -> None:
    start = _start()
    await opened.start(start)
    new = await opened.load("i", NOW, history=False)
    assert new is not None
    assert (new.history, new.has_history) == ((), False)
    await opened.commit(Turn(instance=start.instance, append=(start.event,)))
    cold, warm = await opened.load("i", NOW), await opened.load("i", NOW, history=False)
    assert cold is not None
    assert warm is not None
    assert cold.has_history
    assert warm.has_history
    assert cold == replace(warm, history=(start.event,), unread_history=False)


async def test_what_an_instance_waits_for_is_told(opened: Store) -> None:
    start = _start()
    await opened.start(start)
    await opened.start(_start("other"))
    execution = start.instance.execution_id
    timers = [Timer("i", execution, number, NOW + timedelta(days=9 - number)) for number in range(3)]
    activities = [Activity(ActivityKey("i", execution, number), f"a{number}", "1") for number in (11, 10, 12)]
    turn = Turn(instance=start.instance, consumed=(1,), timers=tuple(timers), activities=tuple(activities))
    await opened.commit(turn)
    await opened.commit(Turn(instance=start.instance, ended_timers=(1,), ended_activities=(activities[2].key,)))
    await opened.post(Message("i", _raised("one")))
    await opened.post(Message("i", _raised("two"), execution))
    waiting = await opened.waiting("i")
    assert waiting.timers == (timers[2], timers[0])
    assert waiting.activities == (activities[1], activities[0])
    assert [(message.event.name, message.execution) for message in waiting.messages] == [
        ("one", None),
        ("two", execution),
    ]
    assert await opened.waiting("nobody") == Waiting((), (), ())


async def test_only_a_new_history_brings_a_new_input(opened: Store) -> None:
    start = _start()
    await opened.start(start)
    changed = replace(start.instance, input="2", created=NOW + timedelta(days=1))
    await opened.commit(Turn(instance=changed))
    assert await opened.get("i") == start.instance
    for text in ("2", None, "3"):
        await opened.commit(Turn(instance=replace(start.instance, input=text), replace_history=True))
        assert await opened.get("i") == replace(start.instance, input=text)


async def test_replacing_the_history_drops_timers_and_activities(opened: Store) -> None:
    start = _start()
    await opened.start(start)
    key = ActivityKey("i", start.instance.execution_id, 0)
    timer = Timer("i", start.instance.execution_id, 1, NOW)
    await opened.commit(
        Turn(instance=start.instance, append=(start.event,), activities=(Activity(key, "a", None),), timers=(timer,))
    )
    await opened.commit(Turn(instance=replace(start.instance, execution_id="new"), replace_history=True))
    assert await opened.history("i") == ()
    backlog = await opened.backlog()
    assert (backlog.activities, backlog.timers) == ((), ())
    assert backlog.targets == ("i",), "messages are kept: they may be for the new execution"


async def test_the_end_of_an_instance_drops_its_work_and_its_inbox(opened: Store) -> None:
    start = _start()
    await opened.start(start)
    timer = Timer("i", start.instance.execution_id, 1, NOW)
    await opened.commit(Turn(instance=start.instance, timers=(timer,)))
    await opened.commit(Turn(instance=replace(start.instance, status=Status.TERMINATED)))
    backlog = await opened.backlog()
    assert (backlog.targets, backlog.timers) == ((), ())


async def test_a_child_that_runs_already_posts_the_refusal_instead(opened: Store) -> None:
    await opened.start(_start("parent"))
    await opened.start(_start("child"))
    refusal = Message("parent", Event(kind=EventKind.CHILD_FAILED, at=NOW, task=0, text="taken"))
    start = replace(_start("child"), if_running=refusal)
    parent = await _loaded_instance(opened, "parent")
    assert await opened.commit(Turn(instance=parent, starts=(start,))) == {"child"}
    loaded = await opened.load("parent", NOW)
    assert loaded is not None
    assert loaded.inbox[-1].event.kind is EventKind.CHILD_FAILED


async def test_an_instance_lives_from_its_start_to_its_end(opened: Store) -> None:
    assert not opened.lives("i")
    await opened.start(_start())
    assert opened.lives("i")
    await opened.commit(Turn(instance=replace(await _loaded_instance(opened), status=Status.COMPLETED)))
    assert not opened.lives("i")


async def test_posting_tells_the_status_and_skips_the_ended_and_unknown(opened: Store) -> None:
    start = _start()
    assert await opened.post(Message("i", _raised("e"))) is None
    await opened.start(start)
    assert await opened.post(Message("i", _raised("e"))) is Status.PENDING
    await opened.commit(Turn(instance=replace(start.instance, status=Status.FAILED)))
    assert await opened.post(Message("i", _raised("e"))) is Status.FAILED
    assert (await opened.backlog()).targets == ()


async def test_several_turns_are_one_transaction(opened: Store) -> None:
    one, two = _start("one"), _start("two")
    await opened.start(one)
    await opened.start(two)
    await opened.commit(
        Turn(instance=replace(one.instance, status=Status.RUNNING)),
        Turn(instance=replace(two.instance, status=Status.SUSPENDED)),
    )
    assert (await _loaded_instance(opened, "one")).status is Status.RUNNING
    assert (await _loaded_instance(opened, "two")).status is Status.SUSPENDED


@pytest.mark.parametrize("top", [None, 1, 2, 5])
async def test_a_query_narrows_sorts_and_pages(opened: Store, top: int | None) -> None:
    for number in range(5):
        await opened.start(_start(f"a{number % 2}-{number}", NOW + timedelta(minutes=number // 2)))
    found = await _all(opened, InstanceQuery(top=top))
    assert found == ["a0-0", "a1-1", "a0-2", "a1-3", "a0-4"]
    assert await _all(opened, InstanceQuery(top=top, prefix="a1")) == ["a1-1", "a1-3"]
    assert await _all(opened, InstanceQuery(top=top, created_from=NOW + timedelta(minutes=1))) == found[2:]
    assert await _all(opened, InstanceQuery(top=top, created_to=NOW)) == found[:2]
    await opened.commit(Turn(instance=replace(await _loaded_instance(opened, "a0-2"), status=Status.FAILED)))
    await opened.commit(Turn(instance=replace(await _loaded_instance(opened, "a1-3"), status=Status.RUNNING)))
    failed, pending, running = (frozenset({each}) for each in (Status.FAILED, Status.PENDING, Status.RUNNING))
    assert await _all(opened, InstanceQuery(top=top)) == found, "statuses do not change the order"
    assert await _all(opened, InstanceQuery(top=top, statuses=failed)) == ["a0-2"]
    assert await _all(opened, InstanceQuery(top=top, statuses=failed | pending)) == ["a0-0", "a1-1", "a0-2", "a0-4"]
    late = InstanceQuery(top=top, statuses=pending | running, created_from=NOW + timedelta(minutes=1), prefix="a1")
    assert await _all(opened, late) == ["a1-3"]


async def _all(store: Store, query: InstanceQuery) -> list[str]:
    found = []
    while True:
        page = await store.query(query)
        assert query.top is None or len(page.items) <= query.top
        found += [item.instance_id for item in page.items]
        if page.token is None:
            return found
        query = replace(query, token=page.token)


async def test_entities_keep_state_and_inbox(opened: Store) -> None:
    ask = Event(kind=EventKind.EVENT_SENT, at=NOW, name="add", text="1", signal=True)
    for _ in range(3):
        assert await opened.post(Message("@counter@k", ask)) is Status.RUNNING
    status, inbox = await opened.load_entity("@counter@k", 2)
    assert status is None
    assert [message.event for message in inbox] == [ask, ask]
    after = EntityStatus(name="counter", key="k", state="2", updated=NOW)
    await opened.commit_entity(EntityTurn("@counter@k", after, tuple(m.seq for m in inbox), ()))
    status, inbox = await opened.load_entity("@counter@k", 2)
    assert status == after == await opened.entity("@counter@k")
    assert len(inbox) == 1
    assert (await opened.entities(EntityQuery(name="counter"))).items == (after,)
    assert (await opened.entities(EntityQuery(name="other"))).items == ()
    assert (await opened.entities(EntityQuery(prefix="@counter@k"))).items == (after,)
    assert (await opened.entities(EntityQuery(prefix="@counter@kk"))).items == ()
    await opened.commit_entity(EntityTurn("@counter@k", None, (inbox[0].seq,), ()))
    assert await opened.entity("@counter@k") is None


async def test_entities_page(opened: Store) -> None:
    for key in "abc":
        state = EntityStatus(name="counter", key=key, state="1", updated=NOW)
        await opened.commit_entity(EntityTurn(f"@counter@{key}", state, (), ()))
    first = await opened.entities(EntityQuery(top=2))
    assert [entity.key for entity in first.items] == ["a", "b"]
    second = await opened.entities(EntityQuery(top=2, token=first.token))
    assert [entity.key for entity in second.items] == ["c"]
    assert second.token is None


async def test_only_the_ended_are_purged(opened: Store) -> None:
    start = _start("done")
    await opened.start(start)
    await opened.start(_start("open"))
    await opened.commit(Turn(instance=replace(start.instance, status=Status.COMPLETED), append=(start.event,)))
    assert await opened.purge(["done", "open", "nobody"]) == 1
    assert await opened.get("done") is None
    assert await opened.history("done") == ()
    assert await opened.get("open") is not None


async def test_the_ended_that_match_are_purged(opened: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "PURGED_AT_ONCE", 2)
    ends = [Status.COMPLETED] * 5 + [Status.FAILED] * 3 + [Status.RUNNING] * 2
    for number, status in enumerate(ends):
        start = _start(f"{'a' if number < 4 else 'b'}{number}", NOW + timedelta(minutes=number))
        await opened.start(start)
        await opened.commit(Turn(instance=replace(start.instance, status=status), append=(start.event,)))
    assert await opened.purge_where(InstanceQuery(prefix="a", created_from=NOW + timedelta(minutes=1), top=1)) == 3
    assert await opened.purge_where(InstanceQuery(statuses=frozenset({Status.FAILED, Status.RUNNING}))) == 3
    assert await opened.history("b5") == ()
    assert await _all(opened, InstanceQuery()) == ["a0", "b4", "b8", "b9"]
    assert await opened.purge_where(InstanceQuery(updated_to=NOW - timedelta(seconds=1))) == 0
    assert await _all(opened, InstanceQuery(updated_to=NOW)) == ["a0"]
    assert await opened.purge_where(InstanceQuery(updated_to=NOW)) == 1
    assert await opened.purge_where(InstanceQuery()) == 1
    assert await _all(opened, InstanceQuery()) == ["b8", "b9"]


async def test_nothing_is_wrong_with_a_store_that_works(opened: Store) -> None:
    await opened.start(_start())
    assert opened.fault is None


async def test_content_outlives_the_process(store: Store) -> None:
    await store.open()
    await store.start(_start())
    await store.close()
    await store.open()
    assert (await store.backlog()).targets == ("i",)
    await store.close()


def test_an_event_survives_its_text() -> None:
    event = Event(
        kind=EventKind.EXECUTION_STARTED,
        at=NOW,
        id=3,
        task=4,
        name="n",
        due=NOW,
        parent=Parent("p", "e", "n", 1),
        signal=True,
        status=Status.FAILED,
        failure=Failure("t", "x", ("f",)),
    )
    assert event_of(event_text(event)) == event
    assert events_of(events_text([event, event])) == [event, event]
