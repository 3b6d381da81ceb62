"""What the mirror remembers: how far Camunda shows each case, and which jobs are open. One SQLite file.

It saves looking, and is never the truth: the variable ``mirrored`` of the process instance says how far it is, and each
job brings it along.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

SCHEMA: Final = (Path(__file__).parent / "statements.sql").read_text()


class State(StrEnum):
    """How the mirror stands with a case."""

    OPEN = "open"
    CLOSED = "closed"
    """Camunda shows it to its end."""
    DEVIATES = "deviates"
    """The case went where its model has no way."""
    UNKNOWN = "unknown"
    """No model of its version is there."""
    LOST = "lost"
    """Somebody takes it away in Camunda again and again."""


class JobState(StrEnum):
    """How a job stands."""

    OPEN = "open"
    FAILED = "failed"
    """Shown as an incident."""
    TAKEN = "taken"
    """The listener's job of a user task whose decision the engine has taken."""
    DONE = "done"
    """Completed. Kept to the end of the case: it may be handed out once more, by a lease that ran out meanwhile."""
    GONE = "gone"
    """It was not there any more when it was to be completed (``Reconciler``)."""
    DOUBTED = "doubted"
    """Another job of its element was found gone. Handed out once more, it says how far its instance is now."""


@dataclass
class Case:
    """A case as Camunda shows it."""

    id: str
    workflow: str
    version: str = ""
    execution: str = ""
    run: int = 1
    cursor: int = 0
    instance: int | None = None
    state: State = State.OPEN
    runtime: str = ""
    shown: str = ""
    past: str = "[]"
    steps: str = "[]"
    waits_since: float | None = None


@dataclass
class OpenJob:
    """A job that was handed out."""

    key: int
    case_id: str
    kind: str
    element: str
    element_instance: int
    instance: int
    definition: int
    cursor: int
    state: JobState = JobState.OPEN
    move: int = 0
    """The move that it was completed for."""
    variables: Mapping[str, Any] = field(default_factory=dict)


class Store:
    """In the file ``path``, which only its owner may read. One mirror writes there (``lock``); others may read."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)  # were it there before; SQLite makes the files beside it alike
        self._db = sqlite3.connect(path, isolation_level=None, timeout=1)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def case(self, id_: str) -> Case | None:
        """The case of this id."""
        row = self._db.execute("select * from cases where id = ?", (id_,)).fetchone()
        return _case(row) if row else None

    def cases(self, state: State) -> list[Case]:
        """All in ``state``."""
        return [_case(row) for row in self._db.execute("select * from cases where state = ? order by id", (state,))]

    def counts(self) -> dict[str, int]:
        """Cases by state."""
        return dict(self._db.execute("select state, count(*) from cases group by state").fetchall())

    def save(self, case: Case) -> None:
        """Store it as it is now."""
        values = vars(case)
        names = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        self._db.execute(f"replace into cases ({names}) values ({places})", values)  # noqa: S608  (our own names)

    def jobs(self, case_id: str) -> list[OpenJob]:
        """The jobs of a case, oldest first."""
        rows = self._db.execute("select * from jobs where case_id = ? order by key", (case_id,))
        return [_job(row) for row in rows]

    def job(self, key: int) -> OpenJob | None:
        """The job of this key."""
        row = self._db.execute("select * from jobs where key = ?", (key,)).fetchone()
        return _job(row) if row else None

    def put(self, job: OpenJob) -> None:
        """Store it as it is now."""
        values = {**vars(job), "variables": json.dumps(dict(job.variables))}
        self._db.execute(
            "replace into jobs values (:key, :case_id, :kind, :element, :element_instance, :instance, :definition,"
            " :cursor, :state, :move, :variables)",
            values,
        )

    def drop(self, key: int) -> None:
        """Forget a job."""
        self._db.execute("delete from jobs where key = ?", (key,))

    def drop_all(self, case_id: str) -> None:
        """Forget the jobs of a case."""
        self._db.execute("delete from jobs where case_id = ?", (case_id,))

    def definition(self, process: str, version: str) -> tuple[int, str] | None:
        """Key and content hash of a deployed model."""
        row = self._db.execute(
            "select key, content from definitions where process = ? and version = ?", (process, version)
        ).fetchone()
        return (int(row["key"]), str(row["content"])) if row else None

    def deployed(self, process: str, version: str, key: int, content: str) -> None:
        """Remember what was deployed."""
        self._db.execute("replace into definitions values (?, ?, ?, ?)", (process, version, key, content))


def _case(row: sqlite3.Row) -> Case:
    return Case(**{**dict(row), "state": State(row["state"])})


def _job(row: sqlite3.Row) -> OpenJob:
    variables = row["variables"]
    given = json.loads(variables) if variables != "{}" else {}  # most have none
    return OpenJob(**{**dict(row), "state": JobState(row["state"]), "variables": given})
