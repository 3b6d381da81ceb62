"""Histories of every way that a case can go, recorded from the whole app: ``python -m tests.support.recordings``.

Run it for a new version of an orchestrator only: the files of a released version stay as they are, because cases of
that version are under way somewhere and must go on with the code as it is now. (A rewound history is not among them:
a rewind takes events out of it.)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from adapters.fhir.base import Entry
from orchestrators.steps import BACKOFF
from tests.support.samples import SAMPLES, attachment, request
from tests.support.world import DIRECTOR, OPERATOR, OTHER_DIRECTOR, SUBMITTER, World, case_of, world

HISTORIES = Path(__file__).parents[1] / "histories"
DENY = {"decision": "deny", "reason": "criteria-not-met"}
VALUE = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}
SAMPLE_CASES = [
    one
    for one in json.loads((SAMPLES / "expected.json").read_text())
    if "file" in one and "state" in one["expect"] and one["operation"] == "$submit"
]

Way = Callable[[World], Awaitable[str]]
"""Drives a case and gives its instance id."""


def sample(one: dict[str, Any]) -> Way:
    """The sample with its reviewers' steps."""

    async def go(app: World) -> str:
        bundle = json.loads((SAMPLES / one["file"]).read_text())
        await app.submit(bundle, who=one["as"])
        for step in one["steps"]:
            assert (await app.decide(case_of(bundle), step["decision"], who=step["as"])).status == 200
        return case_of(bundle)

    return go


async def _submitted(app: World, name: str, **changes: Any) -> str:
    bundle = request(name, **changes)
    await app.submit(bundle)
    await app.settle()
    return case_of(bundle)


async def _sent(app: World, case: str, code: str = "59408-5") -> None:
    tracking = (await app.record(case)).tracking_number
    reply = await app.send("POST", "/fhir/$submit-attachment", attachment(tracking, code, VALUE), who=SUBMITTER)
    assert reply.status == 200
    await app.settle()


async def information_sent(app: World) -> str:
    """Asked for by rules, sent, approved."""
    case = await _submitted(app, "information-requested")
    await _sent(app, case)
    return case


async def information_sent_to_a_clock_that_stood_still(app: World) -> str:
    """Commercial: the deadline moves."""
    case = await _submitted(app, "information-requested", member="M1000002")
    await app.advance(days=12)
    await _sent(app, case)
    return case


async def information_that_never_came(app: World) -> str:
    """Asked for by rules, not sent, decided by a reviewer."""
    case = await _submitted(app, "information-requested")
    await app.advance(days=4)
    assert (await app.decide(case, {"decision": "approve"})).status == 200
    return case


async def a_reviewers_question(app: World) -> str:
    """Two rounds of review."""
    case = await _submitted(app, "denied-by-medical-director")
    assert (await app.decide(case, {"decision": "request-information", "information": ["34109-9"]})).status == 200
    await _sent(app, case, "34109-9")
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    return case


async def overdue_then_denied(app: World) -> str:
    """All escalations, the expiry, a late decision."""
    case = await _submitted(app, "denied-by-medical-director")
    await app.advance(days=30)
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    return case


async def overdue_then_appealed(app: World) -> str:
    """The first instance: it ends as it stands."""
    case = await _submitted(app, "denied-by-medical-director")
    await app.advance(days=8)
    name = (await app.response(case))["id"]
    assert (await app.send("POST", f"/fhir/ClaimResponse/{name}/$appeal", who=SUBMITTER)).status == 202
    await app.settle()
    return case


async def late_and_not_deemed(app: World) -> str:
    """Commercial: overdue, and decided after that."""
    case = await _submitted(app, "denied-by-medical-director", member="M1000002")
    await app.advance(days=8)
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    return case


async def open_review(app: World) -> str:
    """Still waits: what is under way when a new version comes."""
    case = await _submitted(app, "denied-by-medical-director")
    await app.advance(days=6)
    return case


async def parked_then_resumed(app: World) -> str:
    """The rules were away for long."""
    app.rules.available = False
    case = await _submitted(app, "approved-at-once")
    await app.advance(hours=1)
    app.rules.available = True
    assert (await app.send("POST", f"/cases/{case}/resume", who=OPERATOR)).status == 202
    await app.settle()
    return case


