"""Who completed a user task, as Camunda's search answers it; and on the real one, which is asked the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

import stack
from adapters.camunda.instance import DONE
from adapters.camunda.people import Nobody, SearchedPeople
from domain.errors import Unavailable
from stack.options import CAMUNDA_FULL
from tests.adapters.camunda.doors import Site, site
from tests.adapters.camunda.side import REVIEW, at, deploy, start, taking
from tests.ports import free_port
from tests.stack.camunda import camunda_options
from tests.stack.servers import WAIT, running, until

INSTANCE, ELEMENT, OTHER = 2251799813685300, 2251799813685310, 2251799813685311


def task(element_instance: int, state: str = "COMPLETED", **fields: object) -> dict[str, Any]:
    """One item, as 8.6.0 answers it."""
    given = {
        "userTaskKey": element_instance + 1,
        "state": state,
        "elementId": "clinical-review",
        "elementInstanceKey": element_instance,
        "bpmnProcessId": "prior-authorization",
        "processDefinitionKey": 2251799813685249,
        "processInstanceKey": INSTANCE,
        "tenantIds": "<default>",
        "priority": 50,
    }
    return {**given, **fields}


async def completed(search: Site, element_instance: int = ELEMENT) -> str | None:
    return await SearchedPeople(f"{search.url}/v2/").completed(INSTANCE, element_instance)


async def test_the_assignee_of_the_completed_task_is_told() -> None:
    with site(lambda _: (200, {"items": [task(OTHER, assignee="demo"), task(ELEMENT, assignee="chen")]})) as search:
        assert await completed(search) == "chen"
    (asked,) = search.asked
    assert (asked.path, asked.authorization) == ("/v2/user-tasks/search", "")
    assert asked.document == {"filter": {"processInstanceKey": INSTANCE}}


@pytest.mark.parametrize(
    "items",
    [
        [],
        [task(OTHER, assignee="demo")],
        [task(ELEMENT, "CREATED", assignee="demo")],
        [task(ELEMENT, "CANCELED", assignee="demo")],
        [task(ELEMENT)],
    ],
)
async def test_until_it_is_known_nobody_is_told(items: list[dict[str, Any]]) -> None:
    with site(lambda _: (200, {"items": items, "page": {"totalItems": len(items)}})) as search:
        assert await completed(search) is None


async def test_keys_may_be_text_as_later_versions_write_them() -> None:
    with site(lambda _: (200, {"items": [task(ELEMENT, elementInstanceKey=str(ELEMENT), assignee="demo")]})) as search:
        assert await completed(search) == "demo"


@pytest.mark.parametrize(
    "said",
    [
        (401, {}),
        (403, {"title": "Forbidden"}),
        (404, "<html>"),
        (500, {}),
        (200, "<html>"),
        (200, []),
        (200, {}),
        (200, {"items": [{}]}),
        (200, {"items": None}),
    ],
)
async def test_what_is_no_answer_is_unavailable(said: tuple[int, Any], caplog: pytest.LogCaptureFixture) -> None:
    with site(lambda _: said) as search:
        people = SearchedPeople(search.url)
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                await people.completed(INSTANCE, ELEMENT)
            assert caught.value.code == "camunda"
    (line,) = caplog.messages
    assert "Camunda's search is unavailable" in line


async def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="ConnectError"):
        await SearchedPeople(f"http://127.0.0.1:{free_port()}/v2").completed(INSTANCE, ELEMENT)


async def test_many_may_ask_at_once() -> None:
    with site(lambda _: (200, {"items": [task(ELEMENT, assignee="chen")]})) as search:
        people = SearchedPeople(search.url)
        found = await asyncio.gather(*(people.completed(INSTANCE, ELEMENT) for _ in range(10)))
    assert set(found) == {"chen"}


async def test_where_nothing_can_be_searched_nobody_is_known() -> None:
    assert await Nobody().completed(INSTANCE, ELEMENT) is None


# -- the real one ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Servers]:
    with running(camunda_options(tmp_path_factory.mktemp("people"), only=CAMUNDA_FULL)) as started:
        yield started


def complete_in_tasklist(servers: stack.Servers, instance: int) -> None:
    """As the person ``demo``."""
    base = servers.operate_url.removesuffix("/operate")
    with httpx.Client(base_url=base, timeout=60, trust_env=False) as tasklist:
        answer = tasklist.post("/api/login", data={"username": "demo", "password": "demo"}).raise_for_status()
        tasklist.headers["X-CSRF-TOKEN"] = answer.headers["X-CSRF-TOKEN"]
        wanted = {"processInstanceKey": str(instance), "state": "CREATED"}

        def tasks() -> list[str]:
            return [each["id"] for each in tasklist.post("/v1/tasks/search", json=wanted).raise_for_status().json()]

        until(lambda: len(tasks()) == 1)
        (task,) = tasks()
        tasklist.patch(f"/v1/tasks/{task}/assign", json={}).raise_for_status()
        form = {"variables": [{"name": "decision", "value": '"approve"'}]}
        tasklist.patch(f"/v1/tasks/{task}/complete", json=form).raise_for_status()


@pytest.mark.integration
async def test_camunda_knows_who_it_was_while_the_job_of_the_listener_is_open(servers: stack.Servers) -> None:
    camunda, people = at(servers.options.camunda_grpc_port), SearchedPeople(f"{servers.camunda_url}/v2")
    await deploy(camunda)
    async with taking(camunda, lease=600.0) as jobs:
        case = await start(camunda)
        opened = await jobs.drive(case, "open-review", **REVIEW)
        await camunda.complete(opened.key, {"task": str(uuid4())})
        assert await people.completed(opened.instance, opened.element_instance) is None
        await asyncio.to_thread(complete_in_tasklist, servers, opened.instance)
        done = await jobs.at(case, "clinical-review")
        assert (done.kind, done.variables["decision"]) == (DONE, "approve")
        end = time.monotonic() + WAIT
        while (person := await people.completed(done.instance, done.element_instance)) is None:
            assert time.monotonic() < end
        assert person == "demo"
        assert await people.completed(done.instance, opened.element_instance) is None
    await camunda.aclose()
