"""What ``report.py`` says of the mirror. Where Camunda is not built, that."""

from __future__ import annotations

from typing import Any, Final

PROTOTYPE: Final = 39
"""Durable events a second that the first mirror showed, on its own simple process."""
AIM: Final = 5 * PROTOTYPE
WAYS: Final = ("paced", "shared", "apart")
"""In which cases come (``cost.py``)."""
Row = tuple[str, str, str]
"""What, measured, aim."""


def rows(report: dict[str, Any]) -> list[Row]:
    """Of the table of all that has an aim."""
    mirror, cost = report.get("mirror", {}), report.get("mirror_cost", {})
    found: list[Row] = []
    for name, each in mirror.get("throughput", {}).items():
        what = f"mirror, durable events a second, {name} (the prototype: {PROTOTYPE})"
        found.append((what, f"{each['events_per_second']:.0f}", f"{AIM}"))
    if back := mirror.get("catch_up"):
        what = f"mirror, catch-up of {back['cases']} cases after an outage of Camunda"
        found.append((what, f"{back['seconds_to_exact']:.0f} s", "under 600 s"))
    for name in WAYS:
        if added := cost.get(name, {}).get("added_percent"):
            found.append((f"mirror, added to submit to decision, p50, {name}", f"{added['p50']} %", "under 5 %"))
            found.append((f"mirror, added to CPU of the app a case, {name}", f"{added['app_cpu_ms']} %", "under 5 %"))
    return found


def lines(report: dict[str, Any]) -> list[str]:
    """The sections."""
    return [*_mirror(report.get("mirror", {})), *_cost(report.get("mirror_cost", {}))]


def _mirror(mirror: dict[str, Any]) -> list[str]:
    if not mirror.get("throughput"):
        return ["## The mirror alone", "", f"Not measured. {mirror.get('skipped', '')}".rstrip(), ""]
    ways = {**mirror["throughput"], "own models, catch-up": mirror["catch_up"]}
    return [
        "## The mirror alone",
        "",
        "| cases | s | events a second | moves a second | CPU of the mirror | CPU of Camunda |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {each['seconds']} | {each['events_per_second']} | {each['moves_per_second']} "
            f"| {each['mirror_cpu_percent']} % | {each['camunda_cpu_percent']} % |"
            for name, each in ways.items()
        ),
        "",
        f"Load {mirror['load']} at first, {mirror['load_before_catch_up']} before the catch-up. CPU: 100 % is a core.",
        "Cases that have happened already, of a simulated engine, are shown to their end in a real Camunda whose",
        "code is compiled to the end: median of three rounds after those that warm it. A durable event is a step",
        "completed, an event raised, the start or the end of an instance; a move is a command that moves a token.",
        "`simple process` is of the kind that the prototype was measured on (`tests/benchmarks/simple.bpmn`).",
        "Catch-up: all cases happened while Camunda was away, and it comes back cold; timed until Camunda itself has",
        "reported the way of each.",
        "",
    ]


def _cost(cost: dict[str, Any]) -> list[str]:
    ways = {name: cost[name] for name in WAYS if "with" in cost.get(name, {})}
    if not ways:
        return ["## What the mirror costs a case", "", f"Not measured. {cost.get('skipped', '')}".rstrip(), ""]
    return [
        "## What the mirror costs a case",
        "",
        "| way | mirror | p50 (ms) | p95 (ms) | CPU of the app (ms) | of the mirror (ms) | of Camunda (ms) |",
        "|---|---|---|---|---|---|---|",
        *(_cost_row(name, kind, each[kind]) for name, each in ways.items() for kind in ("without", "with")),
        "",
        f"Load {cost['load']} at first. Cases of each kind: {ways[next(iter(ways))]['cases']}, decided at once,",
        "in blocks that take turns; without: Camunda and the mirror are stopped, and catch up before the next block.",
        "Milliseconds from `$submit` to the decision in its answer; CPU a case until it is closed and shown. `paced`:",
        "cases come at random, one in two seconds in the middle; all processes on all cores. `shared`: likewise, and a",
        "case follows the one before at once, so that no core is ever idle. `apart`: likewise, with Camunda and the",
        "mirror on the last core and all else on the others.",
        "",
    ]


def _cost_row(name: str, kind: str, each: dict[str, float]) -> str:
    cpu = f"{each['app_cpu_ms']} | {each['mirror_cpu_ms']} | {each['camunda_cpu_ms']}"
    return f"| {name} | {kind} | {each['p50']} | {each['p95']} | {cpu} |"