async def away_for_a_moment(app: World) -> str:
    """One step failed three times."""
    app.host.durable.fail("record_decision", 3, RuntimeError("unavailable:fhir"))
    case = await _submitted(app, "approved-at-once")
    await app.advance(seconds=sum(each.total_seconds() for each in BACKOFF))
    return case


async def _coverage(app: World, case: str, **period: str) -> None:
    """The member's coverage changes, and the case is told."""
    patient = str((await app.record(case)).patient)
    for coverage in await app.all("Coverage", beneficiary=patient):
        changed = {**coverage, "period": {"start": "2000-01-01", **period}}
        await app.fhir.transaction([Entry("PUT", f"Coverage/{coverage['id']}", changed)])
    await app.host.durable.raise_event(case, f"eligibility-changed:{await app.task(case)}")


async def coverage_ended_in_review(app: World) -> str:
    """The review is withdrawn."""
    case = await _submitted(app, "denied-by-medical-director")
    await _coverage(app, case, end="2025-12-31")
    return case


async def coverage_ended_while_information_was_awaited(app: World) -> str:
    """The question is withdrawn."""
    case = await _submitted(app, "information-requested")
    await _coverage(app, case, end="2025-12-31")
    return case


async def coverage_changed_and_goes_on(app: World) -> str:
    """Told twice, once with the rules away for a while; then decided."""
    case = await _submitted(app, "denied-by-medical-director")
    await _coverage(app, case)
    app.rules.available = False
    await _coverage(app, case, end="2030-12-31")
    app.rules.available = True
    await app.advance(hours=1)
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    return case


async def log_away_then_resumed(app: World) -> str:
    """Decided and told to the provider, parked with its events."""
    app.events.answers = False
    case = await _submitted(app, "approved-at-once")
    await app.advance(hours=1)
    app.events.answers = True
    assert (await app.send("POST", f"/cases/{case}/resume", who=OPERATOR)).status == 202
    await app.settle()
    return case


async def log_away_while_reviewed(app: World) -> str:
    """The log comes back while a reviewer is awaited; the expiry is told too."""
    app.events.answers = False
    case = await _submitted(app, "denied-by-medical-director")
    await app.advance(hours=6)
    app.events.answers = True
    await app.advance(days=8)
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    return case


async def appeal_overturned(app: World) -> str:
    """The appeal's own instance, decided after its first escalation."""
    case = await _submitted(app, "denied-by-medical-director")
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    await app.send("POST", f"/fhir/ClaimResponse/{(await app.response(case))['id']}/$appeal", who=SUBMITTER)
    await app.settle()
    (task,) = (await app.send("GET", "/tasks?queue=appeals", who=OTHER_DIRECTOR)).json["items"]
    await app.advance(days=20)
    assert (await app.decide(task["case"], {"decision": "approve"}, who=OTHER_DIRECTOR)).status == 200
    return str(task["case"])


WAYS: dict[str, Way] = {one["case"]: sample(one) for one in SAMPLE_CASES} | {
    way.__name__.replace("_", "-"): way
    for way in (
        information_sent,
        information_sent_to_a_clock_that_stood_still,
        information_that_never_came,
        a_reviewers_question,
        overdue_then_denied,
        overdue_then_appealed,
        late_and_not_deemed,
        open_review,
        parked_then_resumed,
        away_for_a_moment,
        coverage_ended_in_review,
        coverage_ended_while_information_was_awaited,
        coverage_changed_and_goes_on,
        log_away_then_resumed,
        log_away_while_reviewed,
        appeal_overturned,
    )
}


async def record(way: Way) -> dict[str, Any]:
    """The recording of one way."""
    async with world(answer_seconds=0.2) as app:
        return await app.host.durable.record(await way(app))


def written(recording: dict[str, Any]) -> str:
    """One line an event, so that a difference can be read; frames name files from here on."""
    head = {key: value for key, value in recording.items() if key != "history"}
    events = ",\n".join(json.dumps(event) for event in recording["history"])
    return f'{json.dumps(head)[:-1]}, "history": [\n{events}\n]}}\n'.replace(f"{Path.cwd()}/", "")


async def _main() -> None:
    for name, way in WAYS.items():
        recording = await record(way)
        target = HISTORIES / recording["version"] / f"{name}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(written(recording))
        print(f"{target.relative_to(Path.cwd())}: {len(recording['history'])} events")


if __name__ == "__main__":
    asyncio.run(_main())
