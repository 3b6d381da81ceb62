"""``extensions.kafka`` of host.json, with the extension's names and defaults.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-kafka#hostjson-settings. What the page leaves out
(``commitOnFailure``, ``maxRetries``) is from the source of the extension 4.3 (``KafkaOptions.cs``).
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from host.section import Section

_BOOLEAN = {True: "true", False: "false"}

_LIBRDKAFKA = {
    "auto_commit_interval": "auto.commit.interval.ms",
    "auto_offset_reset": "auto.offset.reset",
    "fetch_max_bytes": "fetch.max.bytes",
    "libkafka_debug": "debug",
    "max_partition_fetch_bytes": "max.partition.fetch.bytes",
    "max_poll_interval": "max.poll.interval.ms",
    "metadata_max_age": "metadata.max.age.ms",
    "queued_min_messages": "queued.min.messages",
    "queued_max_messages_kbytes": "queued.max.messages.kbytes",
    "reconnect_backoff": "reconnect.backoff.ms",
    "reconnect_backoff_max": "reconnect.backoff.max.ms",
    "session_timeout": "session.timeout.ms",
    "socket_keepalive_enable": "socket.keepalive.enable",
    "statistics_interval": "statistics.interval.ms",
}
"""Fields that librdkafka takes as they are."""


class KafkaSection(Section):
    """How the triggers of an app consume."""

    model_config = ConfigDict(alias_generator=to_camel)

    max_batch_size: int = Field(64, ge=1)
    subscriber_interval_in_seconds: int = Field(1, ge=1)
    executor_channel_capacity: int = Field(1, ge=1)
    channel_full_retry_interval: int = Field(50, alias="channelFullRetryIntervalInMs", ge=1)
    """Milliseconds, as all below."""
    commit_on_failure: bool = True
    """Whether the offset of a record is stored although its function failed: the record is lost."""
    max_retries: int = Field(5, ge=-1)
    """With ``commitOnFailure`` false: tries after the first, then the record is lost; -1: for ever."""
    auto_commit_interval: int = Field(200, alias="autoCommitIntervalMs", ge=1)
    auto_offset_reset: Literal["earliest", "latest"] = "earliest"
    session_timeout: int = Field(10_000, alias="sessionTimeoutMs", ge=1)
    max_poll_interval: int = Field(300_000, alias="maxPollIntervalMs", ge=1)
    metadata_max_age: int = Field(180_000, alias="metadataMaxAgeMs", ge=1)
    reconnect_backoff: int = Field(100, alias="reconnectBackoffMs", ge=0)
    reconnect_backoff_max: int = Field(1_000, alias="reconnectBackoffMaxMs", ge=0)
    socket_keepalive_enable: bool = True
    fetch_max_bytes: int | None = Field(None, ge=1)
    max_partition_fetch_bytes: int | None = Field(None, ge=1)
    queued_min_messages: int | None = Field(None, ge=1)
    queued_max_messages_kbytes: int | None = Field(None, ge=1)
    statistics_interval: int | None = Field(None, alias="statisticsIntervalMs", ge=0)
    libkafka_debug: str | None = None

    def librdkafka(self) -> dict[str, str | int]:
        """Settings of the consumer."""
        values = {name: getattr(self, field) for field, name in _LIBRDKAFKA.items()}
        # The library beats each 3 s, whatever the session: a shorter session would be lost between two beats.
        values["heartbeat.interval.ms"] = min(3_000, self.session_timeout // 3)
        return {
            name: _BOOLEAN[value] if isinstance(value, bool) else value
            for name, value in values.items()
            if value is not None
        }
