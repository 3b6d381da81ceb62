"""What an event checks in, on the real FHIR server: a Binary as it stores it, and the mark on a Task."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

import stack
from adapters.fhir.base import Entry
from adapters.fhir.http import HttpFhir
from domain.binary import content
from domain.errors import NotFound
from domain.events.cloud_event import Attributes
from domain.events.mark import mark, mark_token, marked
from domain.json import Resource
from tests.support.incoming import put_binary

pytestmark = pytest.mark.integration
OWNER = "Organization/lakeside-clinic"
BODY = b'{"resourceType": "Bundle", "note": "\xc3\xa4"}'


@pytest.fixture
async def fhir(servers: stack.Servers) -> AsyncIterator[HttpFhir]:
    adapter = HttpFhir(servers.fhir_url)
    yield adapter
    await adapter.aclose()


async def _read(fhir: HttpFhir, reference: str) -> Resource | None:
    (found,) = await fhir.read_many([reference])
    return found


@pytest.mark.parametrize("kind", ["application/fhir+json", "application/json", "application/fhir+json; charset=utf-8"])
async def test_a_binary_comes_as_a_resource_whatever_it_holds(fhir: HttpFhir, kind: str) -> None:
    reference = await put_binary(fhir, BODY, OWNER, kind=kind)
    binary = await _read(fhir, reference)
    assert content(binary, OWNER, len(BODY)) == BODY
    assert (binary or {})["meta"]["versionId"] == "1"


async def test_a_large_one_comes_whole(fhir: HttpFhir) -> None:
    body = b'{"a":"' + b"x" * 5_000_000 + b'"}'
    reference = await put_binary(fhir, body, OWNER)
    assert content(await _read(fhir, reference), OWNER, len(body)) == body


async def test_one_of_somebody_else_and_none_at_all_look_the_same(fhir: HttpFhir) -> None:
    theirs = await put_binary(fhir, BODY, "Organization/hillview-supply")
    said = set()
    for reference in (theirs, f"Binary/{uuid4()}"):
        with pytest.raises(NotFound) as raised:
            content(await _read(fhir, reference), OWNER, len(BODY))
        said.add(str(raised.value))
    assert len(said) == 1


async def test_a_task_is_found_by_the_event_that_changed_it(fhir: HttpFhir) -> None:
    event = mark(
        Attributes(
            specversion="1.0", id=f"{uuid4()} | $,", source="urn:example:source:a|b", type="attachment.received.v1"
        )
    )
    task: Resource = {"resourceType": "Task", "id": str(uuid4()), "status": "requested", "intent": "order"}
    (stored,) = await fhir.transaction([Entry("PUT", f"Task/{task['id']}", task)])
    assert (await fhir.search("Task", {"identifier": mark_token(event)})).matches == ()
    await fhir.transaction([Entry("PUT", f"Task/{task['id']}", marked(stored, event))])
    (found,) = (await fhir.search("Task", {"identifier": mark_token(event)})).matches
    assert found["id"] == task["id"]
