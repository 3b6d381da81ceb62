"""The management API as other callers use it: status codes, headers, bodies."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from host.client_binding import PUBLIC
from host.options import Compat
from host.testing_http import HttpHost


class Api:
    """Calls the public prefix with the system key."""

    def __init__(self, host: HttpHost) -> None:
        self._client = host.client
        self._key = host.keys.system

    async def __call__(self, method: str, path: str, **options: Any) -> tuple[aiohttp.ClientResponse, Any]:
        params = {"code": self._key} | options.pop("params", {})
        async with self._client.request(method, PUBLIC + path, params=params, **options) as response:
            text = await response.text()
            return response, json.loads(text) if text else None


@pytest.fixture
def api(host: HttpHost) -> Api:
    return Api(host)


@pytest.mark.parametrize("params", [{}, {"code": "wrong"}])
async def test_public_prefix_needs_the_system_key(host: HttpHost, params: dict[str, str]) -> None:
    async with host.client.get(f"{PUBLIC}/instances/", params=params) as response:
        assert response.status == 401


async def test_private_prefix_needs_no_key_and_shuns_browsers(host: HttpHost) -> None:
    path = "/durabletask/instances/"
    assert json.loads(host.server.binding.text())["rpcBaseUrl"] == f"{host.server.origin}/durabletask/"
    async with host.client.get(path) as response:
        assert response.status == 200
    foreign = {
        "Origin": host.server.origin,
        "Sec-Fetch-Site": "none",
        "X-Forwarded-For": "::1",
        "Host": "rebound.example",
    }
    for name, value in foreign.items():
        headers = {name: value}
        async with host.client.get(path, headers=headers) as response:
            assert response.status == 403, headers
        async with host.client.post("/durabletask/orchestrators/Approval/x", headers=headers) as response:
            assert response.status == 403, headers
    assert await host.durable.hub.status("x") is None


async def test_private_prefix_serves_this_machine_alone(host: HttpHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiohttp.web.Request.remote", "192.0.2.1")
    async with host.client.get("/durabletask/instances/") as response:
        assert response.status == 403


async def test_start_answers_with_management_urls(host: HttpHost, api: Api) -> None:
    response, links = await api("POST", "/orchestrators/Approval/abc", json={"a": 1})
    assert response.status == 202
    assert response.headers["Retry-After"] == "10"
    assert response.headers["Location"] == links["statusQueryGetUri"]
    assert links["id"] == "abc"
    assert "rewindPostUri" not in links
    async with host.client.get(links["statusQueryGetUri"]) as status:
        assert status.status == 202
        assert status.headers["Retry-After"] == "5"
        assert (await status.json())["runtimeStatus"] in ("Pending", "Running")


@pytest.mark.parametrize(
    ("body", "value", "read_on_azure"),
    [
        ('{"a": 1}', {"a": 1}, True),
        ('"{\\"a\\": 1}"', {"a": 1}, True),
        ('"5"', 5, True),
        ("null", None, True),
        ("[1]", [1], False),
        ("5", 5, False),
        ("true", True, False),
        ('"word"', "word", False),
    ],
)
@pytest.mark.parametrize("again", [False, True])
async def test_what_azure_cannot_read_as_input_fails_and_is_named(
    compat_host: HttpHost,
    compat: Compat,
    body: str,
    value: object,
    read_on_azure: bool,
    again: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = Api(compat_host)
    _, links = await api("POST", "/orchestrators/reading/in", data=body)
    if again:
        await compat_host.durable.settled("in")
        _, links = await api("POST", "/instances/in/restart")
    status = await compat_host.durable.settled(links["id"])
    if read_on_azure or compat == "fixed":
        assert json.loads(status.output or "null") == value
        assert "plain-json" not in caplog.text
    else:
        assert status.failure is not None
        assert status.failure.type in ("TypeError", "JSONDecodeError")
        assert caplog.text.count("plain-json: the input of in ") == 1


@pytest.mark.parametrize(
    ("body", "headers", "read_on_azure"),
    [
        ('"5"', {}, True),
        ("5", {"Content-Type": "text/plain"}, True),
        ("5", {}, False),
        ('"word"', {}, False),
        ('{"a": 1}', {}, False),
        ("word", {"Content-Type": "text/plain"}, False),
    ],
)
async def test_what_azure_cannot_read_in_a_signal_fails_and_is_named(
    compat_host: HttpHost,
    compat: Compat,
    body: str,
    headers: dict[str, str],
    read_on_azure: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    headers = {"Content-Type": "application/json"} | headers
    response, _ = await Api(compat_host)(
        "POST", "/entities/Keeper/k", params={"op": "keep"}, data=body, headers=headers
    )
    assert response.status == 202
    await compat_host.durable.hub.idle()
    entity = await compat_host.durable.hub.read_entity("Keeper", "k")
    if read_on_azure or compat == "fixed":
        assert entity is not None
        assert entity.state in ("5", '"word"', '{"a": 1}')
        assert "plain-json" not in caplog.text
    else:
        assert entity is None or entity.state is None
        assert "plain-json: the input of @keeper@k " in caplog.text


@pytest.mark.parametrize("path", ["/orchestrators/nope", "/orchestrators/Approval/@x", "/orchestrators/Approval/a%2Fb"])
async def test_start_that_is_refused_says_why(api: Api, path: str) -> None:
    response, error = await api("POST", path)
    assert response.status == 400
    assert error["ExceptionMessage"]


async def test_bodies_must_be_json(api: Api) -> None:
    response, error = await api("POST", "/orchestrators/Approval", data="{")
    assert response.status == 400
    assert error["ExceptionMessage"] == "The request body is not JSON."
    await api("POST", "/orchestrators/Approval/x")
    response, _ = await api("POST", "/instances/x/raiseEvent/decided", data="1", headers={"Content-Type": "text/plain"})
    assert response.status == 400
    response, _ = await api(
        "POST", "/instances/x/raiseEvent/decided", data="{", headers={"Content-Type": "application/json"}
    )
    assert response.status == 400


@pytest.mark.parametrize(
    "path", ["/orchestrators/Approval/new", "/instances/x/raiseEvent/decided", "/entities/Keeper/k"]
)
@pytest.mark.parametrize("charset", ["utf-8", "no-such"])
async def test_a_body_that_is_no_text_is_refused(host: HttpHost, api: Api, path: str, charset: str) -> None:
    await api("POST", "/orchestrators/Approval/x")
    headers = {"Content-Type": f"application/json; charset={charset}"}
    response, error = await api("POST", path, data=b"\xff\xfe", headers=headers)
    assert response.status == 400
    assert "charset" in error["ExceptionMessage"]
    assert await host.durable.hub.status("new") is None


async def test_words_of_paths_and_query_names_match_in_any_case(host: HttpHost, api: Api) -> None:
    await api("POST", "/Orchestrators/Approval/Case/", json={"a": 1})
    await host.durable.hub.idle()
    asked = {"SHOWHISTORY": "true", "showinput": "False"}
    _, status = await api("GET", "/INSTANCES/Case/", params=asked)
    assert (status["input"], status["historyEvents"] != []) == (None, True)
    assert (await api("GET", "/instances/case"))[0].status == 404, "ids differ by case"
    async with host.client.get(
        "/Runtime/WebHooks/DurableTask/instances/Case", params={"Code": host.keys.system}
    ) as found:
        assert found.status == 202
    assert (await api("POST", "/instances/Case/raiseevent/decided", json=1))[0].status == 202
    await host.durable.settled("Case")
    kept = {"CREATEDTIMEFROM": "2020-01-01", "RuntimeStatus": "Failed"}
    assert (await api("DELETE", "/instances/", params=kept))[0].status == 404
    assert (await api("GET", "/instances/Case"))[1]["runtimeStatus"] == "Completed"


async def test_a_status_may_be_asked_for_several_times(host: HttpHost, api: Api) -> None:
    await api("POST", "/orchestrators/sequence/done", json="1")
    await api("POST", "/orchestrators/Approval/open")
    await host.durable.hub.idle()
    query = "/instances?runtimeStatus=Completed&runtimeStatus=Running"
    async with host.client.get(f"/durabletask{query}") as response:
        assert {each["instanceId"] for each in await response.json(content_type=None)} == {"done", "open"}


async def test_live_id_is_a_conflict(api: Api) -> None:
    await api("POST", "/orchestrators/Approval/abc")
    response, error = await api("POST", "/orchestrators/Approval/abc")
    assert response.status == 409
    assert "already exists" in error["Message"]


async def test_start_and_wait(host: HttpHost, api: Api) -> None:
    response, output = await api("POST", "/orchestrators/sequence", json="1", params={"timeout": "10"})
    assert (response.status, output) == (200, 3)
    failed = {"timeout": "10", "returnInternalServerErrorOnFailure": "true"}
    response, status = await api("POST", "/orchestrators/failing", params=failed)
    assert (response.status, status["runtimeStatus"]) == (500, "Failed")
    response, links = await api("POST", "/orchestrators/Approval", params={"timeout": "0"})
    assert response.status == 202
    assert "statusQueryGetUri" in links


@pytest.mark.parametrize("timeout", ["soon", "nan", "inf", "1e300"])
async def test_a_timeout_that_is_no_number_starts_nothing(host: HttpHost, api: Api, timeout: str) -> None:
    for path in ("/orchestrators/Approval/t", "/instances/nobody/restart"):
        response, error = await api("POST", path, params={"timeout": timeout})
        assert (response.status, error["ExceptionMessage"][:23]) == (400, "The parameter 'timeout'")
    assert await host.durable.hub.status("t") is None


async def test_status_parameters(host: HttpHost, api: Api) -> None:
    await api("POST", "/orchestrators/failing/f", json="1")
    await host.durable.settled("f")
    response, status = await api("GET", "/instances/f")
    assert (response.status, status["input"]) == (200, "1")
    assert "historyEvents" not in status
    _, status = await api("GET", "/instances/f", params={"showInput": "false"})
    assert status["input"] is None
    response, _ = await api("GET", "/instances/f", params={"returnInternalServerErrorOnFailure": "true"})
    assert response.status == 500
    response, body = await api("GET", "/instances/nobody")
    assert (response.status, body) == (404, None)


async def test_history_without_outputs_shows_none(host: HttpHost, api: Api) -> None:
    await api("POST", "/orchestrators/sequence/s", json="1")
    await host.durable.settled("s")
    _, status = await api("GET", "/instances/s", params={"showHistory": "true", "showInput": "false"})
    assert [event["EventType"] for event in status["historyEvents"]][1:3] == ["TaskCompleted"] * 2
    assert not any("Result" in event or "Input" in event for event in status["historyEvents"])


async def test_list_pages(api: Api) -> None:
    for number in range(5):
        await api("POST", f"/orchestrators/Approval/i-{number}")
    seen = list[str]()
    headers = dict[str, str]()
    for _ in range(3):
        response, page = await api("GET", "/instances", params={"top": "2"}, headers=headers)
        seen += [status["instanceId"] for status in page]
        headers = {"x-ms-continuation-token": response.headers.get("x-ms-continuation-token", "")}
    assert sorted(seen) == [f"i-{number}" for number in range(5)]
    assert headers["x-ms-continuation-token"] == ""


async def test_a_list_without_top_is_one_page_on_azure(
    compat_host: HttpHost, compat: Compat, caplog: pytest.LogCaptureFixture
) -> None:
    api = Api(compat_host)
    for number in range(101):
        await compat_host.durable.hub.start("Approval", instance_id=f"i-{number}")
        await compat_host.durable.hub.signal_entity("Keeper", f"k-{number}", "keep", "1")
    await compat_host.durable.hub.idle()
    orchestrations = {"instanceIdPrefix": "i-"}
    for route in ("/instances", "/entities"):
        for _ in range(2):
            response, page = await api("GET", route, params=orchestrations)
            token = response.headers.get("x-ms-continuation-token")
            assert (len(page), token is None) == ((101, True) if compat == "fixed" else (100, False))
        if token is not None:
            headers = {"x-ms-continuation-token": token}
            _, page = await api("GET", route, params=orchestrations, headers=headers)
            assert len(page) == 1
        warned = caplog.text.count(f"first-page: a reader of {route} ")
        assert warned == (1 if compat == "azure" else 0), "once is enough"


@pytest.mark.parametrize("route", ["/instances", "/entities"])
async def test_tokens_of_others_are_refused(host: HttpHost, api: Api, route: str) -> None:
    for number in range(2):
        await host.durable.hub.start("Approval", instance_id=f"i-{number}")
        await host.durable.hub.signal_entity("Keeper", f"k-{number}", "keep", "1")
    await host.durable.hub.idle()
    other = "/entities" if route == "/instances" else "/instances"
    response, _ = await api("GET", other, params={"top": "1"})
    for token in ("x", "W10=", "1", "é".encode().decode("latin-1"), response.headers["x-ms-continuation-token"]):
        response, error = await api("GET", route, headers={"x-ms-continuation-token": token})
        assert response.status == 400
        assert error["ExceptionMessage"] == "The continuation token is not one of this list."


@pytest.mark.parametrize("params", [{"top": "0"}, {"runtimeStatus": "Lost"}, {"createdTimeFrom": "yesterday"}])
async def test_malformed_queries_are_refused(api: Api, params: dict[str, str]) -> None:
    response, error = await api("GET", "/instances", params=params)
    assert response.status == 400
    assert next(iter(params)) in error["ExceptionMessage"]


async def test_a_page_has_at_most_ten_thousand_entries(api: Api) -> None:
    assert (await api("GET", "/instances", params={"top": "100000"}))[0].status == 200


@pytest.mark.parametrize("params", [{}, {"createdTimeFrom": ""}])
async def test_purge_many_needs_a_beginning(api: Api, params: dict[str, str]) -> None:
    response, error = await api("DELETE", "/instances", params=params)
    assert response.status == 400
    assert "createdTimeFrom" in error["ExceptionMessage"]


@pytest.mark.parametrize("verb", ["terminate", "suspend", "resume", "rewind", "raiseEvent/decided"])
async def test_verbs_know_the_unknown_and_the_ended(host: HttpHost, api: Api, verb: str) -> None:
    assert (await api("POST", f"/instances/nobody/{verb}"))[0].status == 404
    await api("POST", "/orchestrators/sequence/e", json="1")
    await host.durable.settled("e")
    assert (await api("POST", f"/instances/e/{verb}"))[0].status == 410


async def test_rewind_of_a_live_instance(api: Api) -> None:
    await api("POST", "/orchestrators/Approval/r")
    assert (await api("POST", "/instances/r/rewind"))[0].status == 412


async def test_restart(host: HttpHost, api: Api) -> None:
    assert (await api("POST", "/instances/nobody/restart"))[0].status == 400
    await api("POST", "/orchestrators/Approval/r")
    same = {"restartWithNewInstanceId": "false"}
    assert (await api("POST", "/instances/r/restart", params=same))[0].status == 409
    response, links = await api("POST", "/instances/r/restart")
    assert response.status == 202
    assert links["id"] != "r"


async def test_restart_and_wait(api: Api) -> None:
    await api("POST", "/orchestrators/sequence/s", json="1", params={"timeout": "10"})
    response, output = await api("POST", "/instances/s/restart", params={"timeout": "10"})
    assert (response.status, output) == (200, 3)


async def test_entities(host: HttpHost, api: Api) -> None:
    assert (await api("GET", "/entities/Counter/$"))[0].status == 404
    assert (await api("POST", "/entities/Counter/$", params={"op": "add"}, json="5"))[0].status == 202
    assert (await api("POST", "/entities/Counter/b", params={"op": "add"}, json="6"))[0].status == 202
    await host.durable.hub.idle()
    assert (await api("GET", "/entities/counter/$"))[1] == 5
    _, found = await api("GET", "/entities/Counter", params={"fetchState": "true"})
    assert [(each["entityId"]["key"], each["state"]) for each in found] == [("", 5), ("b", 6)]
    assert "state" not in (await api("GET", "/entities"))[1][0]
    assert (await api("DELETE", "/entities/Counter/b"))[0].status == 202


async def test_an_entity_is_an_instance_too(host: HttpHost, api: Api) -> None:
    await api("POST", "/entities/Keeper/k", params={"op": "keep"}, json='{"a": 1}')
    await host.durable.hub.idle()
    response, status = await api("GET", "/instances/@keeper@k")
    assert (response.status, response.headers["Retry-After"]) == (202, "5")
    assert response.headers["Location"].endswith(str(response.url.relative()))
    assert status["lastUpdatedTime"] == status["createdTime"] != ""
    del status["lastUpdatedTime"], status["createdTime"]
    assert status == {
        "name": "@keeper@k",
        "instanceId": "@keeper@k",
        "runtimeStatus": "Running",
        "input": {"exists": True, "state": '{"a": 1}', "sorter": {}},
        "customStatus": {"entityExists": True},
        "output": None,
    }
    plain = {"showInput": "false", "showHistory": "true"}
    _, status = await api("GET", "/instances/@keeper@k", params=plain)
    assert (status["input"], status["historyEvents"]) == (None, [])


@pytest.mark.parametrize("instance_id", ["@keeper@nobody", "@Keeper@k", "@keeper", "@"])
async def test_an_entity_is_known_as_an_instance_by_its_exact_id(host: HttpHost, api: Api, instance_id: str) -> None:
    await api("POST", "/entities/Keeper/k", params={"op": "keep"}, json="1")
    await host.durable.hub.idle()
    assert (await api("GET", f"/instances/{instance_id}"))[0].status == 404
    response, answer = await api("DELETE", f"/instances/{instance_id}")
    assert (response.status, answer) == (200, {"instancesDeleted": 0}), "no 404: as HttpApiHandler.cs has it"


@pytest.mark.parametrize("verb", ["terminate", "suspend", "resume", "rewind", "raiseEvent/x"])
@pytest.mark.parametrize("instance_id", ["@keeper@k", "@nope@k", "@", "@@k"])
async def test_entities_take_operations_alone(host: HttpHost, api: Api, verb: str, instance_id: str) -> None:
    await api("POST", "/entities/Keeper/k", params={"op": "keep"}, json="1")
    assert (await api("POST", f"/instances/{instance_id}/{verb}"))[0].status == 404
    await host.durable.hub.idle()
    assert (await api("GET", "/entities/Keeper/k"))[1] == 1


async def test_an_entity_is_purged_by_its_id_though_it_is_running(host: HttpHost, api: Api) -> None:
    for key in ("k", "other"):
        await api("POST", f"/entities/Keeper/{key}", params={"op": "keep"}, json="1")
    await host.durable.hub.idle()
    response, answer = await api("DELETE", "/instances/@keeper@k")
    assert (response.status, answer) == (200, {"instancesDeleted": 1})
    assert (await api("GET", "/entities/Keeper/k"))[0].status == 404
    assert (await api("GET", "/entities/Keeper/other"))[1] == 1
    await api("POST", "/entities/Keeper/k", params={"op": "keep"}, json="2")
    await host.durable.hub.idle()
    assert (await api("GET", "/entities/Keeper/k"))[1] == 2


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({}, {"a", "b", "@counter@k", "@keeper@k", "@keeper@l"}),
        ({"instanceIdPrefix": "@"}, {"@counter@k", "@keeper@k", "@keeper@l"}),
        ({"instanceIdPrefix": "@keeper@"}, {"@keeper@k", "@keeper@l"}),
        ({"instanceIdPrefix": "a"}, {"a"}),
        ({"runtimeStatus": "Running"}, {"a", "b", "@counter@k", "@keeper@k", "@keeper@l"}),
        ({"runtimeStatus": "Completed,Failed"}, set()),
        ({"createdTimeTo": "2000-01-01T00:00:00Z"}, set()),
    ],
)
@pytest.mark.parametrize("top", ["1", "2", "5", ""])
async def test_lists_hold_entities_as_on_azure(
    host: HttpHost, api: Api, params: dict[str, str], ids: set[str], top: str
) -> None:
    for instance_id in "ab":
        await host.durable.hub.start("Approval", instance_id=instance_id)
    for name, key in (("Counter", "k"), ("Keeper", "k"), ("Keeper", "l")):
        await host.durable.hub.signal_entity(name, key, "add" if name == "Counter" else "keep", "1")
    await host.durable.hub.idle()
    seen, token = list[str](), ""
    while True:
        headers = {"x-ms-continuation-token": token} if token else {}
        response, page = await api("GET", "/instances", params=params | {"top": top}, headers=headers)
        seen += [status["instanceId"] for status in page]
        if not (token := response.headers.get("x-ms-continuation-token", "")):
            break
        assert len(page) == int(top), "a page before the last one is full"
    assert sorted(seen) == sorted(ids)


@pytest.mark.parametrize(
    ("parent", "sent", "kept"),
    [
        (f"00-{'a' * 32}-{'b' * 16}-01", "k=1,t@v=2", "k=1,t@v=2"),
        (f"00-{'a' * 32}-{'b' * 16}-01", "canary", None),
        (f"00-{'a' * 32}-{'b' * 16}-01", "", None),
        ("malformed", "k=1", None),
    ],
)
async def test_trace_of_the_caller_reaches_the_instance(
    host: HttpHost, api: Api, parent: str, sent: str, kept: str | None
) -> None:
    await api("POST", "/orchestrators/sequence/t", json="1", headers={"traceparent": parent, "tracestate": sent})
    await host.durable.settled("t")
    _, links = await api("POST", "/instances/t/restart")
    for instance_id in ("t", links["id"]):
        status = await host.durable.settled(instance_id)
        assert status.tracestate == kept
        assert (status.traceparent == parent) == (parent != "malformed")
