"""Names that triggers and orchestrators need of the entity that counts who reviews what."""

from __future__ import annotations

from typing import Final

REVIEW_LOAD: Final = "review_load"
"""Name of the entity; its key is the queue's name."""
QUEUES: Final = ("clinical-review", "appeals")
"""The review queues."""
