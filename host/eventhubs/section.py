"""``extensions.eventHubs`` of host.json, with the names and defaults of the extension 6 (``EventHubOptions.cs``)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from host.section import Section
from host.timespan import parse_timespan

_LONGEST = timedelta(minutes=10)
_OFFSETS = {"fromstart": "fromStart", "fromend": "fromEnd", "fromenqueuedtime": "fromEnqueuedTime"}


class _Section(Section):
    model_config = ConfigDict(alias_generator=to_camel)


class InitialOffset(_Section):
    """Where a partition without a checkpoint begins."""

    type: Literal["fromStart", "fromEnd", "fromEnqueuedTime"] = "fromStart"
    enqueued_time_utc: datetime | None = None

    @field_validator("type", mode="before")
    @classmethod
    def _any_case_type(cls, value: Any) -> Any:
        return (_OFFSETS.get(value.lower(), value) if isinstance(value, str) else value) or "fromStart"

    @field_validator("enqueued_time_utc", mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        return value or None

    @field_validator("enqueued_time_utc")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    @model_validator(mode="after")
    def _has_time(self) -> Self:
        if self.type == "fromEnqueuedTime" and self.enqueued_time_utc is None:
            raise ValueError("type fromEnqueuedTime needs enqueuedTimeUtc")
        return self

    @property
    def position(self) -> str | datetime:
        """As azure-eventhub takes it."""
        if self.type == "fromEnqueuedTime" and self.enqueued_time_utc is not None:
            return self.enqueued_time_utc
        return "@latest" if self.type == "fromEnd" else "-1"


class EventHubsSection(_Section):
    """How the triggers of an app receive."""

    max_event_batch_size: int = Field(100, ge=1)
    """Events in one call, of functions with cardinality many."""
    min_event_batch_size: int = Field(1, ge=1)
    max_wait_time: timedelta = timedelta(seconds=60)
    """How long fewer than ``minEventBatchSize`` events wait for more."""
    prefetch_count: int = Field(300, ge=1)
    batch_checkpoint_frequency: int = Field(1, ge=1)
    """Calls to a checkpoint."""
    enable_checkpointing: bool = True
    initial_offset_options: InitialOffset = Field(default_factory=lambda: InitialOffset.model_validate({}))

    @field_validator("max_wait_time", mode="before")
    @classmethod
    def _timespan(cls, value: Any) -> Any:
        return parse_timespan(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.min_event_batch_size > self.max_event_batch_size:
            raise ValueError("minEventBatchSize must not be above maxEventBatchSize")
        if not timedelta(0) <= self.max_wait_time <= _LONGEST:
            raise ValueError("maxWaitTime must be between 00:00:00 and 00:10:00")
        return self
