"""A case moved over its model by plain REST calls: what the mirror does from durable history, without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import httpx

from domain.process.routing import INITIAL
from mirror import connect
from tests.stack.servers import until

NOTHING: Final = {"version": "1.0.0", "items": []}
ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "check-eligibility": {"eligibility": "eligible"},
    "set-deadline": {"clockPolicies": NOTHING},
    "determine": {"outcome": "review", "determinations": NOTHING},
}
"""Step -> the routing variables that send a case to a person."""
CASE: Final = {
    "mirrored": 0,
    "lineOfBusiness": "commercial",
    "urgency": "standard",
    "due": "2026-12-01T04:59:59Z",
}


@dataclass(frozen=True)
class ByHand:
    """``engine``: the REST API, ``/v2``."""

    engine: httpx.Client

    def deploy(self) -> list[str]:
        """Deploy all that the mirror deploys. Returns the keys of the forms."""
        files = {each.name: each.text for each in connect.releases()} | dict(connect.beside())
        made = self._post("/deployments", files=[("resources", each) for each in files.items()])["deployments"]
        return [str(each["form"]["formKey"]) for each in made if "form" in each]

    def begin(self, case: str) -> int:
        """Start the case. Returns the key of its process instance, which stands at ``open-case``."""
        self.publish("prior-authorization.start", case, {**INITIAL, **CASE, "durableId": case})
        return int(self.job(case)["processInstanceKey"])

    def to_review(self, case: str) -> int:
        """Do one step after the other until the case waits for a person. Returns the key of the user task."""
        step = ""
        while step != "open-review":
            job = self.job(case)
            step = job["elementId"]
            self.complete(job, ANSWERS.get(step, {"task": f"{case}-task"} if step == "open-review" else {}))
        return self.user_task("clinical-review", int(job["processInstanceKey"]))

    def publish(self, name: str, correlation: str, variables: dict[str, Any]) -> None:
        """A message, once for a name and correlation."""
        message = {"name": name, "correlationKey": correlation, "messageId": f"{name}:{correlation}"}
        self._post("/messages/publication", json={**message, "timeToLive": 60_000, "variables": variables})

    def job(self, case: str, kind: str = "durable.step") -> dict[str, Any]:
        """The open job of the case, once there is one."""
        asked = {"type": kind, "timeout": 1000, "maxJobsToActivate": 20, "requestTimeout": 1000, "worker": "tests"}
        found: list[dict[str, Any]] = []

        def there() -> bool:
            jobs = self._post("/jobs/activation", json=asked)["jobs"]
            found.extend(each for each in jobs if each["variables"]["durableId"] == case)
            return bool(found)

        until(there)
        return found[0]

    def complete(self, job: dict[str, Any], variables: dict[str, Any] | None = None) -> None:
        """Complete the job."""
        self._post(f"/jobs/{job['key']}/completion", json={"variables": variables or {}})

    def user_task(self, element: str, instance: int | None = None, **filters: Any) -> int:
        """The key of the open user task at ``element``, once the search knows it."""
        return int(self.user_tasks(element, "CREATED", instance, **filters)[0]["key"])

    def user_tasks(self, element: str, state: str, instance: int | None = None, **filters: Any) -> list[dict[str, Any]]:
        """The user tasks at ``element`` in that state, once there is one."""
        wanted = {**filters, "state": state} | ({"processInstanceKey": instance} if instance else {})
        found: list[dict[str, Any]] = []

        def there() -> bool:
            tasks = self._post("/user-tasks/search", json={"filter": wanted})["items"]
            found.extend(each for each in tasks if each["elementId"] == element)
            return bool(found)

        until(there)
        return found

    def _post(self, path: str, **more: Any) -> Any:
        answer = self.engine.post(path, **more).raise_for_status()
        return answer.json() if answer.content else None
