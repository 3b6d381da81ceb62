"""Brings the models to Camunda, each version once, and in order: what is deployed last is what a message starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from adapters.camunda.base import Camunda
from mirror.store import Store


@dataclass(frozen=True, slots=True)
class Release:
    """One version of one process, and the files that it refers to."""

    process: str
    version: str
    name: str
    """Of its file."""
    text: bytes


async def deploy(camunda: Camunda, store: Store, releases: list[Release], beside: Mapping[str, bytes]) -> list[str]:
    """Deploy what Camunda does not have; ``beside``: forms and decisions, which go along with every model.

    A model that was deployed once is not sent again: an older file after a newer one would become the newest version.
    Returns the names of what was deployed. Raises ``Unavailable`` and ``Defect``.
    """
    done = []
    for release in sorted(releases, key=lambda each: (each.process, _order(each.version))):
        content = sha256(release.text + b"".join(name.encode() + text for name, text in sorted(beside.items())))
        known = store.definition(release.process, release.version)
        if known is not None and known[1] == content.hexdigest():
            continue
        found = await camunda.deploy({release.name: release.text, **beside})
        key = next(each.key for each in found if each.process == release.process)
        store.deployed(release.process, release.version, key, content.hexdigest())
        done.append(release.name)
    return done


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))
