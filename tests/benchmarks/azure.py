"""What carries over to Azure: the cost of a case in what any host of Durable Functions does for it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Any

from tests.support.costs import CASES, cost, record, replay_ms


def measure() -> dict[str, dict[str, float]]:
    """By kind of case: what ``costs.Cost`` counts, and the CPU milliseconds of replay."""
    return {case: asyncio.run(_measure(case)) for case in CASES}


async def _measure(case: str) -> dict[str, float]:
    recordings = await record(case)
    return {**asdict(cost(recordings)), "instances": len(recordings), "replay_cpu_ms": replay_ms(recordings)}


def lines(report: dict[str, Any]) -> list[str]:
    """The section of the page."""
    if not (found := report.get("azure")):
        return []
    return [
        "## What carries over to Azure",
        "",
        "| case | instances | history events | turns | activity calls | history | events replayed | replay CPU |",
        "|---|---|---|---|---|---|---|---|",
        *(f"| {case} | {_cells(each)} |" for case, each in found.items()),
        "",
        "Recorded from the whole app over the embedded host in memory; the events are those of the Durable Task",
        "Framework. `appealed`: with the case before it. Events replayed: what the SDK reads in all turns together,",
        "each from its whole history. Replay CPU: of the SDK and the orchestrators in these turns, without what the",
        "embedded host does to spare it. `tests/workflows/test_cost.py` fails when one of the counts grows.",
        "",
    ]


def _cells(each: dict[str, float]) -> str:
    counts = [f"{each[name]}" for name in ("instances", "events", "turns", "activities")]
    sizes = [f"{each['bytes'] / 1000:.1f} KB", f"{each['replayed']}", f"{each['replay_cpu_ms']:.1f} ms"]
    return " | ".join(counts + sizes)


if __name__ == "__main__":
    measured = measure()
    print(json.dumps(measured, indent=2))
    print("\n".join(lines({"azure": measured})))
