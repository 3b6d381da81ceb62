"""Where each function stands, for azure-eventhub.

Checkpoints are rows of a SQLite file in the data directory, synced at every write: a restart goes on behind the last.
Who owns which partition is kept in memory only: one host holds a data directory, so what another process owned there is
void, and a restart waits for no lease (on Azure, the partitions of a killed host wait for theirs to expire). Two
functions of one consumer group share its partitions, as on Azure.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from azure.eventhub.aio import CheckpointStore

_KEY = ("fully_qualified_namespace", "eventhub_name", "consumer_group", "partition_id")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS checkpoint (
    fully_qualified_namespace TEXT NOT NULL,
    eventhub_name TEXT NOT NULL,
    consumer_group TEXT NOT NULL,
    partition_id TEXT NOT NULL,
    offset TEXT NOT NULL,
    sequence_number INTEGER NOT NULL,
    PRIMARY KEY (fully_qualified_namespace, eventhub_name, consumer_group, partition_id)
) WITHOUT ROWID, STRICT
"""
_PUT = """
INSERT OR REPLACE INTO checkpoint VALUES
    (:fully_qualified_namespace, :eventhub_name, :consumer_group, :partition_id, :offset, :sequence_number)
"""
_LIST = """
SELECT * FROM checkpoint WHERE fully_qualified_namespace = ? AND eventhub_name = ? AND consumer_group = ?
"""
Row = dict[str, Any]


class Checkpoints(CheckpointStore):  # type: ignore[misc]  # azure-eventhub is not typed here
    """One store for all functions of a host. ``path``: None keeps the checkpoints in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._owners: dict[tuple[str, ...], Row] = {}
        self._lock = threading.Lock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._rows = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._rows.row_factory = sqlite3.Row
        self._rows.execute("PRAGMA journal_mode=WAL")
        self._rows.execute("PRAGMA synchronous=FULL")
        self._rows.execute(_SCHEMA)

    async def list_checkpoints(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **_: Any
    ) -> Iterable[Row]:
        """The checkpoints of a consumer group."""
        return await asyncio.to_thread(self.read, fully_qualified_namespace, eventhub_name, consumer_group)

    async def update_checkpoint(self, checkpoint: Row, **_: Any) -> None:
        """Replace a checkpoint; durable on return."""
        await asyncio.to_thread(self._write, checkpoint)

    async def list_ownership(
        self, fully_qualified_namespace: str, eventhub_name: str, consumer_group: str, **_: Any
    ) -> Iterable[Row]:
        """Who owns the partitions of a consumer group."""
        group = (fully_qualified_namespace, eventhub_name, consumer_group)
        return [dict(owner) for key, owner in self._owners.items() if key[:3] == group]

    async def claim_ownership(self, ownership_list: Iterable[Row], **_: Any) -> Iterable[Row]:
        """Own partitions; without those that another one has claimed since they were listed."""
        return [dict(claimed) for wanted in ownership_list if (claimed := self._claim(wanted)) is not None]

    def read(self, namespace: str, hub: str, group: str) -> list[Row]:
        """The checkpoints of a consumer group."""
        with self._lock:
            return [dict(row) for row in self._rows.execute(_LIST, (namespace, hub, group))]

    def close(self) -> None:
        """Close the file."""
        self._rows.close()

    def _write(self, checkpoint: Row) -> None:
        with self._lock:
            self._rows.execute(_PUT, checkpoint)

    def _claim(self, wanted: Row) -> Row | None:
        key = tuple(wanted[name] for name in _KEY)
        held = self._owners.get(key)
        if held is not None and held["etag"] != wanted.get("etag"):
            return None
        self._owners[key] = wanted | {"etag": str(uuid.uuid4()), "last_modified_time": time.time()}
        return self._owners[key]
