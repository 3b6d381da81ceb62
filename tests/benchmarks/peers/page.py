"""The rows as a page, ``peers.md``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.peers.aims import Outcome, Row, judge

ORDER: Final = (
    "host",
    "host-http",
    "dbos-wal",
    "dbos-wal-sync",
    "dbos-full",
    "durabletask-memory",
    "temporal",
)
VERDICTS: Final = {True: "met", False: "**not met**", None: "–"}
METHOD: Final = Path(__file__).parent / "method.md"


def lines(report: dict[str, Any]) -> str:
    """The page. ``report``: with the keys ``rows`` and ``peers``."""
    rows, about = report["rows"], report["peers"]
    outcomes = judge(rows, about["cores"])
    versions = ", ".join(f"{name} {version}" for name, version in sorted(about["versions"].items()))
    return "\n".join(
        [
            "# The embedded host beside other engines",
            "",
            f"Made by `make bench` on {about['cores']} cores, load {about['load'][0]:.1f} at first and",
            f"{about['load'][1]:.1f} at the end. {versions}.",
            "Times depend on the machine and its load; compare figures of one report only.",
            "",
            "![how many times better the host is than each peer](peers.svg)",
            "",
            "## Aims",
            "",
            "| workload | metric | host | best peer | ratio | aim | |",
            "|---|---|---|---|---|---|---|",
            *map(_aim, outcomes),
            "",
            *_unmet(outcomes, report.get("reasons", {})),
            "## All figures",
            "",
            *_table([row for row in rows if not _of_scale(row)]),
            "",
            "Medians; in brackets the number of runs where it isn't three: what takes over 45 s is run once, and time",
            "is limited.",
            "",
            "## How the host's cost grows",
            "",
            *_table([row for row in rows if _of_scale(row)]),
            "",
            METHOD.read_text().rstrip(),
            *(["", *(f"- Not measured: {note}." for note in about["notes"])] if about["notes"] else []),
            "",
        ]
    )


def _aim(outcome: Outcome) -> str:
    best = f"{outcome.best['value']:g} ({outcome.best['engine']})" if outcome.best else "–"
    ratio = "–" if outcome.ratio is None else f"{outcome.ratio:.2f}"
    ours = "–" if outcome.ours is None else f"{outcome.ours:g}"
    aim = outcome.aim
    return f"| {aim.workload} | {aim.metric} | {ours} | {best} | {ratio} | {outcome.words} | {VERDICTS[outcome.met]} |"


def _unmet(outcomes: Sequence[Outcome], reasons: dict[str, str]) -> list[str]:
    """A sentence for each aim that is not met, with its reason as far as the report has one."""
    missed = [outcome for outcome in outcomes if outcome.met is False]
    said = [f"- {each.name}, {each.words}: {reasons.get(each.name, 'not met.')}" for each in missed]
    return [*said, ""] if said else []


def _of_scale(row: Row) -> bool:
    return str(row["workload"])[0].isdigit()


def _table(rows: Sequence[Row]) -> list[str]:
    engines = [engine for engine in ORDER if any(row["engine"] == engine for row in rows)]
    values = {(row["workload"], row["metric"], row["engine"]): row for row in rows}
    keys = dict.fromkeys((row["workload"], row["metric"]) for row in sorted(rows, key=_place))
    return [
        f"| workload | metric | {' | '.join(engines)} |",
        "|---" * (len(engines) + 2) + "|",
        *(f"| {' | '.join([*key, *(_cell(values.get((*key, engine))) for engine in engines)])} |" for key in keys),
    ]


def _place(row: Row) -> tuple[int, str, int]:
    """W1 to W6, flushes, then by size."""
    name = str(row["workload"])
    size, _, what = name.partition(" ")
    return (2, what, int(size)) if name[0].isdigit() else (name == "flushes", name, 0)


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    return f"{row['value']:g}" + (f" ({row['runs']})" if row.get("runs", 3) != 3 else "")
