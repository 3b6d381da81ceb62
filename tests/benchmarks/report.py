"""Writes what was measured: ``report.json`` for machines, ``README.md`` for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import azure, mirror_page
from tests.benchmarks.peers import page as peers_page
from tests.benchmarks.peers import plot

NAMES: Final = ("app", "fhir", "rules", "kafka", "registry")


REPORT: Final = "report.json"


def write(folder: Path, report: dict[str, Any]) -> None:
    """Replace the report in ``folder``. What an earlier run has measured is kept when this one has not."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / REPORT
    earlier = json.loads(target.read_text()) if target.exists() else {}
    rounded = earlier | _rounded(report)
    target.write_text(json.dumps(rounded, indent=2) + "\n")
    if "warm" in rounded:
        (folder / "README.md").write_text(page(rounded))
    if "rows" in rounded:
        (folder / "peers.md").write_text(peers_page.lines(rounded))
        (folder / "peers.svg").write_text(plot.svg(rounded["rows"]))


def page(report: dict[str, Any]) -> str:
    """The report as a page."""
    warm, latency, waiting = report["warm"], report["latency_ms"], report["waiting"]
    memory = warm["app_mb"] + warm["fhir_mb"] + warm["rules_mb"]
    events = report["events"]
    raw, ours = events["broker"], events["fixed, many"]
    rows = [
        ("`make run` to its table, built before, empty databases", f"{warm['seconds_to_table']} s", "under 90 s"),
        (
            "`make run ONCE=1`, clean clone, empty caches",
            f"{report.get('cold', {}).get('seconds_to_table', '–')} s",
            "",
        ),
        ("memory of app, FHIR server and rules service together", f"{memory:.0f} MB", "under 1,500 MB"),
        ("host with 1,000 open cases", f"{waiting['host_mb_open']} MB", "under 150 MB"),
        ("CPU of the host a case, five activities", f"{waiting['cpu_ms_per_case']} ms", ""),
        ("event to started instance, p50 above the broker's own", f"{ours['p50'] - raw['p50']:.1f} ms", "within 5 ms"),
        ("instances started by events, of a backlog", f"{ours['per_second']:.0f} a second", "at least 300"),
        ("host's share of submit to decision, p50", f"{latency['host']['p50']} ms", "under 30 ms"),
    ]
    lines = [
        "# Benchmarks",
        "",
        f"Made by `make bench` on {report['cores']} cores, Python {report['python']}, load {report['load']} at first.",
        "Times depend on the machine and its load; compare figures of one report only.",
        "",
        "| what | measured | aim |",
        "|---|---|---|",
        *(f"| {what} | {measured} | {aim} |" for what, measured, aim in rows + mirror_page.rows(report)),
        "",
        "The embedded host beside other engines: [peers.md](peers.md).",
        "",
        "## Submit to decision of an automatic case (ms)",
        "",
        "| part | p50 | p99 |",
        "|---|---|---|",
        *(f"| {name} | {each['p50']} | {each['p99']} |" for name, each in latency.items()),
        "",
        "`answer` is what the client waits for; `decision` ends when the decision is in FHIR. `host` is what the other",
        "parts leave: the embedded host, the SDK, app code, and the wait between two looks at the status.",
        "",
        "## From event to started instance",
        "",
        "| way | p50 (ms) | p99 (ms) | a second |",
        "|---|---|---|---|",
        *(f"| {name} | {each['p50']} | {each['p99']} | {each['per_second']} |" for name, each in events.items()),
        "",
        "`broker`: producer to consumer, nothing between. The ways are told in `tests/benchmarks/events.py`: the",
        "host's own manner, and the Kafka extension's defaults as the host emulates them. Latency at 50 events a",
        "second; throughput of 4,000 at once, until the first turn of each instance is stored.",
        "",
        "## Processes after the samples",
        "",
        "| process | memory (MB) | CPU (s) |",
        "|---|---|---|",
        *(f"| {name} | {warm[f'{name}_mb']} | {warm[f'{name}_cpu_seconds']} |" for name in NAMES),
        "",
        *azure.lines(report),
        *mirror_page.lines(report),
    ]
    return "\n".join(lines)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 1)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return value
