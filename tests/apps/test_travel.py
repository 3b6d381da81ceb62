"""The travel agency: days pass on a virtual clock; versions, operators, partners over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.durable_functions import DurableOrchestrationClient as Client
from azure.durable_functions import OrchestrationRuntimeStatus

from tests.apps.conftest import Ended
from tests.apps.curl import Answer, document
from tests.apps.process import AppProcess

APP = Path(__file__).parent / "travel"
OPTIONS = ("--clock", "virtual")

Curl = Callable[..., Answer]


def asked(host: AppProcess) -> list[str]:
    """What partners were asked since the last call."""
    return host.ask("DELETE", "/ops/asked", key=host.keys.master).json()  # type: ignore[no-any-return]


def close(host: AppProcess, partner: str) -> None:
    """Let a partner refuse everything."""
    assert host.ask("DELETE", f"/partners/{partner}/open", key=host.keys.master).status_code == 204


def reopen(host: AppProcess, partner: str) -> None:
    """Inverse of ``close``."""
    assert host.ask("PUT", f"/partners/{partner}/open", key=host.keys.master).status_code == 204


async def state(client: Client, instance: str) -> str:
    """Name of the status of an instance."""
    return (await client.get_status(instance)).runtime_status.name  # type: ignore[no-any-return]


def test_start_tells_functions_and_urls(host: AppProcess) -> None:
    assert host.api == f"{host.origin}/travel/v1"
    assert f"start_trip: [POST] {host.origin}/travel/v1/trips/{{kind:regex(^[a-z_]+$)}}" in host.output
    assert "book_trip: orchestrationTrigger" in host.output
    assert "NOT SERVED" not in host.output


# Booking


async def test_a_trip_is_booked_by_the_rules_it_asks_for(host: AppProcess, client: Client, ended: Ended) -> None:
    asked(host)
    await client.start_new("book_trip", "rome", ["train", "hotel"])
    status = await ended("rome")
    assert status.output == {"tickets": ["train for rome by 1.0", "hotel for rome by 1.0"]}
    assert status.custom_status == {"tickets": 2}
    assert (await client.get_status("rome-hotel")).name == "reserve_leg"
    assert asked(host) == ["train reserve", "hotel reserve"]


async def test_tickets_are_given_back_when_a_partner_refuses_twice(
    host: AppProcess, client: Client, ended: Ended
) -> None:
    asked(host)
    close(host, "ferry")
    await client.start_new("book_trip", "corfu", ["train", "hotel", "ferry", "bus"])
    host.advance(seconds=59)
    assert await state(client, "corfu") == "Running", "the second try is due after a minute"
    host.advance(seconds=1)
    assert (await ended("corfu")).output == {"refused": "ferry", "given back": 2}
    reserved = ["train reserve", "hotel reserve", "ferry reserve", "ferry reserve"]
    assert asked(host) == [*reserved, "hotel give back", "train give back"]
    reopen(host, "ferry")


async def test_a_partner_that_is_back_at_the_second_try(host: AppProcess, client: Client, ended: Ended) -> None:
    close(host, "plane")
    await client.start_new("book_trip", "oslo", ["plane"])
    host.advance(seconds=30)
    reopen(host, "plane")
    host.advance(seconds=30)
    assert (await ended("oslo")).output == {"tickets": ["plane for oslo by 1.0"]}


# Versions


@pytest.mark.parametrize(("version", "legs"), [("1.0", ["b", "a"]), ("2.0", ["a", "b"]), (None, ["a", "b"])])
async def test_versions(client: Client, ended: Ended, version: str | None, legs: list[str]) -> None:
    instance = await client.start_new("plan", None, ["b", "a"], version=version)
    output = (await ended(instance)).output
    assert output == {"version": version or "2.0", "legs": legs, "children": ["1.5", "2.0"]}


async def test_a_version_that_is_not_deployed_yet_fails(client: Client, ended: Ended) -> None:
    instance = await client.start_new("plan", None, ["a"], version="3.0")
    status = await ended(instance)
    assert status.runtime_status is OrchestrationRuntimeStatus.Failed
    assert "version '3.0', this host runs version '2.0'" in status.output


# Operators


async def test_a_failed_invoice_is_rewound_with_its_child(host: AppProcess, client: Client, ended: Ended) -> None:
    asked(host)
    close(host, "bank")
    await client.start_new("invoice", "inv-1")
    status = await ended("inv-1")
    assert status.runtime_status is OrchestrationRuntimeStatus.Failed
    assert "ConnectionError: bank is closed" in status.output
    assert status.custom_status == "collecting"
    reopen(host, "bank")
    await client.rewind("inv-1", "the bank is open")
    assert (await ended("inv-1")).output == ["printer for inv-1", "paid"]
    assert await state(client, "inv-1-money") == "Completed"
    assert asked(host) == ["printer reserve", "bank collect", "bank collect"]
    with pytest.raises(Exception, match="only supported on failed"):
        await client.rewind("inv-1", "again")


async def test_an_ended_trip_is_started_again(host: AppProcess, client: Client, ended: Ended) -> None:
    await client.start_new("book_trip", "bonn", ["train"])
    await ended("bonn")
    asked(host)
    fresh = await client.restart("bonn")
    assert fresh["id"] != "bonn"
    assert (await ended(fresh["id"])).output == {"tickets": [f"train for {fresh['id']} by 1.0"]}
    await client.restart("bonn", restart_with_new_instance_id=False)
    host.advance()
    assert (await ended("bonn")).output == {"tickets": ["train for bonn by 1.0"]}
    assert asked(host) == ["train reserve", "train reserve"]


async def test_a_suspended_trip_stands_still(host: AppProcess, client: Client, ended: Ended) -> None:
    await client.start_new("approval", "held")
    host.advance(days=1)
    await client.suspend("held", "the traveller is ill")
    host.advance(days=20)
    assert await state(client, "held") == "Suspended"
    await client.resume("held", "well again")
    assert (await ended("held")).output["answer"] is None


async def test_a_terminated_trip_is_not_reminded(host: AppProcess, client: Client, ended: Ended) -> None:
    await client.start_new("approval", "off")
    host.advance()
    await client.terminate("off", "war & peace")
    assert (await ended("off")).output == "war & peace"
    asked(host)
    host.advance(days=30)
    assert "traveller answer" not in asked(host)


# Waiting


async def test_an_answer_in_time(host: AppProcess, client: Client, ended: Ended) -> None:
    asked(host)
    await client.start_new("approval", "answered")
    host.advance(days=7)
    await client.raise_event("answered", "answer", "yes")
    assert (await ended("answered")).output == {"answer": '"yes"', "reminders": 2, "cancelled": True}
    assert asked(host) == ["traveller answer"] * 2


async def test_no_answer_in_ten_days(host: AppProcess, client: Client, ended: Ended) -> None:
    await client.start_new("approval", "silent")
    host.advance(days=9, hours=23)
    assert await state(client, "silent") == "Running"
    host.advance(hours=1)
    assert (await ended("silent")).output == {"answer": None, "reminders": 3, "cancelled": False}


async def test_events_before_their_wait(host: AppProcess, client: Client, ended: Ended) -> None:
    await client.start_new("scans", "early")
    for number in (1, 2):
        await client.raise_event("early", "scan", number)
        host.advance()
    host.advance(hours=1)
    assert (await ended("early")).output == (["2", "2"] if host.compat == "azure" else ["1", "2"])
    assert ("event-slot: event 'scan' reached instance early" in host.output) is (host.compat == "azure")


async def test_events_at_their_wait(host: AppProcess, client: Client, ended: Ended) -> None:
    await client.start_new("scans", "punctual")
    host.advance(hours=1)
    for number in (1, 2):
        await client.raise_event("punctual", "scan", number)
        host.advance()
    assert (await ended("punctual")).output == ["1", "2"]


async def test_the_first_offer_counts(host: AppProcess, client: Client, ended: Ended) -> None:
    await client.start_new("offers", "villa")
    host.advance(hours=1)
    await client.raise_event("villa", "house", 900)
    host.advance()
    late = "ordered-scheduling: instance villa went on" in host.output
    assert late is (host.compat == "azure")
    if host.compat == "azure":
        assert await state(client, "villa") == "Running", "Azure starts nothing before the other offer is there, too"
        await client.raise_event("villa", "other", 800)
    assert (await ended("villa")).output == {"offer": "900", "ticket": "agent for villa"}


async def test_prices_are_taken_one_by_one(host: AppProcess, client: Client, ended: Ended) -> None:
    await client.start_new("price_watch", "cruise", {"limit": 100, "prices": []})
    host.advance()
    for price in (300, 200, 90):
        await client.raise_event("cruise", "price", price)
        host.advance()
    status = await ended("cruise")
    assert status.output == {"limit": 100, "prices": [300, 200, 90], "bought": True}
    assert status.custom_status == {"lowest": 90}


async def test_two_prices_at_once(host: AppProcess, client: Client, ended: Ended) -> None:
    await client.start_new("price_watch", "safari", {"limit": 100, "prices": []})
    host.advance()
    await client.suspend("safari", "lunch")
    host.advance()
    for price in (300, 200):
        await client.raise_event("safari", "price", price)
    await client.resume("safari", "back")
    host.advance(days=2)
    prices = [300] if host.compat == "azure" else [300, 200]
    assert (await ended("safari")).output == {"limit": 100, "prices": prices, "bought": False}
    lost = "events-lost: instance safari continued as new with 1 unread event(s)"
    assert (lost in host.output) is (host.compat == "azure")


async def watch_seats(host: AppProcess, client: Client) -> None:
    """Start ``seat_watch`` and tell it of three seats, one at a time, as long as it takes any."""
    await client.start_new("seat_watch", "opera", [])
    host.advance()
    for seat in (1, 2, 3):
        if await state(client, "opera") == "Running":
            await client.raise_event("opera", "seat", seat)
            host.advance()


async def test_azure_reads_an_event_again_that_beat_a_cancelled_timer(
    host: AppProcess, client: Client, ended: Ended
) -> None:
    """https://github.com/Azure/azure-functions-durable-extension/issues/2606"""
    if host.compat == "fixed":
        pytest.skip("of azure")
    await watch_seats(host, client)
    assert (await ended("opera")).output == ["1", "1", "1"]
    assert "event-again: instance opera" in host.output


