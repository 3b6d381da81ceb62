"""What of the twin the shared contract does not reach."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from adapters.fhir.base import Entry
from adapters.fhir.instants import compare, precise
from adapters.fhir.memory import MemoryFhir
from domain.errors import Defect, NotFound
from domain.json import Resource

DAY = "2026-12-01"


def put(resource: Resource) -> Entry:
    return Entry("PUT", f"{resource['resourceType']}/{resource['id']}", resource)


async def test_time_is_the_given_one() -> None:
    fhir = MemoryFhir(now=lambda: datetime(2026, 5, 2, 11, 1, tzinfo=UTC))
    [stored] = await fhir.transaction([put({"resourceType": "Patient", "id": "a"})])
    assert stored["meta"]["lastUpdated"] == "2026-05-02T11:01:00.000+00:00"


async def test_what_is_returned_can_be_changed_without_harm() -> None:
    fhir = MemoryFhir()
    [stored] = await fhir.transaction([put({"resourceType": "Patient", "id": "a", "active": True})])
    stored["active"] = False
    (await fhir.read("Patient/a"))["active"] = False
    (await fhir.search("Patient", {})).matches[0]["active"] = False
    assert (await fhir.read("Patient/a"))["active"] is True


async def test_a_deleted_version_can_still_be_read_by_number() -> None:
    fhir = MemoryFhir()
    await fhir.transaction([put({"resourceType": "Patient", "id": "a"})])
    await fhir.transaction([Entry("DELETE", "Patient/a")])
    assert (await fhir.read("Patient/a/_history/1"))["id"] == "a"
    with pytest.raises(NotFound):
        await fhir.read("Patient/a/_history/2")
    [again] = await fhir.transaction([Entry("PUT", "Patient/a", {"resourceType": "Patient", "id": "a"}, True)])
    assert again["meta"]["versionId"] == "3"


async def test_what_lacks_the_sorted_field_comes_last_in_both_directions() -> None:
    fhir = MemoryFhir()
    plain: Resource = {"resourceType": "Task", "status": "requested", "intent": "order"}
    await fhir.transaction(
        [
            put({**plain, "id": "none"}),
            put({**plain, "id": "late", "restriction": {"period": {"end": "2026-12-02"}}}),
            put({**plain, "id": "early", "restriction": {"period": {"end": DAY}}}),
        ]
    )
    for order, expected in (("due", ["early", "late", "none"]), ("-due", ["late", "early", "none"])):
        assert [r["id"] for r in (await fhir.search("Task", {"_sort": order})).matches] == expected
    missing = await fhir.search("Task", {"due:missing": "true"})
    assert [r["id"] for r in missing.matches] == ["none"]


async def test_a_search_in_a_transaction_sees_its_writes() -> None:
    fhir = MemoryFhir()
    [found, _] = await fhir.transaction(
        [Entry("GET", "Patient?active=true"), put({"resourceType": "Patient", "id": "a", "active": True})]
    )
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["a"]


@pytest.mark.parametrize(
    ("has", "wanted", "expected"),
    [
        (DAY, "2026-12-01", True),
        (DAY, "2026-12", True),
        (DAY, "2026", True),
        ("2026-12", DAY, False),
        ("2026-12-01T23:30:00-05:00", "2026-12-02", True),
        (DAY, "lt2026-12-01", False),
        (DAY, "le2026-12-01", True),
        (DAY, "ge2026-12-01T12:00:00Z", True),
        (DAY, "gt2026-12-01", False),
        ("2026-12-01T10:00:00.500Z", "gt2026-12-01T10:00:00Z", False),
    ],
)
def test_dates_mean_spans(has: str, wanted: str, expected: bool) -> None:
    assert compare(precise(has), wanted) is expected


def test_an_open_period_reaches_to_the_end_of_time() -> None:
    assert compare(precise({"start": DAY}), "gt2100-01-01")
    assert not compare(precise({"end": DAY}), "gt2100-01-01")


@pytest.mark.parametrize("value", ["tomorrow", "2026-13-01", "ne2026-12-01", "2026-12-01T"])
def test_what_is_no_date_is_refused_without_its_value(value: str) -> None:
    with pytest.raises(Defect, match="fhir-refused") as caught:
        compare(precise(DAY), value)
    assert value not in str(caught.value)
