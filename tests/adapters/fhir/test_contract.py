"""What every FHIR server must do for the engine: one suite, run on the twin and on the real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest

from adapters.fhir.base import Entry, Fhir
from adapters.fhir.http import HttpFhir
from adapters.fhir.memory import MemoryFhir
from domain.errors import Conflict, Defect, Malformed, NotFound
from domain.json import Resource


@pytest.fixture(params=["memory", pytest.param("http", marks=pytest.mark.integration)])
async def fhir(request: pytest.FixtureRequest) -> AsyncIterator[Fhir]:
    twin = request.param == "memory"
    server: Fhir = MemoryFhir() if twin else HttpFhir(request.getfixturevalue("servers").fhir_url)
    yield server
    await server.aclose()


def patient(resource_id: str, **fields: object) -> Resource:
    return {"resourceType": "Patient", "id": resource_id, **fields}


def task(**fields: object) -> Resource:
    return {"resourceType": "Task", "id": str(uuid4()), "status": "requested", "intent": "order", **fields}


def create(resource: Resource) -> Entry:
    return Entry("PUT", f"{resource['resourceType']}/{resource['id']}", resource, if_none_exist=True)


def put(resource: Resource, if_match: str | None = None) -> Entry:
    return Entry("PUT", f"{resource['resourceType']}/{resource['id']}", resource, if_match=if_match)


async def ids(fhir: Fhir, resource_type: str, **parameters: str | list[str]) -> list[str]:
    named = {name if name.startswith("_") else name.replace("_", "-"): value for name, value in parameters.items()}
    return [r["id"] for r in (await fhir.search(resource_type, named)).matches]


async def test_ready(fhir: Fhir) -> None:
    await fhir.ready()


async def test_a_write_is_read_back_with_version_and_time(fhir: Fhir) -> None:
    one = patient(str(uuid4()), active=True)
    [stored] = await fhir.transaction([create(one)])
    assert stored["meta"]["versionId"] == "1"
    assert stored["meta"]["lastUpdated"]
    assert stored == await fhir.read(f"Patient/{one['id']}")
    assert {k: v for k, v in stored.items() if k != "meta"} == one


async def test_versions_are_kept_newest_first(fhir: Fhir) -> None:
    one = patient(str(uuid4()), active=True)
    await fhir.transaction([create(one)])
    [second] = await fhir.transaction([put({**one, "active": False})])
    assert second["meta"]["versionId"] == "2"
    assert [v["active"] for v in await fhir.history(f"Patient/{one['id']}")] == [False, True]
    assert (await fhir.read(f"Patient/{one['id']}/_history/1"))["active"] is True


async def test_a_put_without_a_change_makes_no_version(fhir: Fhir) -> None:
    one = patient(str(uuid4()), active=True)
    await fhir.transaction([create(one)])
    [again] = await fhir.transaction([put(one)])
    assert again["meta"]["versionId"] == "1"


async def test_creating_what_exists_conflicts_and_writes_nothing(fhir: Fhir) -> None:
    one, other = patient(str(uuid4())), patient(str(uuid4()))
    await fhir.transaction([create(one)])
    with pytest.raises(Conflict) as caught:
        await fhir.transaction([create(other), create(one)])
    assert caught.value.code == "exists"
    with pytest.raises(NotFound):
        await fhir.read(f"Patient/{other['id']}")


async def test_of_two_creations_at_once_one_wins(fhir: Fhir) -> None:
    one = patient(str(uuid4()))
    beside = [patient(str(uuid4())) for _ in range(6)]
    results = await asyncio.gather(
        *(fhir.transaction([create(other), create(one)]) for other in beside), return_exceptions=True
    )
    lost = [r for r in results if isinstance(r, Conflict)]
    assert len(lost) == 5
    assert {error.code for error in lost} == {"exists"}
    written = await fhir.read_many([f"Patient/{other['id']}" for other in beside])
    assert sum(other is not None for other in written) == 1


async def test_a_stale_version_conflicts_and_writes_nothing(fhir: Fhir) -> None:
    one, other = patient(str(uuid4()), active=True), patient(str(uuid4()))
    await fhir.transaction([create(one)])
    [second] = await fhir.transaction([put({**one, "active": False}, if_match="1")])
    assert second["meta"]["versionId"] == "2"
    with pytest.raises(Conflict) as caught:
        await fhir.transaction([create(other), put({**one, "gender": "other"}, if_match="1")])
    assert caught.value.code == "stale"
    assert await fhir.read_many([f"Patient/{other['id']}"]) == [None]
    assert "gender" not in await fhir.read(f"Patient/{one['id']}")


async def test_results_stand_in_the_order_of_the_entries(fhir: Fhir) -> None:
    one, two = patient(str(uuid4())), patient(str(uuid4()))
    await fhir.transaction([create(two)])
    note = {"resourceType": "Communication", "status": "completed"}
    results = await fhir.transaction(
        [
            Entry("GET", f"Patient/{one['id']}"),
            create(one),
            Entry("POST", "Communication", note),
            Entry("DELETE", f"Patient/{two['id']}"),
        ]
    )
    assert [r.get("resourceType") for r in results] == ["Patient", "Patient", "Communication", None]
    assert results[0]["id"] == one["id"]
    assert results[2]["id"]
    assert results[3] == {}


async def test_what_was_deleted_is_not_found(fhir: Fhir) -> None:
    one = patient(str(uuid4()))
    await fhir.transaction([create(one)])
    await fhir.transaction([Entry("DELETE", f"Patient/{one['id']}")])
    with pytest.raises(NotFound):
        await fhir.read(f"Patient/{one['id']}")
    assert await ids(fhir, "Patient", _id=one["id"]) == []


@pytest.mark.parametrize("reference", ["Patient/no-such", "Patient/no-such/_history/1", "../metadata", "Patient/.."])
async def test_what_does_not_exist_is_not_found(fhir: Fhir, reference: str) -> None:
    with pytest.raises(NotFound):
        await fhir.read(reference)
    with pytest.raises(NotFound):
        await fhir.history(reference)


async def test_many_are_read_in_order(fhir: Fhir) -> None:
    one, two = patient(str(uuid4())), patient(str(uuid4()))
    await fhir.transaction([create(one), create(two)])
    wanted = [
        f"Patient/{two['id']}",
        "Patient/no-such",
        "http://elsewhere/Patient/1",
        f"Patient/{one['id']}/_history/1",
    ]
    found = await fhir.read_many(wanted)
    assert [r and r["id"] for r in found] == [two["id"], None, None, one["id"]]
    assert await fhir.read_many([]) == []


async def test_a_resource_must_be_what_its_url_says(fhir: Fhir) -> None:
    with pytest.raises(Defect, match="fhir-refused"):
        await fhir.transaction([Entry("PUT", f"Patient/{uuid4()}", patient("another"))])


async def test_coverage_by_subscriber_id_and_identifier_with_its_member(fhir: Fhir) -> None:
    member = f"M{uuid4().hex}"
    one = patient(str(uuid4()))
    coverage = {
        "resourceType": "Coverage",
        "id": str(uuid4()),
        "status": "active",
        "identifier": [{"system": "urn:workflow-engine:member-id", "value": member}],
        "subscriberId": member,
        "beneficiary": {"reference": f"Patient/{one['id']}"},
        "payor": [{"display": "the plan"}],
    }
    await fhir.transaction([create(one), create(coverage)])
    page = await fhir.search("Coverage", {"subscriber-id": member, "_include": "Coverage:beneficiary"})
    assert [r["id"] for r in page.matches] == [coverage["id"]]
    assert [r["id"] for r in page.included] == [one["id"]]
    assert await ids(fhir, "Coverage", identifier=f"urn:workflow-engine:member-id|{member}") == [coverage["id"]]
    assert await ids(fhir, "Coverage", identifier=f"urn:another|{member}") == []
    assert await ids(fhir, "Coverage", beneficiary=f"Patient/{one['id']}", status="cancelled") == []


async def test_a_chain_looks_at_what_a_reference_names(fhir: Fhir) -> None:
    number = uuid4().hex
    one = patient(str(uuid4()), identifier=[{"system": "urn:member", "value": number}])
    mine = task(**{"for": {"reference": f"Patient/{one['id']}"}})
    await fhir.transaction([create(one), create(mine)])
    found = await fhir.search("Task", {"patient.identifier": f"urn:member|{number}"})
    assert [r["id"] for r in found.matches] == [mine["id"]]


async def test_tasks_by_what_the_queue_filters(fhir: Fhir) -> None:
    owner = {"resourceType": "Practitioner", "id": str(uuid4())}
    asker = {"resourceType": "Organization", "id": str(uuid4()), "name": "A practice"}
    member = patient(str(uuid4()))
    mine = task(
        status="in-progress",
        code={"coding": [{"system": "urn:code", "code": "review"}]},
        businessStatus={"coding": [{"system": "urn:state", "code": "pended"}]},
        identifier=[{"system": "urn:case", "value": member["id"]}],
        owner={"reference": f"Practitioner/{owner['id']}"},
        requester={"reference": f"Organization/{asker['id']}"},
        **{"for": {"reference": f"Patient/{member['id']}"}},
    )
    other = task(identifier=[{"system": "urn:case", "value": str(uuid4())}])
    await fhir.transaction([create(owner), create(asker), create(member), create(mine), create(other)])
    case = f"urn:case|{member['id']}"
    queries: list[dict[str, str | list[str]]] = [
        {"identifier": case},
        {"owner": f"Practitioner/{owner['id']}"},
        {"requester": f"Organization/{asker['id']}"},
        {"patient": f"Patient/{member['id']}"},
        {"identifier": case, "code": "urn:code|review", "status": "requested,in-progress"},
        {"identifier": case, "business-status": "urn:state|pended"},
        {"identifier": [case, f"urn:nothing|x,{case}"]},
        {"identifier": case, "status:not": "completed"},
    ]
    for query in queries:
        assert [r["id"] for r in (await fhir.search("Task", query)).matches] == [mine["id"]], query
    nothing = {"identifier": case, "status": "completed"}
    assert (await fhir.search("Task", nothing)).matches == ()


async def test_tasks_by_due_page_by_page(fhir: Fhir) -> None:
    queue = uuid4().hex
    dues = ["2026-12-03T00:00:00Z", "2026-12-01T10:00:00-05:00", "2026-12-01T14:00:00Z", "2026-12-02", "2027-01-01"]
    tasks = [
        task(identifier=[{"system": "urn:queue", "value": queue}], restriction={"period": {"end": due}}) for due in dues
    ]
    await fhir.transaction([create(t) for t in tasks])
    sought: dict[str, str | list[str]] = {"identifier": f"urn:queue|{queue}", "_sort": "due", "_count": "2"}
    page = await fhir.search("Task", sought | {"_total": "accurate"})
    assert page.total == 5
    found = [r["id"] for r in page.matches]
    assert len(found) == 2
    while page.next:
        assert queue not in page.next
        page = await fhir.next_page(page.next)
        found += [r["id"] for r in page.matches]
    expected = [tasks[i]["id"] for i in (2, 1, 3, 0, 4)]
    assert found == expected
    assert [
        r["id"] for r in (await fhir.search("Task", sought | {"_sort": "-due", "_count": "9"})).matches
    ] == expected[::-1]
    late = await fhir.search("Task", sought | {"due": ["ge2026-12-02", "lt2027-01-01"], "_count": "9"})
    assert [r["id"] for r in late.matches] == [tasks[3]["id"], tasks[0]["id"]]


async def test_pages_keep_every_criterion(fhir: Fhir) -> None:
    queue = uuid4().hex
    tasks = [task(identifier=[{"system": "urn:queue", "value": queue}]) for _ in range(4)]
    await fhir.transaction([create(t) for t in tasks])
    soon = (datetime.now(timezone(timedelta(hours=2))) + timedelta(hours=1)).isoformat()
    sought = {"identifier": f"urn:queue|{queue}", "status": "requested,accepted", "_lastUpdated": f"lt{soon}"}
    page = await fhir.search("Task", {**sought, "_count": "3", "_sort": "-authored-on"})
    found = [r["id"] for r in page.matches]
    assert page.next is not None
    found += [r["id"] for r in (await fhir.next_page(page.next)).matches]
    assert sorted(found) == sorted(t["id"] for t in tasks)
    past = {**sought, "_lastUpdated": "lt2020-01-01T00:00:00+02:00"}
    assert (await fhir.search("Task", past)).matches == ()


async def test_tasks_of_a_case(fhir: Fhir) -> None:
    case = task(focus={"reference": f"Claim/{uuid4()}"})
    claim = {
        "resourceType": "Claim",
        "id": case["focus"]["reference"].removeprefix("Claim/"),
        "status": "active",
    }
    part = task(
        partOf=[{"reference": f"Task/{case['id']}"}],
        performerType=[{"coding": [{"system": "urn:queue", "code": case["id"]}]}],
    )
    await fhir.transaction([create(claim), create(case), create(part)])
    assert await ids(fhir, "Task", part_of=f"Task/{case['id']}", status="requested") == [part["id"]]
    assert await ids(fhir, "Task", focus=f"Claim/{claim['id']}") == [case["id"]]
    assert await ids(fhir, "Task", performer=f"urn:queue|{case['id']}") == [part["id"]]


async def test_a_subscription_is_only_stored(fhir: Fhir) -> None:
    topic = f"http://example.org/topic/{uuid4().hex}"
    subscription = {
        "resourceType": "Subscription",
        "id": str(uuid4()),
        "status": "active",
        "reason": "notices",
        "criteria": topic,
        "channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1:1/", "payload": "application/fhir+json"},
    }
    [stored] = await fhir.transaction([create(subscription)])
    assert stored["status"] == "active"
    assert await ids(fhir, "Subscription", status="active", criteria=topic) == [subscription["id"]]


async def test_sorted_by_last_update(fhir: Fhir) -> None:
    queue = uuid4().hex
    tasks = [task(identifier=[{"system": "urn:queue", "value": queue}]) for _ in range(3)]
    for one in tasks:
        await fhir.transaction([create(one)])
        await asyncio.sleep(0.005)
    found = await ids(fhir, "Task", identifier=f"urn:queue|{queue}")
    assert sorted(found) == sorted(t["id"] for t in tasks)
    newest = await fhir.search("Task", {"identifier": f"urn:queue|{queue}", "_sort": "-_lastUpdated"})
    assert [r["id"] for r in newest.matches] == [t["id"] for t in reversed(tasks)]


async def test_a_claim_response_by_its_request(fhir: Fhir) -> None:
    member = patient(str(uuid4()))
    concept = {"coding": [{"code": "professional"}]}
    common = {
        "status": "active",
        "type": concept,
        "use": "preauthorization",
        "patient": {"reference": f"Patient/{member['id']}"},
        "created": "2026-05-02T11:01:00Z",
        "insurer": {"display": "the plan"},
    }
    claim = {
        "resourceType": "Claim",
        "id": str(uuid4()),
        **common,
        "provider": {"display": "a practice"},
        "priority": concept,
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "a coverage"}}],
    }
    response = {
        "resourceType": "ClaimResponse",
        "id": str(uuid4()),
        **common,
        "request": {"reference": f"Claim/{claim['id']}"},
        "outcome": "queued",
    }
    await fhir.transaction([create(member), create(claim), create(response)])
    assert await ids(fhir, "ClaimResponse", request=f"Claim/{claim['id']}") == [response["id"]]
    assert await ids(fhir, "ClaimResponse", patient=f"Patient/{member['id']}") == [response["id"]]
    assert await ids(fhir, "Claim", patient=f"Patient/{member['id']}", use="claim") == []


async def test_an_audit_event_by_the_entity_in_any_version(fhir: Fhir) -> None:
    one = patient(str(uuid4()))
    await fhir.transaction([create(one)])
    event = {
        "resourceType": "AuditEvent",
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "recorded": "2026-05-02T11:01:00Z",
        "agent": [{"requestor": True}],
        "source": {"observer": {"display": "engine"}},
        "entity": [{"what": {"reference": f"Patient/{one['id']}/_history/1"}}],
    }
    [stored] = await fhir.transaction([Entry("POST", "AuditEvent", event)])
    assert await ids(fhir, "AuditEvent", entity=f"Patient/{one['id']}") == [stored["id"]]


async def test_a_received_bundle_is_kept_as_it_came(fhir: Fhir) -> None:
    bundle = {
        "resourceType": "Bundle",
        "id": str(uuid4()),
        "type": "collection",
        "entry": [{"fullUrl": "http://elsewhere/Patient/1", "resource": {"resourceType": "Patient", "id": "1"}}],
    }
    await fhir.transaction([create(bundle)])
    stored = await fhir.read(f"Bundle/{bundle['id']}")
    assert {k: v for k, v in stored.items() if k != "meta"} == bundle


async def test_a_reference_may_name_what_does_not_exist(fhir: Fhir) -> None:
    one = task(**{"for": {"reference": f"Patient/{uuid4()}"}, "focus": {"reference": "http://elsewhere/Claim/1"}})
    [stored] = await fhir.transaction([create(one)])
    assert stored["for"] == one["for"]


async def test_profiles_and_tags_stay_with_their_version(fhir: Fhir) -> None:
    meta = {"profile": ["http://example.org/p"], "tag": [{"system": "urn:tag", "code": "a"}]}
    one = patient(str(uuid4()), meta=meta)
    [stored] = await fhir.transaction([create(one)])
    assert {k: stored["meta"][k] for k in meta} == meta
    [changed] = await fhir.transaction([put(patient(one["id"], meta={"profile": ["http://example.org/q"]}))])
    assert changed["meta"]["profile"] == ["http://example.org/q"]
    assert "tag" not in changed["meta"]


async def test_an_unknown_parameter_is_refused_without_its_value(fhir: Fhir) -> None:
    with pytest.raises(Defect, match="fhir-refused") as caught:
        await fhir.search("Patient", {"no-such": "a secret"})
    assert "secret" not in str(caught.value)


async def test_a_page_token_is_good_for_its_scope_alone(fhir: Fhir) -> None:
    family = uuid4().hex
    names = [patient(str(uuid4()), name=[{"family": family}]) for _ in range(3)]
    await fhir.transaction([create(each) for each in names])
    page = await fhir.search("Patient", {"family": family, "_count": "1"}, "list Organization/a")
    assert page.next is not None
    for scope in ("", "list Organization/b", "list staff"):
        with pytest.raises(Malformed):
            await fhir.next_page(page.next, scope)
    second = await fhir.next_page(page.next, "list Organization/a")
    assert second.next is not None
    with pytest.raises(Malformed):
        await fhir.next_page(second.next)
    assert len((await fhir.next_page(second.next, "list Organization/a")).matches) == 1


async def test_a_foreign_page_token_is_refused(fhir: Fhir) -> None:
    for token in ("", "x", "UGF0aWVudD9faWQ9MQ"):
        with pytest.raises(Malformed):
            await fhir.next_page(token)
