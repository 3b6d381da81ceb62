"""What the real server refuses of the content, whatever status it answers; and that a race is none of that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

import stack
from adapters.fhir.base import Entry
from adapters.fhir.http import HttpFhir
from domain.errors import Conflict, Rejected
from domain.json import Json, Resource

pytestmark = pytest.mark.integration


@pytest.fixture
async def fhir(servers: stack.Servers) -> AsyncIterator[HttpFhir]:
    server = HttpFhir(servers.fhir_url)
    yield server
    await server.aclose()


def observation(**changes: Json) -> Resource:
    code = {"coding": [{"system": "http://loinc.org", "code": "59408-5"}]}
    return {"resourceType": "Observation", "id": str(uuid4()), "status": "final", "code": code, **changes}


def put(resource: Resource, **conditions: str | bool) -> Entry:
    return Entry("PUT", f"{resource['resourceType']}/{resource['id']}", resource, **conditions)  # type: ignore[arg-type]


REFUSED: dict[str, dict[str, Json]] = {
    "a code that there is not": {"status": "zebra"},
    "a profile that is too long": {"meta": {"profile": ["http://example.org/" + "p" * 600]}},
    "a system that is too long": {
        "valueQuantity": {"value": 1, "code": "%", "system": "http://example.org/" + "s" * 300}
    },
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("conditions", [{"if_none_exist": True}, {}], ids=["creation", "update"])
async def test_content_that_no_try_gets_through_is_refused_for_good(
    fhir: HttpFhir, changes: dict[str, Json], conditions: dict[str, bool]
) -> None:
    one = observation(**changes)
    with pytest.raises(Rejected) as caught:
        await fhir.transaction([put(one, **conditions)])
    assert (caught.value.code, isinstance(caught.value, Conflict)) == ("fhir-refused", False)
    assert await fhir.read_many([f"Observation/{one['id']}"]) == [None]


async def test_a_change_on_the_current_version_is_refused_for_its_content_alone(fhir: HttpFhir) -> None:
    one = observation()
    await fhir.transaction([put(one, if_none_exist=True)])
    long = {**one, **REFUSED["a profile that is too long"]}
    for version, code in (("1", "fhir-refused"), ("7", "stale")):
        with pytest.raises(Rejected) as caught:
            await fhir.transaction([put(long, if_match=version)])
        assert caught.value.code == code


async def test_writers_without_a_condition_all_get_through(fhir: HttpFhir) -> None:
    one = observation()
    tries = [put({**one, "issued": f"2026-11-23T15:00:0{number}Z"}) for number in range(4)]
    await asyncio.gather(*(fhir.transaction([each]) for each in tries))
    assert len(await fhir.history(f"Observation/{one['id']}")) == 4
