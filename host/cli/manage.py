"""The verbs that look at instances and steer them. None but ``export`` shows an input or an output."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from host.cli.api import Api, Refused
from host.model import EventKind
from host.settings import StartupError

_ENDED_OTHERWISE = 410
"""Answer to a rewind of an instance that has ended, but not failed; it says nothing else."""
NOTHING_DELETED = 404
"""Answer to a purge by filter that no instance fits."""
_KIND_NAMES = {int(kind): kind.name.lower().replace("_", " ") for kind in EventKind}


def instances(options: argparse.Namespace) -> int:
    """A table of instances with why each waits; of one instance, all that is known of it."""
    if options.id:
        return _instance(options)
    query = {"top": str(options.top)}
    if options.status:
        query["runtimeStatus"] = options.status
    if options.prefix:
        query["instanceIdPrefix"] = options.prefix
    found = Api(options.data).admin("GET", "/instances", **query)
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    rows = [
        (each["instanceId"], each["name"], each["runtimeStatus"], each["lastUpdatedTime"], "; ".join(why(each)))
        for each in found
    ]
    table(("INSTANCE", "ORCHESTRATOR", "STATUS", "UPDATED", "WAITS FOR"), rows)
    if len(found) == options.top:
        print(f"({options.top} shown; there may be more: raise --top or narrow with --prefix, --status)")
    return 0


def _instance(options: argparse.Namespace) -> int:
    found = Api(options.data).admin("GET", f"/instances/{quote(options.id, safe='')}", replay="true")
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    version = f", version {found['version']}" if found["version"] else ""
    print(f"{found['instanceId']}: {found['name']}{version}, {found['runtimeStatus']}")
    print(f"created {found['createdTime']}, updated {found['lastUpdatedTime']}")
    for line in why(found):
        print(f"  {line}")
    for frame in (found["failure"] or {}).get("frames", ()):
        print(f"    {frame}")
    return 0


def why(instance: dict[str, Any]) -> list[str]:
    """What an instance waits for, or why it failed, in words."""
    if failure := instance["failure"]:
        return [_failed(failure, instance["instanceId"])]
    lines = [str(instance[key]) for key in ("blocked", "turn", "code") if instance[key]]
    lines += [f"event {name}" for name in instance["waitsForEvents"]]
    lines += instance["waitsForTasks"]
    return lines + [f"held event {name} ({count})" for name, count in instance["heldEvents"].items()]


def _failed(failure: dict[str, Any], instance_id: str) -> str:
    place = f" in {failure['of']}" if failure["of"] else ""
    of_child = f" of {failure['instanceId']}" if failure["instanceId"] not in (None, instance_id) else ""
    reason = f": {failure['reason']}" if failure["reason"] else ""
    return f"failed: {failure['type']}{place}{of_child}{reason}"


def history(options: argparse.Namespace) -> int:
    """The events of one instance, without values."""
    events = Api(options.data).admin("GET", f"/instances/{quote(options.id, safe='')}/history")
    table(("TIME", "EVENT", "TASK", "NAME", "FAILURE"), [_event_row(event) for event in events])
    return 0


def terminate(options: argparse.Namespace) -> int:
    """End an instance."""
    api = Api(options.data)
    api.manage("POST", f"/instances/{quote(options.id, safe='')}/terminate", reason=options.reason)
    print(f"{options.id} is told to terminate.")
    return 0


def rewind(options: argparse.Namespace) -> int:
    """Run a failed instance again from its last good step."""
    place = f"/instances/{quote(options.id, safe='')}"
    try:
        Api(options.data).manage("POST", f"{place}/rewind", reason=options.reason)
    except Refused as refused:
        if refused.status != _ENDED_OTHERWISE:
            raise
        raise StartupError("The instance has not failed: only a failed one can be rewound.") from None
    print(f"{options.id} is told to run again.")
    return 0


def purge(options: argparse.Namespace) -> int:
    """Forget one ended instance, or all that were created before an instant."""
    api = Api(options.data)
    if options.id:
        answer = api.manage("DELETE", f"/instances/{quote(options.id, safe='')}")
    else:
        answer = _purge_before(api, options.before)
    print(f"{answer['instancesDeleted']} purged.")
    return 0


def _purge_before(api: Api, before: datetime) -> Any:
    span = {"createdTimeFrom": "0001-01-01T00:00:00Z", "createdTimeTo": before.isoformat()}
    try:
        return api.manage("DELETE", "/instances", **span)
    except Refused as refused:
        if refused.status != NOTHING_DELETED:
            raise
        return {"instancesDeleted": 0}


def export(options: argparse.Namespace) -> int:
    """Write the recording of an instance, inputs included."""
    recording = Api(options.data).admin("GET", f"/instances/{quote(options.id, safe='')}/recording")
    text = json.dumps(recording, indent=1)
    if options.to:
        _write(options.to, text + "\n")
        print(f"{options.to}: {len(recording['history'])} events.")
    else:
        print(text)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StartupError(f"{path} cannot be written ({error.strerror}): name another file with --to.") from error


def advance(options: argparse.Namespace) -> int:
    """Move the virtual clock of a host that was started with ``--clock virtual``."""
    try:
        span = timedelta(days=options.days, hours=options.hours, minutes=options.minutes, seconds=options.seconds)
    except (ValueError, OverflowError):
        raise StartupError("Time cannot be moved by that much.") from None
    # All that falls due is done first, which may take long.
    answer = Api(options.data, patient=True).admin("POST", "/clock/advance", {"seconds": span.total_seconds()})
    print(f"It is now {answer['now']}.")
    return 0


def _event_row(event: dict[str, Any]) -> tuple[str, ...]:
    task = next((event[key] for key in ("TaskScheduledId", "TimerId") if key in event), event["EventId"])
    return (
        event["Timestamp"],
        _KIND_NAMES.get(event["EventType"], str(event["EventType"])),
        str(task) if task >= 0 else "",
        event.get("Name") or "",
        _failure(event.get("FailureDetails")),
    )


def _failure(details: dict[str, Any] | None) -> str:
    """Type of an exception, and the innermost of its frames."""
    if not details:
        return ""
    *_, innermost = details["StackTrace"].split("\n")
    return f"{details['ErrorType']} at {innermost}" if innermost else str(details["ErrorType"])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
