"""What the mirror remembers: all of it, by whoever opens the file next, and only by its owner."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.store import Case, JobState, OpenJob, State, Store
from tests.stack.servers import open_to_others

CASE = Case(
    id="case-1",
    workflow="appeal",
    version="1.0.0",
    execution="e2",
    run=2,
    cursor=7,
    instance=2**51 + 3,
    state=State.DEVIATES,
    runtime="Suspended",
    shown="Running",
    past='["a"]',
    steps='["b"]',
    waits_since=1.5,
)
JOB = OpenJob(
    key=2**51 + 9,
    case_id="case-1",
    kind="durable.usertask.end",
    element="clinical-review",
    element_instance=2**51 + 8,
    instance=2**51 + 3,
    definition=2**51 + 1,
    cursor=7,
    state=JobState.TAKEN,
    move=6,
    variables={"decision": "approve", "quantity": 2, "information": ["11502-2"], "reason": None},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "mirror.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(path)
    yield opened
    opened.close()


def test_all_of_it_survives(path: Path) -> None:
    first = Store(path)
    first.save(CASE)
    first.put(JOB)
    first.deployed("appeal", "1.0.0", 2**51 + 1, "hash")
    first.close()
    second = Store(path)
    assert second.case("case-1") == CASE
    assert (second.job(JOB.key), second.jobs("case-1")) == (JOB, [JOB])
    assert second.definition("appeal", "1.0.0") == (2**51 + 1, "hash")
    second.close()


def test_what_was_stored_is_there_without_a_close(path: Path, store: Store) -> None:
    store.save(CASE)
    other = Store(path)
    assert other.case("case-1") == CASE
    other.close()


def test_what_is_not_there(store: Store) -> None:
    assert (store.case("x"), store.job(1), store.jobs("x"), store.definition("x", "1")) == (None, None, [], None)
    assert (store.counts(), store.cases(State.OPEN)) == ({}, [])


def test_the_last_word_stands(store: Store) -> None:
    store.save(CASE)
    store.save(Case("case-1", "appeal"))
    assert store.case("case-1") == Case("case-1", "appeal")
    store.put(JOB)
    store.put(OpenJob(**{**vars(JOB), "state": JobState.DONE}))
    assert [job.state for job in store.jobs("case-1")] == [JobState.DONE]
    store.deployed("appeal", "1.0.0", 1, "one")
    store.deployed("appeal", "1.0.0", 2, "two")
    assert store.definition("appeal", "1.0.0") == (2, "two")


def test_cases_are_found_and_counted_by_state(store: Store) -> None:
    for number, state in enumerate((State.OPEN, State.CLOSED, State.OPEN)):
        store.save(Case(f"case-{number}", "appeal", state=state))
    assert [case.id for case in store.cases(State.OPEN)] == ["case-0", "case-2"]
    assert store.counts() == {"open": 2, "closed": 1}


def test_jobs_are_those_of_their_case_oldest_first_until_they_are_dropped(store: Store) -> None:
    for key, case in ((3, "a"), (1, "a"), (2, "b"), (4, "a")):
        store.put(OpenJob(**{**vars(JOB), "key": key, "case_id": case}))
    assert [job.key for job in store.jobs("a")] == [1, 3, 4]
    store.drop(3)
    assert [job.key for job in store.jobs("a")] == [1, 4]
    store.drop_all("a")
    assert (store.jobs("a"), [job.key for job in store.jobs("b")]) == ([], [2])


def test_its_files_are_the_owners_alone(path: Path, store: Store) -> None:
    store.save(CASE)
    assert {each.name for each in path.parent.iterdir()} == {f"mirror.sqlite{end}" for end in ("", "-wal", "-shm")}
    assert [each for file in path.parent.iterdir() for each in open_to_others(file)] == []


def test_a_file_that_was_there_becomes_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "mirror.sqlite"
    path.touch()
    os.chmod(path, 0o644)
    Store(path).close()
    assert open_to_others(path) == []
