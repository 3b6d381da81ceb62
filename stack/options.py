"""What the local stack can be told, and how it complains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CACHE: Final = ROOT / ".cache" / "stack"
"""Built servers and their class archives. Can be deleted at any time while nothing runs."""
DATA: Final = ROOT / ".data"
FHIR_PORT: Final = 18480
RULES_PORT: Final = 18080
KAFKA_PORT: Final = 19092
REGISTRY_PORT: Final = 19081
CAMUNDA_PORT: Final = 18088
NAMES: Final = ("rules", "fhir", "kafka", "registry")
"""The servers that start unless told otherwise."""
CAMUNDA: Final = ("camunda",)
"""Camunda 8: the engine alone. Opt-in, because of its size and its licence."""
CAMUNDA_FULL: Final = ("opensearch", "camunda", "webapps")
"""Camunda 8 with Operate and Tasklist, which read OpenSearch."""
ALL: Final = NAMES + CAMUNDA_FULL


class StackError(Exception):
    """The stack cannot do what was asked; the message is one sentence for the person at the keyboard."""


class ToolMissing(StackError):
    """This machine has no JDK or no Maven that would do."""


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one stack. Two stacks may run beside each other with another ``data`` and other ports."""

    data: Path = DATA
    """Databases, topics, process ids and logs."""
    only: tuple[str, ...] = NAMES
    """Which servers: ``NAMES``, with Camunda ``NAMES + CAMUNDA`` or ``NAMES + CAMUNDA_FULL``, or some of them."""
    fhir_port: int = FHIR_PORT
    rules_port: int = RULES_PORT
    kafka_port: int = KAFKA_PORT
    registry_port: int = REGISTRY_PORT
    camunda_port: int = CAMUNDA_PORT
    """REST."""
    camunda_grpc_port: int = 26500
    camunda_command_port: int = 26501
    camunda_internal_port: int = 26502
    camunda_management_port: int = 19600
    """Health, metrics, and the clock when it is controlled."""
    webapps_port: int = 18089
    """Operate and Tasklist, for browsers."""
    webapps_management_port: int = 19601
    opensearch_port: int = 19200
    opensearch_transport_port: int = 19300
    camunda_exporter_url: str | None = None
    """Where the engine sends its records, in Elasticsearch's bulk format."""
    camunda_exporter_kinds: tuple[str, ...] = ()
    """Kinds of records that it sends there, named as in its exporter's ``index`` settings; none named: all."""
    camunda_warm: bool = False
    """Whether the engine's code is compiled to the end: faster when it has run for minutes, slower until then."""
    camunda_clock_controlled: bool = False
    """Whether tests may move the engine's clock."""
    rulesets: Path = ROOT / "rules" / "rulesets"
    """The folder of rulesets that the rules service loads and watches."""
    ready_seconds: float = 240.0
    """How long a server may take to become ready."""
    stop_seconds: float = 60.0
    """How long a server may take to stop before it is killed. The first stop writes the class archive: 10 s or more."""
