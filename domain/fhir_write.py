"""A resource that shall be written, said without an adapter."""

from __future__ import annotations

from dataclasses import dataclass

from domain.json import Resource


@dataclass(frozen=True, slots=True)
class Write:
    """One PUT of a transaction."""

    resource: Resource
    if_none_exist: bool = True
    """Create only: what exists is never overwritten."""
    if_match: str | None = None
    """Version id that must be current (only with ``if_none_exist=False``)."""

    @property
    def url(self) -> str:
        """``Type/id``."""
        return f"{self.resource['resourceType']}/{self.resource['id']}"
