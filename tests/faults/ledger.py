"""What the FHIR server holds of a case: how often each thing was written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from domain.case import resource_id
from domain.codes import CASE_ID, TASK_CODE, TaskCode
from domain.json import Resource
from samples.response import told

PENDED = "A4"
READ = "R"
"""AuditEvent.action of reads: as many as somebody looked."""
REVIEWING = "review"
"""The step in which reviewers claim, decide and are refused."""


@dataclass(frozen=True)
class Trail:
    """One case."""

    decisions: int
    """Versions of its ClaimResponse that decide."""
    versions: int
    """All versions of its ClaimResponse."""
    records: int
    """Case Tasks with its business key."""
    reviews: int
    """Reviews that are open."""
    steps: dict[str, int]
    """AuditEvents of writing steps, without what people read and what reviewers do in their Task."""


AUTOMATIC = Trail(1, 2, 1, 0, {"submit": 1, "record-decision": 1, "notify-provider": 1, "close-case": 1})
"""What an undisturbed automatic case leaves."""
IN_REVIEW = Trail(0, 1, 1, 1, {"submit": 1, "open-review": 1})
"""What an undisturbed case in review has left so far."""
REVIEWED = Trail(
    1,
    2,
    1,
    0,
    {
        "submit": 1,
        "open-review": 1,
        "take-decision": 1,
        "record-decision": 1,
        "notify-provider": 1,
        "close-case": 1,
    },
)
"""What a case leaves that a reviewer decided."""
INFORMED = Trail(
    1,
    3,
    1,
    0,
    {
        "submit": 1,
        "request-information": 1,
        "attach": 1,
        "record-decision": 1,
        "notify-provider": 2,
        "close-case": 1,
    },
)
"""What a case leaves that was decided by rules when its provider had sent what was asked for."""


class Ledger:
    """Reads one FHIR server. Knows what was written since it was opened."""

    def __init__(self, fhir_url: str) -> None:
        headers = {"Cache-Control": "no-cache", "Accept": "application/fhir+json"}
        self._http = httpx.Client(base_url=fhir_url, timeout=60, trust_env=False, headers=headers)
        self._since = datetime.now(UTC)

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def trails(self, cases: Iterable[str]) -> dict[str, Trail]:
        """Each case as it stands."""
        steps = self._steps()
        return {case: self._trail(case, steps[case]) for case in cases}

    def rewritten(self) -> int:
        """AuditEvents that a step wrote a second time: its first run had committed and nobody knew."""
        return sum(event["meta"]["versionId"] != "1" for event in self._events())

    def _trail(self, case: str, steps: Counter[str]) -> Trail:
        history = self._get(f"ClaimResponse/{resource_id(case, 'claim-response')}/_history")
        versions = [entry["resource"] for entry in history["entry"]]
        records = self._search(
            "Task", identifier=f"{CASE_ID}|{case}", code=f"{TASK_CODE}|{TaskCode.PRIOR_AUTHORIZATION}"
        )
        reviews = self._search(
            "Task",
            **{
                "part-of": f"Task/{resource_id(case, 'case')}",
                "code": f"{TASK_CODE}|{TaskCode.CLINICAL_REVIEW}",
                "status": "requested,in-progress",
            },
        )
        decisions = sum(_decides(version) for version in versions)
        return Trail(decisions, len(versions), len(list(records)), len(list(reviews)), dict(steps))

    def _steps(self) -> defaultdict[str, Counter[str]]:
        """AuditEvents by case and step."""
        steps: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for event in self._events():
            of_case = event["entity"][0]
            case, step = of_case["what"]["identifier"]["value"], of_case["detail"][0]["valueString"]
            if event["action"] != READ and step != REVIEWING:
                steps[case][step] += 1
        return steps

    def _events(self) -> Iterator[Resource]:
        return self._search("AuditEvent", _lastUpdated=f"ge{self._since.isoformat()}")

    def _search(self, kind: str, **parameters: str) -> Iterator[Resource]:
        page = self._get(kind, {**parameters, "_count": "500"})
        while True:
            for entry in page.get("entry", []):
                yield entry["resource"]
            following = [link["url"] for link in page["link"] if link["relation"] == "next"]
            if not following:
                return
            page = self._get(following[0])

    def _get(self, path: str, parameters: dict[str, str] | None = None) -> dict[str, Any]:
        answer = self._http.get(path, params=parameters)
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body


def _decides(response: Resource) -> bool:
    says = told({"entry": [{"resource": response}]})
    return bool(says["reject"]) or any(action != PENDED for action in says["actions"].values())