async def test_fixed_reads_each_event_once(host: AppProcess, client: Client, ended: Ended) -> None:
    if host.compat == "azure":
        pytest.skip("of fixed")
    await watch_seats(host, client)
    assert (await ended("opera")).output == ["1", "2", "3"]


# Partners over HTTP


async def ask_partner(host: AppProcess, client: Client, name: str, how: str, content: Any) -> str:
    """Start ``ask_partner`` for a partner that this app plays."""
    wanted = {"url": f"{host.api}/partners/{name}", "as": how, "content": content}
    return await client.start_new("ask_partner", f"ask-{name}-{how}", wanted)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("how", "content", "body"), [("document", {"a": 1}, '{"a": 1}'), ("document", "x", '"x"'), ("text", "x", "x")]
)
async def test_call_http(host: AppProcess, client: Client, ended: Ended, how: str, content: Any, body: str) -> None:
    instance = await ask_partner(host, client, "plain" + "doc" * isinstance(content, dict), how, content)
    output = (await ended(instance)).output
    assert output["status"] == 200
    assert json.loads(output["content"]) == {"method": "POST", "body": body, "trip": instance}


async def test_call_http_to_one_who_answers_later(host: AppProcess, client: Client, ended: Ended) -> None:
    instance = await ask_partner(host, client, "slow", "text", "please")
    host.advance(seconds=60)
    output = (await ended(instance)).output
    if host.compat == "azure":
        assert output == {"status": 202, "content": "later"}
    else:
        assert output["status"] == 200
        assert json.loads(output["content"]) == {"method": "GET", "body": "", "trip": instance}


