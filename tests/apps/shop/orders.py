"""What travels between the functions of the shop: custom objects in the SDK's own encoding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Order:
    """What a customer bought."""

    number: int
    customer: str
    pieces: dict[str, int]
    """By article."""
    cents: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for the SDK."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Order:
        """Inverse of ``to_json``."""
        return cls(**content)


@dataclass(frozen=True)
class Receipt:
    """What the bank says."""

    order: int
    attempt: int
    """The first is 1."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for the SDK."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Receipt:
        """Inverse of ``to_json``."""
        return cls(**content)
