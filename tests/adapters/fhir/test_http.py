"""The HTTP client of a FHIR server: what it sends, how it maps what comes back, and what it never does."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from urllib.parse import parse_qs

import httpx
import pytest

from adapters.fhir.base import Entry
from adapters.fhir.http import HttpFhir
from domain.errors import Conflict, Defect, Malformed, NotFound, Rejected, Unavailable
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


async def test_no_url_is_logged_since_searches_name_people(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await answering(200, {"resourceType": "Bundle", "type": "searchset"}).search("Patient", {"name": SECRET})
    assert caplog.records == []


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


def contested(read: Json, *statuses: int) -> tuple[HttpFhir, list[str]]:
    """A server that answers a transaction with one status after the other and each read of a batch with ``read``; and
    the kinds of Bundle that it was sent."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["type"])
        if asked[-1] == "batch":
            return httpx.Response(200, json={"entry": [read]})
        status = statuses[asked.count("transaction") - 1]
        body = {"entry": [{"resource": PATIENT}]} if status == 200 else {"issue": [{"diagnostics": SECRET}]}
        return httpx.Response(status, json=body)

    return server(answer), asked


ABSENT: Json = {"response": {"status": "404 Not Found"}}
VERSION_2: Json = {"response": {"status": "200 OK"}, "resource": {**PATIENT, "meta": {"versionId": "2"}}}
CREATION = Entry("PUT", "Patient/a", PATIENT, if_none_exist=True)
CHANGE = Entry("PUT", "Patient/a", PATIENT, if_match="1")


@pytest.mark.parametrize("status", [409, 412])
@pytest.mark.parametrize(
    ("read", "entry", "code"),
    [(VERSION_2, CREATION, "exists"), (VERSION_2, CHANGE, "stale"), (ABSENT, CHANGE, "stale")],
)
async def test_a_conflict_is_told_apart_by_looking(status: int, read: Json, entry: Entry, code: str) -> None:
    fhir, asked = contested(read, status)
    with pytest.raises(Conflict) as caught:
        await fhir.transaction([entry])
    assert (caught.value.code, asked) == (code, ["transaction", "batch"])


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.fhir.http.PAUSES", (0.0, 0.0))


@pytest.mark.parametrize(
    ("read", "entry"), [(ABSENT, CREATION), (VERSION_2, Entry("PUT", "Patient/a", PATIENT, if_match="2"))]
)
@pytest.mark.usefixtures("at_once")
async def test_a_conflict_with_nothing_is_tried_again_then_a_refusal_of_the_content(
    read: Json, entry: Entry, caplog: pytest.LogCaptureFixture
) -> None:
    fhir, asked = contested(read, 409, 409, 409)
    with pytest.raises(Rejected) as caught:
        await fhir.transaction([entry])
    assert not isinstance(caught.value, Conflict)
    assert (caught.value.code, asked) == ("fhir-refused", ["transaction", "batch"] * 3)
    assert "transaction of Patient: HTTP 409" in caplog.text
    assert SECRET not in f"{caught.value} {caplog.text}"


@pytest.mark.usefixtures("at_once")
async def test_who_lost_a_race_against_another_content_wins_the_next() -> None:
    fhir, asked = contested(ABSENT, 409, 200)
    assert await fhir.transaction([CREATION]) == [PATIENT]
    assert asked == ["transaction", "batch", "transaction"]


@pytest.mark.usefixtures("at_once")
async def test_a_conflict_of_what_has_no_condition_asks_for_nothing() -> None:
    fhir, asked = contested(ABSENT, 409, 200)
    assert await fhir.transaction([Entry("PUT", "Patient/a", PATIENT)]) == [PATIENT]
    assert asked == ["transaction", "transaction"]


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_content_that_the_server_refuses_is_the_fault_of_who_sent_it(status: int) -> None:
    fhir, asked = contested(ABSENT, status)
    with pytest.raises(Rejected, match="fhir-refused") as caught:
        await fhir.transaction([CREATION])
    assert (SECRET in str(caught.value), asked) == (False, ["transaction"])


@pytest.mark.parametrize("status", [401, 403, 405])
async def test_a_server_that_does_not_know_us_is_no_fault_of_who_sent_it(status: int) -> None:
    fhir, _ = contested(ABSENT, status)
    with pytest.raises(Defect, match="fhir-refused"):
        await fhir.transaction([CREATION])


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