async def test_call_http_in_the_name_of_an_identity(host: AppProcess, client: Client, ended: Ended) -> None:
    status = await ended(await ask_partner(host, client, "plain", "identity", None))
    assert status.runtime_status is OrchestrationRuntimeStatus.Failed
    assert "Managed identity tokens are not available to the embedded host." in status.output


# With curl


def test_curl_steers_a_trip(host: AppProcess, curl: Curl) -> None:
    key = ("--header", f"x-functions-key: {host.keys.host}")
    trips = f"{host.api}/trips"
    started = curl(f"{trips}/approval?id=lima&version=1.0", *key, "--request", "POST")
    assert (started.status, started.json["id"], started.headers["retry-after"]) == (202, "lima", "10")
    host.advance()
    for verb, status, now in (
        ("resume", 409, "Running"),
        ("suspend", 202, "Suspended"),
        ("suspend", 409, "Suspended"),
        ("resume", 202, "Running"),
        ("rewind", 409, "Running"),
        ("restart", 409, "Running"),
    ):
        assert curl(f"{trips}/lima/{verb}?reason=curl", *key, "--request", "POST").status == status, verb
        host.advance()
        assert curl(f"{trips}/lima", *key).json["runtimeStatus"] == now, verb
    assert curl(f"{trips}/lima/events/answer", *key, *document('"no"')).status == 202
    host.advance()
    assert curl(trips, *key).json["lima"] == "Completed"
    assert curl(f"{trips}/lima/explode", *key, "--request", "POST").status == 404
    assert curl(trips).status == 401


def test_curl_follows_the_links_of_a_start(host: AppProcess, curl: Curl) -> None:
    key = ("--header", f"x-functions-key: {host.keys.host}")
    links = curl(f"{host.api}/trips/scans?id=quito", *key, "--request", "POST").json
    host.advance(hours=1)
    for content in ("1", '{"page": 2}'):
        url = links["sendEventPostUri"].replace("{eventName}", "scan")
        assert curl(url, *document(content)).status == 202
        host.advance()
    ended = curl(links["statusQueryGetUri"])
    assert (ended.status, ended.json["output"]) == (200, [1, {"page": 2}]), "plain JSON stays what it is"
    assert curl(links["terminatePostUri"].replace("{text}", "late"), "--request", "POST").status == 410
    assert curl(links["restartPostUri"], "--request", "POST").status == 202
    assert curl(links["purgeHistoryDeleteUri"], "--request", "DELETE").json == {"instancesDeleted": 1}
    assert curl(links["statusQueryGetUri"]).status == 404


def test_curl_pages_through_a_list(host: AppProcess, curl: Curl) -> None:
    key = ("--header", f"x-functions-key: {host.keys.host}")
    for number in range(5):
        curl(f"{host.api}/trips/scans?id=page-{number}", *key, "--request", "POST")
    url = f"{host.origin}/runtime/webhooks/durabletask/instances?code={host.keys.system}&instanceIdPrefix=page-&top=2"
    found, token, pages = [], "", 0
    while pages == 0 or token:
        page = curl(url, "--header", f"x-ms-continuation-token: {token}")
        found += [each["instanceId"] for each in page.json]
        token = page.headers.get("x-ms-continuation-token", "")
        pages += 1
    assert (found, pages) == ([f"page-{number}" for number in range(5)], 3)
