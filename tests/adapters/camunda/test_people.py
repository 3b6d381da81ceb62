"""Who completed a user task, as Camunda's search answers it; and on the real one, which is asked the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapters.camunda.people import Nobody, SearchedPeople
from domain.errors import Unavailable
from tests.adapters.camunda.doors import Site, site
from tests.ports import free_port

INSTANCE, REVIEW, OTHER = 2251799813685300, 2251799813685310, 2251799813685311


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


async def completed(search: Site, element_instance: int = REVIEW) -> str | None:
    return await SearchedPeople(f"{search.url}/v2/").completed(INSTANCE, element_instance)


async def test_the_assignee_of_the_completed_task_is_told() -> None:
    with site(lambda _: (200, {"items": [task(OTHER, assignee="demo"), task(REVIEW, assignee="chen")]})) as search:
        assert await completed(search) == "chen"
    (asked,) = search.asked
    assert (asked.path, asked.authorization) == ("/v2/user-tasks/search", "")
    assert asked.document == {"filter": {"processInstanceKey": INSTANCE}}


@pytest.mark.parametrize(
    "items",
    [
        [],
        [task(OTHER, assignee="demo")],
        [task(REVIEW, "CREATED", assignee="demo")],
        [task(REVIEW, "CANCELED", assignee="demo")],
        [task(REVIEW)],
    ],
)
async def test_until_it_is_known_nobody_is_told(items: list[dict[str, Any]]) -> None:
    with site(lambda _: (200, {"items": items, "page": {"totalItems": len(items)}})) as search:
        assert await completed(search) is None


async def test_keys_may_be_text_as_later_versions_write_them() -> None:
    with site(lambda _: (200, {"items": [task(REVIEW, elementInstanceKey=str(REVIEW), assignee="demo")]})) as search:
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
                await people.completed(INSTANCE, REVIEW)
            assert caught.value.code == "camunda"
    (line,) = caplog.messages
    assert "Camunda's search is unavailable" in line


async def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="ConnectError"):
        await SearchedPeople(f"http://127.0.0.1:{free_port()}/v2").completed(INSTANCE, REVIEW)


async def test_many_may_ask_at_once() -> None:
    with site(lambda _: (200, {"items": [task(REVIEW, assignee="chen")]})) as search:
        people = SearchedPeople(search.url)
        found = await asyncio.gather(*(people.completed(INSTANCE, REVIEW) for _ in range(10)))
    assert set(found) == {"chen"}


async def test_where_nothing_can_be_searched_nobody_is_known() -> None:
    assert await Nobody().completed(INSTANCE, REVIEW) is None
