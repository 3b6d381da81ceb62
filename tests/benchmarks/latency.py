"""Submit to decision of an automatic case, split by the spans of one run: FHIR, rules, validation, and the rest."""

from __future__ import annotations

import json
import statistics
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any

from samples.client import Client
from samples.engine import SAMPLES, Engine

WARM_UP = 20
CASES = 100
BEFORE_DECISION = "activity:record_decision"


def measure(engine: Engine, spans: Path) -> dict[str, dict[str, float]]:
    """Milliseconds, p50 and p99: ``answer`` as the client sees it; ``decision`` from the request to the recorded
    decision, and of that ``fhir``, ``rules``, ``validation`` and ``host`` (what is left: host, SDK and app code)."""
    answers = _submit(engine)
    engine.stop_app()
    parts: dict[str, list[float]] = {"answer": answers}
    for trace in _traces(spans)[WARM_UP:]:
        for name, milliseconds in _split(trace).items():
            parts.setdefault(name, []).append(milliseconds)
    return {name: _percentiles(values) for name, values in parts.items()}


def _submit(engine: Engine) -> list[float]:
    bundle = json.loads((SAMPLES / "cases" / "approved-at-once.json").read_text())
    times = []
    with Client(engine) as client:
        for _ in range(WARM_UP + CASES):
            bundle["identifier"]["value"] = uuid.uuid4().hex
            answered = client.send("hillview-ehr", "/fhir/Claim/$submit", json.dumps(bundle).encode())
            assert answered.status == 200, answered.body
            times.append(answered.seconds * 1000)
    return times[WARM_UP:]


def _traces(spans: Path) -> list[list[dict[str, Any]]]:
    by_trace: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in spans.read_text().splitlines():
        span = json.loads(line)
        by_trace[span["trace"]].append(span)
    submitted = [each for each in by_trace.values() if any(s["name"].startswith("POST /fhir/Claim/$sub") for s in each)]
    return sorted(submitted, key=lambda each: min(span["start"] for span in each))


def _split(trace: list[dict[str, Any]]) -> dict[str, float]:
    begin = min(span["start"] for span in trace)
    end = next(span["end"] for span in trace if span["name"] == BEFORE_DECISION)
    shares = {"fhir": 0.0, "rules": 0.0, "validation": 0.0}
    for span in trace:
        system = "validation" if span["name"] == "validate" else span["name"].split(" ")[0]
        if system in shares and span["end"] <= end:
            shares[system] += (span["end"] - span["start"]) / 1e6
    whole = (end - begin) / 1e6
    return {"decision": whole, **shares, "host": whole - sum(shares.values())}


def _percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": statistics.median(ordered), "p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]}
