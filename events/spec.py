"""What ``events/topics.yaml`` says: how each topic is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from events.errors import EventsError

FILE: Final = Path(__file__).parent / "topics.yaml"
_NAME: Final = r"^[a-z][a-z0-9.-]{0,200}$"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TopicSpec(_Part):
    """One topic."""

    owner: str
    """Who writes to it."""
    about: str
    """What it carries, and why it is kept so, in a sentence."""
    key: str
    """What its records are keyed by: those of one key keep their order."""
    partitions: int = Field(ge=1, le=100)
    retention: timedelta = Field(gt=timedelta(0))
    """How long a record is kept."""
    cleanup: Literal["delete", "compact,delete"]
    """``compact,delete``: of each key the newest record alone, and that no longer than ``retention``."""
    segment: timedelta | None = Field(default=None, gt=timedelta(0))
    """How old the newest segment gets before it may be cleaned; ``None``: as the broker has it."""

    @property
    def configs(self) -> dict[str, str]:
        """Its settings as Kafka names them (https://kafka.apache.org/documentation/#topicconfigs)."""
        segment = {} if self.segment is None else {"segment.ms": _milliseconds(self.segment)}
        return {"cleanup.policy": self.cleanup, "retention.ms": _milliseconds(self.retention), **segment}


class Catalog(_Part):
    """The whole file."""

    prefixes: tuple[str, ...] = Field(min_length=1)
    """What the names of the engine's topics begin with."""
    configs: dict[str, Annotated[str, Field(coerce_numbers_to_str=True)]] = {}
    """Settings of every topic."""
    topics: dict[Annotated[str, Field(pattern=_NAME)], TopicSpec]

    @model_validator(mode="after")
    def _ours(self) -> Catalog:
        strangers = [name for name in self.topics if not name.startswith(self.prefixes)]
        if strangers:
            raise ValueError(f"{', '.join(strangers)}: begins with none of the prefixes")
        return self

    def wanted(self, name: str, replication: int) -> Mapping[str, str]:
        """All settings of a topic, on a cluster that keeps so many copies of it."""
        safe = {"min.insync.replicas": "2"} if replication >= 3 else {}
        return {**self.configs, **self.topics[name].configs, **safe}


def read(path: Path = FILE) -> Catalog:
    """The topics. Raises ``EventsError`` that names every wrong place of the file."""
    try:
        return Catalog.model_validate(yaml.safe_load(path.read_text()))
    except yaml.YAMLError as error:
        raise EventsError(f"{path.name} is not YAML: {error}") from None
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise EventsError(f"{path.name} is wrong:\n" + "\n".join(lines)) from None


def _milliseconds(span: timedelta) -> str:
    return str(span // timedelta(milliseconds=1))
