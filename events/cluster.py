"""A Kafka cluster as ``make topics`` sees it: what its topics are, and how they are changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
)

from events.errors import EventsError

_SECONDS: Final = 10.0
_AWAY: Final = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._RESOLVE,
    KafkaError.REQUEST_TIMED_OUT,
}
_FORBIDDEN: Final = {
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
_UNSUPPORTED: Final = {
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_REQUEST,
    KafkaError.POLICY_VIOLATION,
    KafkaError.UNSUPPORTED_VERSION,
    KafkaError._UNSUPPORTED_FEATURE,
}


@dataclass(frozen=True, slots=True)
class Found:
    """A topic of the cluster."""

    partitions: int
    configs: Mapping[str, str]
    """Those that the cluster tells, defaults included."""


class Cluster:
    """Raises ``EventsError`` when it is away, or when we may not do what is asked."""

    def __init__(self, client: Mapping[str, Any], seconds: float = _SECONDS) -> None:
        """``client``: settings of librdkafka (https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md)."""
        self.brokers: str = client["bootstrap.servers"]
        self._seconds = seconds
        self._limits = {"operation_timeout": seconds, "request_timeout": seconds * 2}
        self._last: KafkaError | None = None
        # Kept for as long as its futures run: they fail when it is collected.
        self._admin = AdminClient({**client, "error_cb": self._note})
        self.replication = 1
        """How many copies of a topic it keeps: three where it has so many brokers."""

    def topics(self, prefixes: tuple[str, ...]) -> dict[str, Found]:
        """Its topics whose names begin so."""
        try:
            metadata = self._admin.list_topics(timeout=self._seconds)
        except KafkaException as error:
            raise self._fault(error, "list topics") from None
        self.replication = 3 if len(metadata.brokers) >= 3 else 1
        sizes = {name: len(each.partitions) for name, each in metadata.topics.items() if name.startswith(prefixes)}
        return {name: Found(sizes[name], configs) for name, configs in self._configs(sorted(sizes)).items()}

    def create(self, name: str, partitions: int, configs: Mapping[str, str]) -> list[str]:
        """Create a topic, unless another did meanwhile. Returns the settings that the cluster does not take: the topic
        is there without them."""
        topic = NewTopic(name, partitions, self.replication, config=dict(configs))
        try:
            self._admin.create_topics([topic], **self._limits)[name].result()
        except KafkaException as error:
            if _code(error) == KafkaError.TOPIC_ALREADY_EXISTS:
                return []
            if not configs or _code(error) not in _UNSUPPORTED:
                raise self._fault(error, f"create {name}") from None
            self.create(name, partitions, {})
            return self.alter(name, configs)
        return []

    def alter(self, name: str, configs: Mapping[str, str]) -> list[str]:
        """Change settings of a topic. Returns those that the cluster does not take."""
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in configs.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=entries)
        try:
            self._admin.incremental_alter_configs([resource], request_timeout=self._seconds)[resource].result()
        except KafkaException as error:
            if _code(error) not in _UNSUPPORTED:
                raise self._fault(error, f"configure {name}") from None
            if len(configs) == 1:
                return list(configs)
            return [refused for key, value in configs.items() for refused in self.alter(name, {key: value})]
        return []

    def grow(self, name: str, partitions: int) -> None:
        """Give a topic so many partitions."""
        try:
            self._admin.create_partitions([NewPartitions(name, partitions)], **self._limits)[name].result()
        except KafkaException as error:
            raise self._fault(error, f"add partitions to {name}") from None

    def delete(self, name: str) -> None:
        """Delete a topic with all its records."""
        try:
            self._admin.delete_topics([name], **self._limits)[name].result()
        except KafkaException as error:
            raise self._fault(error, f"delete {name}") from None

    def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        try:
            futures = self._admin.describe_configs(asked, request_timeout=self._seconds)
            answers = {resource.name: future.result() for resource, future in futures.items()}
        except KafkaException as error:
            raise self._fault(error, "describe topics") from None
        return {name: {key: entry.value for key, entry in answer.items()} for name, answer in answers.items()}

    def _note(self, error: KafkaError) -> None:
        """Connections fail in the background, and the call itself says only that it took too long."""
        if error.code() in _FORBIDDEN:
            self._last = error

    def _fault(self, error: KafkaException, what: str) -> EventsError:
        code = self._last.code() if self._last is not None else _code(error)
        if code in _FORBIDDEN:
            return EventsError(
                f"The brokers at {self.brokers} refuse to {what}: check WORKFLOW_KAFKA_USERNAME and _PASSWORD, and "
                "that the user may Describe, Create, Alter, AlterConfigs and Delete these topics."
            )
        if code in _AWAY:
            return EventsError(
                f"No broker answers at {self.brokers}: start it, or correct WORKFLOW_KAFKA_BROKERS or --brokers "
                "(and WORKFLOW_KAFKA_PROTOCOL, if it asks for TLS)."
            )
        return EventsError(f"The brokers at {self.brokers} did not {what}: {error.args[0].str()}.")


def _code(error: KafkaException) -> int:
    code: int = error.args[0].code()
    return code
