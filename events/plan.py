"""What has to change so that a cluster and a registry are as the files say. Pure: nothing is asked or done here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from domain.events.catalog import EventType
from events.cluster import Found
from events.compatibility import Schema, breaks
from events.registry import COMPATIBILITY
from events.spec import Catalog

_LOSS: Final = "its records would be deleted; FORCE=1 does it"
_SHRINK: Final = "Kafka can't take partitions away, with FORCE=1 neither: create a topic of another name and move to it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing to change; its text is a line of the diff."""

    refusal: str | None = None
    """Why it is not done without force."""
    impossible: bool = False
    """Not done with force either."""


@dataclass(frozen=True, slots=True)
class Create(Change):
    """A topic is missing."""

    topic: str
    partitions: int
    configs: Mapping[str, str]

    def __str__(self) -> str:
        settings = ", ".join(f"{name} {_shown(name, value)}" for name, value in self.configs.items())
        return f"+ topic {self.topic}: partitions {self.partitions}, {settings}"


@dataclass(frozen=True, slots=True)
class Configure(Change):
    """A setting of a topic is another."""

    topic: str
    name: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"~ topic {self.topic}: {self.name} {_shown(self.name, self.old)} -> {_shown(self.name, self.new)}"


@dataclass(frozen=True, slots=True)
class Resize(Change):
    """A topic has another number of partitions."""

    topic: str
    old: int
    new: int

    def __str__(self) -> str:
        return f"~ topic {self.topic}: partitions {self.old} -> {self.new}"


@dataclass(frozen=True, slots=True)
class Delete(Change):
    """A topic of ours stands in the file no longer."""

    topic: str

    def __str__(self) -> str:
        return f"- topic {self.topic}"


@dataclass(frozen=True, slots=True)
class Require(Change):
    """A subject is not checked for compatibility as it should be."""

    subject: str
    old: str | None

    def __str__(self) -> str:
        return f"~ schema {self.subject}: compatibility {self.old or 'not set'} -> {COMPATIBILITY}"


@dataclass(frozen=True, slots=True)
class Register(Change):
    """A version of a schema is missing."""

    subject: str
    version: int
    schema: Schema

    def __str__(self) -> str:
        return f"+ schema {self.subject}: version {self.version}"


def topic_changes(wanted: Catalog, found: Mapping[str, Found], replication: int) -> list[Change]:
    """Topics that are missing, other than they should be, or too many."""
    changes: list[Change] = []
    for name, spec in wanted.topics.items():
        configs = wanted.wanted(name, replication)
        if name not in found:
            changes.append(Create(name, spec.partitions, configs))
            continue
        if found[name].partitions != spec.partitions:
            changes.append(_resize(name, found[name].partitions, spec.partitions))
        changes += _configure(name, found[name].configs, configs)
    return changes + [Delete(name, refusal=_LOSS) for name in sorted(found.keys() - wanted.topics.keys())]


def schema_changes(
    event: EventType, files: Mapping[int, Schema], level: str | None, latest: Schema | None
) -> Iterator[Change]:
    """What the registry lacks of one type. ``level``: the compatibility that it requires; ``latest``: the newest schema
    that it has. Versions after that are registered: its ``$id`` ends with its number."""
    if level != COMPATIBILITY:
        yield Require(event.name, level)
    known, newest = _number(latest), max(files)
    if latest == files[newest] or known > newest:
        return
    before = latest
    for version in sorted(number for number in files if number > known) or [newest]:
        if before and (broken := breaks(before, files[version])):
            reason = f"it breaks the version before ({'; '.join(broken)}): only optional fields may be added"
            yield Register(event.name, version, files[version], refusal=reason, impossible=True)
            return
        yield Register(event.name, version, files[version])
        before = files[version]


def _number(schema: Schema | None) -> int:
    text = str((schema or {}).get("$id", "")).rpartition(":")[2]
    return int(text) if text.isdecimal() else 0


def _resize(name: str, old: int, new: int) -> Resize:
    return Resize(name, old, new, refusal=_SHRINK, impossible=True) if new < old else Resize(name, old, new)


def _configure(name: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Configure]:
    """What the cluster does not tell of a topic, it does not have: that is left alone."""
    for key, value in wanted.items():
        if key in found and _meaning(found[key]) != _meaning(value):
            refusal = _LOSS if _loses(key, found[key], value) else None
            yield Configure(name, key, found[key], value, refusal=refusal)


def _loses(key: str, old: str, new: str) -> bool:
    return key == "cleanup.policy" or (key == "retention.ms" and _kept(new) < _kept(old))


def _kept(milliseconds: str) -> float:
    return float("inf") if int(milliseconds) < 0 else int(milliseconds)


def _meaning(value: str) -> list[str]:
    return sorted(value.split(","))


def _shown(name: str, value: str) -> str:
    if name.endswith(".ms") and int(value) >= 60_000:
        return f"{value} ({timedelta(milliseconds=int(value))})".replace(", 0:00:00", "")
    return value
