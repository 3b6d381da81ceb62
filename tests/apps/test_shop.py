"""The shop: orders on the machine's own clock."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.durable_functions import DurableOrchestrationClient, EntityId, OrchestrationRuntimeStatus

from tests.apps.conftest import Ended
from tests.apps.curl import Answer, document
from tests.apps.process import MANAGEMENT, AppProcess, until

APP = Path(__file__).parent / "shop"
OPTIONS: tuple[str, ...] = ()

Curl = Callable[..., Answer]


def order(number: int, customer: str = "kim", cents: int = 1500, **pieces: int) -> dict[str, Any]:
    """The body of ``POST orders``."""
    return {"number": number, "customer": customer, "pieces": pieces, "cents": cents}


async def pieces(client: DurableOrchestrationClient, article: str) -> Any:
    """What the stock has of an article; None: it was never touched."""
    return (await client.read_entity_state(EntityId("stock", article))).entity_state


def test_start_tells_functions_and_urls(host: AppProcess) -> None:
    methods = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"
    assert f"show_article: [{methods}] {host.api}/catalogue/{{article:alpha:maxlength(10)}}" in host.output
    assert f"place_order: [POST] {host.api}/orders" in host.output
    assert "fulfil: orchestrationTrigger" in host.output
    assert "Cart: entityTrigger" in host.output
    assert "restock: timerTrigger" in host.output
    assert "old_checkout: disabled" in host.output
    assert "NOT SERVED" not in host.output
    assert host.ask("GET", "/old-checkout").status_code == 404


async def test_an_order_is_shipped(host: AppProcess, client: DurableOrchestrationClient, ended: Ended) -> None:
    accepted = host.ask("POST", "/orders", order(1, lamp=2, sofa=1))
    assert accepted.status_code == 202
    assert accepted.headers["location"] == accepted.json()["statusQueryGetUri"]
    status = await ended("order-1")
    assert status.runtime_status is OrchestrationRuntimeStatus.Completed
    assert status.custom_status == {"stage": "shipped", "before": "reserved"}
    parcel = status.output.pop("parcel")
    invoice = status.output.pop("invoice")
    assert status.output == {"state": "shipped", "attempts": 1}
    assert parcel["boxes"] == ["2 x lamp", "1 x sofa"]
    assert parcel["of"] == "order-1"
    assert uuid.UUID(parcel["number"]).version == uuid.UUID(invoice).version == 5
    assert (await ended("order-1-parcel")).output["number"] == parcel["number"]
    assert (await pieces(client, "lamp"), await pieces(client, "sofa")) == (8, 9)


async def test_each_stage_is_told_once_however_often_it_is_replayed(host: AppProcess, ended: Ended) -> None:
    host.ask("POST", "/orders", order(2, plant=1))
    await ended("order-2")
    journal = host.ask("GET", "/ops/journal", key=host.keys.master).json()
    told = [line for line in journal if line.startswith("order-2 ")]
    asked = 2  # --sessions verify takes each turn twice
    assert told == [f"order-2 {stage}" for stage in ("placed", "reserved", "shipped") for _ in range(asked)]


async def test_loyal_customers_collect_points(host: AppProcess, ended: Ended) -> None:
    for number in (3, 4):
        host.ask("POST", "/orders", order(number, "loyal", 700, plant=1))
        await ended(f"order-{number}")
    until(lambda: host.manage("GET", "/entities/points/loyal").text == "14", "the points")


async def test_a_bank_that_fails_once_is_asked_again(host: AppProcess, ended: Ended) -> None:
    host.ask("POST", "/orders", order(5, "unlucky", plant=1))
    assert (await ended("order-5")).output["attempts"] == 2


async def test_what_was_reserved_is_put_back(
    host: AppProcess, client: DurableOrchestrationClient, ended: Ended
) -> None:
    host.ask("POST", "/orders", order(6, "broke", desk=4, bed=1))
    output = (await ended("order-6")).output
    assert output["state"] == "refused"
    assert "ConnectionError: the bank does not answer" in output["why"]
    host.ask("POST", "/orders", order(7, desk=11, bed=10))
    assert (await ended("order-7")).output == {"state": "sold out"}
    host.ask("POST", "/orders", order(8, desk=10, bed=10))
    assert (await ended("order-8")).output["state"] == "shipped", "both came back"
    assert (await pieces(client, "desk"), await pieces(client, "bed")) == (0, 0)


async def test_a_large_order_waits_for_a_clerk(host: AppProcess, ended: Ended) -> None:
    host.ask("POST", "/orders", order(9, cents=200_000, plant=1))
    assert host.ask("POST", "/orders/9/approve").status_code == 202
    assert (await ended("order-9")).output["state"] == "shipped"


async def test_the_desk_shows_lists_cancels_and_forgets(host: AppProcess, ended: Ended) -> None:
    for number in (10, 11):
        host.ask("POST", "/orders", order(number, cents=200_000, clock=1))
    shown = host.ask("GET", "/orders/10").json()
    assert shown["instanceId"] == "order-10"
    assert '"customer": "kim"' in shown["input"]
    assert "order-10" in host.ask("GET", "/orders?status=Running,Pending").json()
    assert host.ask("DELETE", "/orders/10").json() == {"cancelled": True}
    assert (await ended("order-10")).output == "the customer called"
    assert host.ask("DELETE", "/orders/11").status_code == 202
    await ended("order-11")
    shown = host.ask("GET", "/orders/11").json()
    assert shown["happened"][0] == "ExecutionStarted"
    assert shown["happened"][-2:] == ["ExecutionTerminated", "ExecutionCompleted"]
    assert host.ask("DELETE", "/orders/11").json() == {"forgotten": 1}
    assert host.ask("DELETE", "/orders?status=Terminated").json() == {"forgotten": 1}
    assert host.ask("GET", "/orders/10").status_code == 404
    assert "order-10" not in host.ask("GET", "/orders").json()


async def test_a_cart_is_bought(host: AppProcess, client: DurableOrchestrationClient) -> None:
    for article in ("vase", "vase", "cup"):
        assert host.ask("PUT", f"/carts/kim/{article}").status_code == 202
    until(lambda: host.ask("GET", "/carts/kim").json() == {"vase": 2, "cup": 1}, "the cart")
    bought = host.ask("POST", "/carts/kim/checkout/20")
    assert bought.status_code == 200
    assert bought.json()["state"] == "shipped"
    assert host.ask("GET", "/carts/kim").status_code == 404
    status = await client.get_status("order-20", show_input=True)
    assert '"cents": 750' in status.input_
    assert await pieces(client, "vase") == 8


async def test_the_night_brings_rugs(host: AppProcess, client: DurableOrchestrationClient) -> None:
    assert host.admin("POST", "/functions/restock").status_code == 202
    until(lambda: host.ask("GET", "/catalogue/rug").json()["pieces"] == 15, "the rugs")
    assert await pieces(client, "rug") == 15


async def test_an_ended_order_of_the_same_number(
    host: AppProcess, client: DurableOrchestrationClient, ended: Ended
) -> None:
    host.ask("POST", "/orders", order(30, shelf=1))
    first = (await ended("order-30")).output["invoice"]
    if host.compat == "fixed":
        with pytest.raises(Exception, match="with the status Completed already exists"):
            await client.start_new("fulfil", "order-30", None)
        assert host.ask("POST", "/orders", order(30, shelf=1)).status_code == 500
        return
    assert host.ask("POST", "/orders", order(30, shelf=1)).status_code == 202
    assert (await ended("order-30")).output["invoice"] != first
    assert "rerun: instance order-30 had ended as Completed" in host.output


def test_links_are_those_of_the_caller(host: AppProcess) -> None:
    links = host.ask("GET", "/ops/links/1", key=host.keys.master).json()
    assert links["own"] == links["seen"]
    base = f"{host.origin}{MANAGEMENT}/instances/order-1"
    assert all(url.startswith(base) for name, url in links["own"].items() if name != "id")
    assert f"code={host.keys.system}" in links["own"]["terminatePostUri"]


# With curl


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_curl_any_method(host: AppProcess, curl: Curl, method: str) -> None:
    answer = curl(f"{host.api}/catalogue/lamp", "--request", method)
    assert (answer.status, answer.json["method"]) == (200, method)
    assert answer.headers["content-type"] == "application/json"


def test_curl_head_has_no_body(host: AppProcess, curl: Curl) -> None:
    answer = curl(f"{host.api}/catalogue/chair", "--head")
    assert (answer.status, answer.text, answer.headers["x-pieces"]) == (200, "", "10")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/catalogue/lamp", 200),
        ("/CATALOGUE/lamp", 200),
        ("/catalogue/wardrobes", 404),
        ("/catalogue/greatwardrobe", 404),
        ("/catalogue/lamp2", 404),
        ("/orders/0", 404),
        ("/orders/one", 404),
        ("/carts/k", 404),
    ],
)
def test_curl_constraints(host: AppProcess, curl: Curl, path: str, status: int) -> None:
    assert curl(f"{host.api}{path}", "--header", f"x-functions-key: {host.keys.host}").status == status


def test_curl_wrong_method_names_the_right_ones(host: AppProcess, curl: Curl) -> None:
    answer = curl(f"{host.api}/orders/1", "--request", "PATCH")
    assert answer.status == 405
    assert {"GET", "DELETE"} <= {method.strip() for method in answer.headers["allow"].split(",")}


def test_curl_auth_levels(host: AppProcess, curl: Curl) -> None:
    keys, orders, links = host.keys, f"{host.api}/orders", f"{host.api}/ops/links/1"
    assert curl(orders).status == 401
    assert curl(f"{orders}?code=wrong").status == 401
    assert curl(f"{orders}?code={keys.functions['place_order']}").status == 401, "a key of another function"
    assert curl(f"{orders}?code={keys.functions['list_orders']}").status == 200
    assert curl(orders, "--header", f"x-functions-key: {keys.host}").status == 200
    assert curl(orders, "--header", f"x-functions-key: {keys.master}").status == 200
    assert curl(links, "--header", f"x-functions-key: {keys.host}").status == 401
    assert curl(links, "--header", f"x-functions-key: {keys.master}").status == 200


def test_curl_starts_waits_and_purges(host: AppProcess, curl: Curl) -> None:
    api, code = f"{host.origin}{MANAGEMENT}", f"code={host.keys.system}"
    assert curl(f"{api}/instances/order-1").status == 401
    start = (
        f"{api}/orchestrators/ship/parcel-1?timeout=30&pollingInterval=1&{code}",
        *document(json.dumps('["1 x lamp"]')),
    )
    done = curl(*start)
    assert (done.status, done.json["boxes"], done.json["of"]) == (200, ["1 x lamp"], None)
    status = curl(f"{api}/instances/parcel-1?showHistory=true&showHistoryOutput=true&{code}").json
    assert [event["EventType"] for event in status["historyEvents"]] == [
        "ExecutionStarted",
        "TaskCompleted",
        "ExecutionCompleted",
    ]
    assert status["historyEvents"][1]["FunctionName"] == "hand_over"
    assert status["historyEvents"][2]["Result"] == done.json
    purged = curl(f"{api}/instances/parcel-1?{code}", "--request", "DELETE")
    assert (purged.status, purged.json) == (200, {"instancesDeleted": 1})
    assert curl(f"{api}/instances/parcel-1?{code}").status == 404


def test_curl_reads_and_deletes_entities(host: AppProcess, curl: Curl) -> None:
    api, code = f"{host.origin}{MANAGEMENT}", f"code={host.keys.system}"
    for key in ("ann", "bob"):
        added = curl(f"{api}/entities/Cart/{key}?op=add&{code}", *document(json.dumps('"lamp"')))
        assert added.status == 202
    listing = f"{api}/entities/cart?fetchState=true&{code}"
    known = {"ann": {"lamp": 1}, "bob": {"lamp": 1}}
    until(lambda: {one["entityId"]["key"]: one["state"]["__data__"] for one in curl(listing).json} == known, "carts")
    assert curl(f"{api}/entities/cart/ann?{code}").json["__class__"] == "Cart"
    assert curl(f"{api}/entities/cart/ann?{code}", "--request", "DELETE").status == 202
    until(lambda: curl(f"{api}/entities/cart/ann?{code}").status == 404, "the end of a cart")
    curl(f"{api}/entities/cart/bob?{code}", "--request", "DELETE")


def test_curl_what_is_not_there(host: AppProcess, curl: Curl) -> None:
    api, code = f"{host.origin}{MANAGEMENT}", f"code={host.keys.system}"
    unknown = curl(f"{api}/orchestrators/fulfill?{code}", *document("{}"))
    assert unknown.status == 400
    assert "no orchestrator function named 'fulfill'. Known: checkout, fulfil, ship" in unknown.json["ExceptionMessage"]
    assert curl(f"{api}/orchestrators/ship?{code}", *document("{not JSON")).status == 400
    assert curl(f"{api}/instances/nobody/terminate?reason=x&{code}", "--request", "POST").status == 404
    assert curl(f"{api}/instances?{code}", "--request", "DELETE").status == 400
