"""A Kafka cluster in the test's own process: the mock of librdkafka, by its C API.

https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h. confluent-kafka reaches the mock only by a
setting, which leaves every new group waiting 3 s for more members, and it writes no header whose name is not UTF-8.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from pathlib import Path
from typing import Any, Final

import confluent_kafka

_PRODUCER: Final = 0
_END, _TOPIC, _PARTITION, _VALUE, _HEADERS = 0, 1, 3, 4, 10
"""Tags of ``rd_kafka_producev``."""
_FLUSH_MS: Final = 20_000


def _library() -> ctypes.CDLL:
    """The very library that confluent-kafka uses."""
    package = Path(confluent_kafka.__file__).parent
    bundled = [*package.parent.glob("confluent_kafka.libs/librdkafka*"), *package.glob(".dylibs/librdkafka*")]
    return ctypes.CDLL(str(bundled[0]) if bundled else ctypes.util.find_library("rdkafka"))


class Cluster:
    """One broker. Topics come to be with the first record, with 4 partitions."""

    def __init__(self) -> None:
        self._library = _library()
        self._handle = self._client({})
        self._cluster = self._call("rd_kafka_mock_cluster_new", self._handle, 1, gives=ctypes.c_void_p)
        self._call("rd_kafka_mock_group_initial_rebalance_delay_ms", self._cluster, 0)
        told = self._call("rd_kafka_mock_cluster_bootstraps", self._cluster, gives=ctypes.c_char_p)
        self.address = str(told.decode())

    def send_raw(self, topic: str, value: bytes, headers: dict[bytes, bytes]) -> None:
        """Write a record with any header names to partition 0."""
        producer = self._client({"bootstrap.servers": self.address})
        pairs = self._call("rd_kafka_headers_new", ctypes.c_size_t(len(headers)), gives=ctypes.c_void_p)
        for name, content in headers.items():
            sizes = ctypes.c_ssize_t(len(name)), ctypes.c_ssize_t(len(content))
            assert self._call("rd_kafka_header_add", pairs, name, sizes[0], content, sizes[1]) == 0
        what = (_TOPIC, topic.encode(), _PARTITION, ctypes.c_int32(0), _VALUE, value, ctypes.c_size_t(len(value)))
        assert self._call("rd_kafka_producev", producer, *what, _HEADERS, pairs, _END) == 0
        assert self._call("rd_kafka_flush", producer, _FLUSH_MS) == 0
        self._call("rd_kafka_destroy", producer)

    def close(self) -> None:
        """End it."""
        self._call("rd_kafka_mock_cluster_destroy", self._cluster)
        self._call("rd_kafka_destroy", self._handle)

    def _client(self, settings: dict[str, str]) -> ctypes.c_void_p:
        error = ctypes.create_string_buffer(512)
        configuration = self._call("rd_kafka_conf_new", gives=ctypes.c_void_p)
        for name, value in ({"log_level": "0"} | settings).items():
            given = (name.encode(), value.encode(), error, ctypes.c_size_t(512))
            assert self._call("rd_kafka_conf_set", configuration, *given) == 0, error.value
        made = self._call("rd_kafka_new", _PRODUCER, configuration, error, ctypes.c_size_t(512), gives=ctypes.c_void_p)
        assert made, error.value
        return ctypes.c_void_p(made.value)

    def _call(self, name: str, *arguments: Any, gives: Any = ctypes.c_int) -> Any:
        function = getattr(self._library, name)
        function.restype = gives
        answer = function(*arguments)
        return ctypes.c_void_p(answer) if gives is ctypes.c_void_p else answer
