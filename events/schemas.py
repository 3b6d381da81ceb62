"""The schemas of events: JSON Schema draft-07 files made of the models of ``domain.events.data``.

``events/schemas/<type>/<n>.json`` is version ``n`` of a type. ``released.txt`` holds the digests of the versions that
others may rely on: they never change again. Draft-07, because the registry checks evolution in it (Apicurio 3.3 answers
500 for 2020-12).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from domain.events.catalog import EVENTS, EventType
from events.compatibility import Schema, breaks
from events.errors import EventsError

FOLDER: Final = Path(__file__).parent / "schemas"
DIALECT: Final = "http://json-schema.org/draft-07/schema#"
_RELEASED: Final = "released.txt"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb ``schemas`` takes."""
    parser.add_argument("--release", action="store_true", help="freeze the newest versions: others rely on them now")


def run(parsed: argparse.Namespace) -> int:
    """write the schema files of changed models"""
    for path in write():
        print(f"wrote {path.relative_to(FOLDER.parent.parent)}")
    if parsed.release:
        for name in release():
            print(f"released {name}")
    return 0


def schema_of(event: EventType) -> Schema:
    """The schema of the newest version of ``event``, of its model."""
    made = event.data.model_json_schema()
    inlined = _inlined(made, made.pop("$defs", {}))
    return {"$schema": DIALECT, "$id": event.schema, **inlined}


def versions(event: EventType, folder: Path = FOLDER) -> dict[int, Schema]:
    """The versions of ``event`` in the files, oldest first."""
    paths = sorted((folder / event.name).glob("*.json"), key=lambda path: int(path.stem))
    return {int(path.stem): json.loads(path.read_text()) for path in paths}


def faults(events: Iterable[EventType] = EVENTS, folder: Path = FOLDER) -> list[str]:
    """What is wrong with the files: drift from the models, released files that changed, breaking changes."""
    return [fault for event in events for fault in _faults(event, folder)] + _touched(folder)


def write(events: Iterable[EventType] = EVENTS, folder: Path = FOLDER) -> list[Path]:
    """Write the newest version of each type whose model changed. Returns what was written. Raises ``EventsError`` for a
    breaking change, and for one to a released version."""
    written = []
    for event in events:
        path = _path(event, folder)
        if not _differs(event, folder):
            continue
        if _name(path) in _released(folder):
            raise EventsError(
                f"{event.name} differs from its released version {event.version}: "
                f"write version={event.version + 1} for it in domain/events/catalog.py and run again."
            )
        if broken := _broken({**versions(event, folder), event.version: schema_of(event)}):
            raise EventsError("\n".join(f"{event.name}: {line}" for line in broken) + f"\n{_ADVICE}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_text(schema_of(event)))
        written.append(path)
    return written


def release(events: Iterable[EventType] = EVENTS, folder: Path = FOLDER) -> list[str]:
    """Record the digest of every newest version. Returns the names that are new."""
    known = _released(folder)
    added = {_name(path): _digest(path) for event in events if _name(path := _path(event, folder)) not in known}
    lines = [f"{digest}  {name}\n" for name, digest in sorted({**known, **added}.items())]
    (folder / _RELEASED).write_text("".join(lines))
    return sorted(added)


_ADVICE: Final = "Only optional fields may be added; anything else is a new type of the next major version (.v2)."


def _faults(event: EventType, folder: Path) -> Iterator[str]:
    if _differs(event, folder):
        yield f"{event.name}: the model and version {event.version} differ; run python -m events schemas"
    found = versions(event, folder)
    if list(found) != list(range(1, event.version + 1)):
        yield f"{event.name}: the files are versions {list(found)}, and the catalog says {event.version}"
    yield from (f"{event.name}: {line}" for line in _broken(found))


def _differs(event: EventType, folder: Path) -> bool:
    """Whether the newest file is another than the model's. The wording of a released one may lag behind the model."""
    path, schema = _path(event, folder), schema_of(event)
    if _name(path) in _released(folder) and path.exists():
        stored = json.loads(path.read_text())
        return bool(breaks(stored, schema) or breaks(schema, stored))
    return not path.exists() or path.read_text() != _text(schema)


def _broken(found: dict[int, Schema]) -> list[str]:
    """Breaks between any two versions: who replays the log from its start meets them all."""
    return [
        f"version {later} breaks version {earlier}: {line}"
        for (earlier, old), (later, new) in combinations(sorted(found.items()), 2)
        for line in breaks(old, new)
    ]


def _touched(folder: Path) -> list[str]:
    """Released files that are gone or have other content."""
    return [
        f"{name} is released and may not change: restore it, and put the change into a new version"
        for name, digest in _released(folder).items()
        if not (folder / name).exists() or _digest(folder / name) != digest
    ]


def _released(folder: Path) -> dict[str, str]:
    path = folder / _RELEASED
    lines = path.read_text().splitlines() if path.exists() else []
    return {name: digest for digest, name in (line.split() for line in lines)}


def _path(event: EventType, folder: Path) -> Path:
    return folder / event.name / f"{event.version}.json"


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _text(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _inlined(node: Any, definitions: dict[str, Schema]) -> Any:
    """``node`` with what it refers to in place, and without the titles that repeat the names of fields."""
    if isinstance(node, list):
        return [_inlined(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined({**definitions[node["$ref"].rpartition("/")[2]], **_without(node, "$ref")}, definitions)
    if "properties" in node:
        fields = {name: _without(field, "title") for name, field in node["properties"].items()}
        node = {**node, "properties": fields}
    return {name: _inlined(value, definitions) for name, value in node.items()}


def _without(node: Schema, name: str) -> Schema:
    return {key: value for key, value in node.items() if key != name}
