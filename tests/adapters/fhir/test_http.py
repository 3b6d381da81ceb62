"""The HTTP client of a FHIR server: what it sends, how it maps what comes back, and what it never does."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs

import httpx
import pytest

from adapters.fhir.base import Entry
from adapters.fhir.http import HttpFhir
from domain.errors import Conflict, Defect, Malformed, NotFound, Unavailable
from domain.json import Json

BASE = "http://fhir.example.org/fhir"
SECRET = "Jane Doe"
PATIENT = {"resourceType": "Patient", "id": "a", "name": [{"text": SECRET}]}


def server(handler: Callable[[httpx.Request], httpx.Response], **options: object) -> HttpFhir:
    return HttpFhir(BASE, transport=httpx.MockTransport(handler), **options)  # type: ignore[arg-type]


def answering(status: int, body: Json = None) -> HttpFhir:
    return server(lambda _: httpx.Response(status, json=body or {}))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, NotFound),
        (410, NotFound),
        (409, Conflict),
        (412, Conflict),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (302, Defect),
        (400, Defect),
        (401, Defect),
        (422, Defect),
    ],
)
async def test_statuses_become_errors_without_values(status: int, expected: type[Exception]) -> None:
    outcome = {"issue": [{"code": "invalid", "diagnostics": SECRET}, {"code": SECRET}]}
    fhir = answering(status, outcome)
    for call in (fhir.read("Patient/a"), fhir.search("Patient", {"name": SECRET})):
        with pytest.raises(expected) as caught:
            await call
        assert SECRET not in str(caught.value)


async def test_the_codes_of_an_outcome_help_to_find_the_cause() -> None:
    fhir = answering(400, {"issue": [{"code": "structure"}, {"code": "invalid"}]})
    with pytest.raises(Defect, match=r"GET Patient/a was answered with HTTP 400 \(invalid, structure\)"):
        await fhir.read("Patient/a")


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
async def test_no_answer_is_unavailable(failure: type[httpx.TransportError]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise failure(SECRET, request=request)

    fhir = server(fail)
    for call in (fhir.read("Patient/a"), fhir.transaction([Entry("PUT", "Patient/a", PATIENT)]), fhir.ready()):
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.code == "fhir"
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None


async def test_a_transaction_says_its_conditions_and_who_asks() -> None:
    seen: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"entry": [{"resource": PATIENT}, {"resource": PATIENT}]})

    async def token() -> str:
        return "abc"

    fhir = server(take, token=token)
    entries = [
        Entry("PUT", "Patient/a", PATIENT, if_none_exist=True),
        Entry("PUT", "Patient/a", PATIENT, if_match="7"),
    ]
    await fhir.transaction(entries)
    [request] = seen
    bundle = json.loads(request.content)
    assert request.url == BASE
    assert request.headers["authorization"] == "Bearer abc"
    assert request.headers["prefer"] == "return=representation"
    assert [entry["request"] for entry in bundle["entry"]] == [
        {"method": "PUT", "url": "Patient/a", "ifNoneMatch": "*"},
        {"method": "PUT", "url": "Patient/a", "ifMatch": 'W/"7"'},
    ]
    assert bundle["entry"][0]["fullUrl"] == f"{BASE}/Patient/a"


async def test_a_server_that_does_not_return_what_it_stored_is_refused() -> None:
    fhir = answering(200, {"entry": [{"response": {"status": "201"}}]})
    with pytest.raises(Defect, match="return=representation"):
        await fhir.transaction([Entry("PUT", "Patient/a", PATIENT)])


@pytest.mark.parametrize(("there", "code"), [("200 OK", "exists"), ("404 Not Found", "stale")])
async def test_a_conflict_is_told_apart_by_looking(there: str, code: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if json.loads(request.content)["type"] == "transaction":
            return httpx.Response(409, json={})
        return httpx.Response(200, json={"entry": [{"response": {"status": there}, "resource": PATIENT}]})

    entries = [Entry("PUT", "Patient/a", PATIENT, if_none_exist=True)]
    with pytest.raises(Conflict) as caught:
        await server(answer).transaction(entries)
    assert caught.value.code == code


@pytest.mark.parametrize(("status", "expected"), [("503 Busy", Unavailable), ("401 No", Defect)])
async def test_a_failure_inside_a_batch_is_a_failure(status: str, expected: type[Exception]) -> None:
    fhir = answering(200, {"entry": [{"response": {"status": status}}]})
    with pytest.raises(expected):
        await fhir.read_many(["Patient/a"])


def searchset(next_url: str | None) -> Json:
    links = [{"relation": "self", "url": BASE}]
    if next_url:
        links.append({"relation": "next", "url": next_url})
    return {"entry": [{"resource": PATIENT, "search": {"mode": "match"}}], "link": links}


@pytest.mark.parametrize("link", [f"{BASE}/Patient/_search?name=Doe&_offset=1", f"{BASE}/Patient?name=Doe&_offset=1"])
async def test_the_next_page_is_posted_and_no_parameter_stands_in_a_url(link: str) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=searchset(link if len(seen) == 1 else None))

    fhir = server(answer)
    page = await fhir.search("Patient", {"name": ["Doe", "Jane"]})
    assert page.next is not None
    last = await fhir.next_page(page.next)
    assert last.next is None
    assert [str(request.url) for request in seen] == [f"{BASE}/Patient/_search"] * 2
    assert parse_qs(seen[0].content.decode()) == {"name": ["Doe", "Jane"]}
    assert parse_qs(seen[1].content.decode()) == {"name": ["Doe"], "_offset": ["1"]}


async def test_a_link_that_keeps_its_search_on_the_server_is_fetched() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=searchset(f"{BASE}?_getpages=1" if len(seen) == 1 else None))

    fhir = server(answer)
    page = await fhir.search("Patient", {})
    assert page.next is not None
    await fhir.next_page(page.next)
    assert (seen[1].method, str(seen[1].url)) == ("GET", f"{BASE}?_getpages=1")


@pytest.mark.parametrize(
    "link",
    ["http://elsewhere/fhir/Patient?_offset=1", f"{BASE}.evil.org/Patient", f"{BASE}evil?_offset=1", "/fhir/Patient"],
)
async def test_a_link_that_leaves_the_base_is_refused(link: str) -> None:
    fhir = server(lambda _: httpx.Response(200, json=searchset(link)))
    with pytest.raises(Defect, match="leaves its base"):
        await fhir.search("Patient", {})


async def test_a_page_token_is_good_only_for_who_shares_the_key() -> None:
    link = f"{BASE}/Patient?_offset=1"
    one, two, other = (
        server(lambda _: httpx.Response(200, json=searchset(link)), page_key=key) for key in (b"k", b"k", None)
    )
    page = await one.search("Patient", {})
    assert page.next is not None
    await two.next_page(page.next)
    for token in (page.next[:-2] + "AA", f"{page.next}A"):
        with pytest.raises(Malformed):
            await two.next_page(token)
    with pytest.raises(Malformed):
        await other.next_page(page.next)


async def test_history_follows_its_pages() -> None:
    pages = [
        {
            "entry": [{"resource": PATIENT}],
            "link": [{"relation": "next", "url": f"{BASE}/Patient/a/_history?_offset=1"}],
        },
        {"entry": [{"resource": PATIENT}, {"request": {"method": "DELETE"}}]},
    ]
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json=pages[len(seen) - 1])

    assert await server(answer).history("Patient/a") == [PATIENT, PATIENT]
    assert seen == [f"{BASE}/Patient/a/_history", f"{BASE}/Patient/a/_history?_offset=1"]


async def test_a_server_that_is_not_ready_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="HTTP 404"):
        await answering(404).ready()
    await answering(200).ready()
