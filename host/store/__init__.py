"""Where a task hub keeps its state: ``MemoryStore`` or ``SqliteStore`` behind the same ``Store``."""

from host.store.base import Store

__all__ = ["Store"]
