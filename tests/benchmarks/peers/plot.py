"""The plot of the page: how many times better the host is than each peer, on a logarithmic scale. SVG by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from tests.benchmarks.peers.aims import HOST, Row

SHOWN: Final = (
    ("W1", "instances/s"),
    ("W1", "CPU ms/instance"),
    ("W2", "p50 ms"),
    ("W2", "p99 ms"),
    ("W3a", "activities/s"),
    ("W3b", "activities/s"),
    ("W4", "seconds"),
    ("W5", "parked/s"),
    ("W5", "completed/s"),
    ("W5", "KB/parked"),
    ("W6", "seconds"),
    ("flushes", "flushes/instance"),
)
COLOURS: Final = {
    "dbos-wal": "#1f77b4",
    "dbos-wal-sync": "#17becf",
    "dbos-full": "#9467bd",
    "durabletask-memory": "#2ca02c",
    "temporal": "#d62728",
}
LEFT, WIDTH, LINE, TOP = 170, 520, 26, 60
TICKS: Final = (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100)
LEAST, MOST = 0.2, 150.0


@dataclass(frozen=True, slots=True)
class Dot:
    """A peer in a line of the plot."""

    line: int
    engine: str
    better: float
    """How many times the host is better."""


def dots(rows: Sequence[Row]) -> Iterator[Dot]:
    """What can be compared."""
    values = {(row["workload"], row["metric"], row["engine"]): row for row in rows}
    for line, (workload, metric) in enumerate(SHOWN):
        ours = values.get((workload, metric, HOST))
        for engine in COLOURS:
            theirs = values.get((workload, metric, engine))
            if ours is None or theirs is None or not ours["value"] or not theirs["value"]:
                continue
            ratio = ours["value"] / theirs["value"]
            yield Dot(line, engine, ratio if ours["better"] == "higher" else 1 / ratio)


def svg(rows: Sequence[Row]) -> str:
    """The plot as text."""
    bottom = TOP + LINE * len(SHOWN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 30}" height="{bottom + 40}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        *_legend(),
        *(_tick(tick, bottom) for tick in TICKS),
        *(
            f'<text x="{LEFT - 10}" y="{_y(line) + 4}" text-anchor="end">{escape(f"{workload} {metric}")}</text>'
            for line, (workload, metric) in enumerate(SHOWN)
        ),
        *(_dot(dot) for dot in dots(rows)),
        f'<text x="{LEFT}" y="{bottom + 34}">times better than the peer (right of 1: the host is ahead)</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _legend() -> Iterator[str]:
    for place, (engine, colour) in enumerate(COLOURS.items()):
        x = 20 + place * 145
        yield f'<circle cx="{x}" cy="20" r="5" fill="{colour}"/><text x="{x + 9}" y="24">{engine}</text>'


def _tick(value: float, bottom: int) -> str:
    x = _x(value)
    stroke = "black" if value == 1 else "#ddd"
    line = f'<line x1="{x}" y1="{TOP - 14}" x2="{x}" y2="{bottom}" stroke="{stroke}"/>'
    return f'{line}<text x="{x}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>'


def _dot(dot: Dot) -> str:
    title = f"{dot.engine}: {dot.better:.2f}"
    place = f'cx="{_x(dot.better)}" cy="{_y(dot.line)}" r="5"'
    return f'<circle {place} fill="{COLOURS[dot.engine]}" fill-opacity="0.8"><title>{title}</title></circle>'


def _x(value: float) -> float:
    inside = min(max(value, LEAST), MOST)
    return round(LEFT + WIDTH * math.log(inside / LEAST) / math.log(MOST / LEAST), 1)


def _y(line: int) -> int:
    return TOP + LINE * line
