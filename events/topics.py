"""Brings a cluster and a registry to what the files say: ``make topics``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from domain.events.catalog import EVENTS, EventType
from events import connection, local, spec
from events.cluster import Cluster
from events.plan import Change, Configure, Create, Delete, Register, Require, Resize, schema_changes, topic_changes
from events.registry import Registry
from events.schemas import FOLDER, versions
from settings import settings

_NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Files:
    """What is applied."""

    topics: Path = spec.FILE
    schemas: Path = FOLDER
    events: Sequence[EventType] = EVENTS
    """The types whose schemas are registered."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run came to."""

    done: tuple[Change, ...] = ()
    """What was changed, or would be in a dry run."""
    refused: tuple[Change, ...] = ()
    """What was left as it is, each with its ``refusal``."""
    unsupported: tuple[str, ...] = ()
    """Settings that the cluster does not take."""


_OURS: Final = Files()


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb ``topics`` takes."""
    parser.add_argument("--brokers", help="host:port, separated by commas (WORKFLOW_KAFKA_BROKERS)")
    parser.add_argument("--registry", help="base URL of the registry's Confluent API (WORKFLOW_REGISTRY_URL), or none")
    parser.add_argument("--force", action="store_true", help="delete topics and records, where the files say so")
    parser.add_argument("--dry-run", action="store_true", help="show what would change")


def run(parsed: argparse.Namespace) -> int:
    """bring topics, schemas and their compatibility to what the files say"""
    brokers = parsed.brokers or settings().kafka_brokers
    url = parsed.registry or connection.registry_url()
    registry_url = None if url == _NONE else url
    if started := local.start(brokers, registry_url):
        print(f"{' and '.join(started)} did not run and keep running now; python -m stack stop ends them")
    report = apply(brokers, registry_url, force=parsed.force, dry=parsed.dry_run)
    for line in _lines(report, registry_url, dry=parsed.dry_run):
        print(line)
    return 1 if report.refused else 0


def apply(
    brokers: str,
    registry_url: str | None = None,
    *,
    force: bool = False,
    dry: bool = False,
    files: Files = _OURS,
) -> Report:
    """Create and change what is missing or other than the files say; again: changes nothing. What would lose records is
    refused without ``force``. ``registry_url`` ``None``: schemas are left alone. Raises ``EventsError``."""
    cluster = connection.cluster(brokers)
    wanted = spec.read(files.topics)
    with connection.registry(registry_url) if registry_url else nullcontext() as registry:
        changes = topic_changes(wanted, cluster.topics(wanted.prefixes), cluster.replication)
        if registry is not None:
            changes += _schema_changes(registry, files)
        refused = tuple(change for change in changes if change.refusal and (change.impossible or not force))
        done = tuple(change for change in changes if change not in refused)
        unsupported = [] if dry else [name for change in done for name in _carry_out(change, cluster, registry)]
    return Report(done, refused, tuple(unsupported))


def _schema_changes(registry: Registry, files: Files) -> list[Change]:
    return [
        change
        for event in files.events
        for change in schema_changes(
            event,
            versions(event, files.schemas),
            registry.compatibility(event.name),
            registry.latest(event.name),
        )
    ]


def _carry_out(change: Change, cluster: Cluster, registry: Registry | None) -> list[str]:
    """Returns the settings that the cluster does not take."""
    unsupported: list[str] = []
    match change:
        case Create():
            unsupported = cluster.create(change.topic, change.partitions, change.configs)
        case Configure():
            unsupported = cluster.alter(change.topic, {change.name: change.new})
        case Resize():
            cluster.grow(change.topic, change.new)
        case Delete():
            cluster.delete(change.topic)
        case Require() if registry:
            registry.require(change.subject)
        case Register() if registry:
            registry.register(change.subject, change.schema)
    return [f"{change.topic}: {name}" for name in unsupported if isinstance(change, Create | Configure)]


def _lines(report: Report, registry_url: str | None, *, dry: bool) -> Iterable[str]:
    """The report, as a person reads it."""
    yield from map(str, report.done)
    if any(isinstance(change, Resize) for change in report.done):
        yield "  keys move to other partitions: let the consumers reach the end before more is written"
    yield from (f"  not taken by this cluster: {each}" for each in report.unsupported)
    for change in report.refused:
        yield f"refused: {change}"
        yield f"  {change.refusal}"
    if registry_url is None:
        yield "schemas are left alone: no registry"
    if report.done:
        yield f"{len(report.done)} changes {'would be made' if dry else 'made'}"
    elif not report.refused:
        yield "nothing to do"
