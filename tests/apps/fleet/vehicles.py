"""What the fleet remembers of a vehicle: the state of an entity, with its operations."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Vehicle:
    """One vehicle."""

    km: int = 0
    serviced_at: int = 0
    """Kilometres at the last service."""

    def drive(self, km: int) -> int:
        """Add to the odometer; returns it. Raises ValueError for a trip backwards."""
        if km < 0:
            raise ValueError("an odometer counts upwards")
        self.km += km
        return self.km

    def service(self, _: Any = None) -> int:
        """Have it serviced; returns the kilometres since the last time."""
        since, self.serviced_at = self.km - self.serviced_at, self.km
        return since

    def show(self, _: Any = None) -> dict[str, int]:
        """All that is known."""
        return asdict(self)

    def to_json(self) -> dict[str, int]:
        """Plain JSON, for the SDK."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, int]) -> Vehicle:
        """Inverse of ``to_json``."""
        return cls(**content)
