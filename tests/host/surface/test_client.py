"""Every method of the SDK's own client against the management API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import azure.functions as func
import pytest
from azure.durable_functions import DurableOrchestrationClient, EntityId, OrchestrationRuntimeStatus
from azure.durable_functions.models.utils import http_utils

from host.options import Compat
from host.testing_http import HttpHost

EARLY = datetime(2000, 1, 1, tzinfo=UTC)


async def test_start_runs_and_status_tells(host: HttpHost, client: DurableOrchestrationClient) -> None:
    instance_id = await client.start_new("sequence", "one", 5)
    assert instance_id == "one"
    await host.durable.settled("one")
    status = await client.get_status("one", show_input=True)
    assert (status.name, status.instance_id, status.output, status.custom_status) == ("sequence", "one", 7, {"at": 6})
    assert status.runtime_status is OrchestrationRuntimeStatus.Completed
    assert status.input_ == "5"
    assert status.created_time == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


async def test_start_without_an_id_makes_one(host: HttpHost, client: DurableOrchestrationClient) -> None:
    first, second = await client.start_new("Approval"), await client.start_new("approval")
    assert first != second
    assert (await host.durable.settled(first)).name == "Approval"


async def test_start_of_an_unknown_function_names_the_known(client: DurableOrchestrationClient) -> None:
    with pytest.raises(Exception, match=r"no orchestrator function named 'nope'\. Known: .*sequence"):
        await client.start_new("nope")


async def test_start_of_a_live_id_is_refused(client: DurableOrchestrationClient) -> None:
    await client.start_new("Approval", "same")
    with pytest.raises(Exception, match="already exists"):
        await client.start_new("Approval", "same")


async def test_start_with_a_version(host: HttpHost, client: DurableOrchestrationClient) -> None:
    await client.start_new("Approval", "versioned", version="1.5")
    status = await host.durable.hub.status("versioned")
    assert status is not None
    assert status.version == "1.5"


async def test_status_of_an_unknown_instance_is_falsy(client: DurableOrchestrationClient) -> None:
    assert not await client.get_status("nobody")


async def test_status_with_history(host: HttpHost, client: DurableOrchestrationClient) -> None:
    await client.start_new("sequence", "told", 5)
    await host.durable.settled("told")
    status = await client.get_status("told", show_history=True, show_history_output=True)
    events = status.historyEvents
    assert [event["EventType"] for event in events] == [
        "ExecutionStarted",
        "TaskCompleted",
        "TaskCompleted",
        "ExecutionCompleted",
    ]
    assert events[1]["FunctionName"].lower() == "add_one"
    assert events[1]["Result"] == 6
    assert events[1]["ScheduledTime"]
    assert "TaskScheduledId" not in events[1]
    assert "Input" in events[1], "the client can ask for inputs, and not that there be none"
    assert events[3]["OrchestrationStatus"] == "Completed"


async def test_raise_event_arrives_as_the_client_encodes_it(host: HttpHost, client: DurableOrchestrationClient) -> None:
    await client.start_new("Approval", "asked")
    await client.raise_event("asked", "decided", {"ok": True})
    assert (await host.durable.settled("asked")).output == json.dumps(json.dumps({"ok": True}))


async def test_raise_event_to_nobody_and_to_the_ended(host: HttpHost, client: DurableOrchestrationClient) -> None:
    with pytest.raises(Exception, match="No instance with ID nobody found"):
        await client.raise_event("nobody", "decided")
    await client.start_new("sequence", "ended", 1)
    await host.durable.settled("ended")
    with pytest.raises(Exception, match="is gone"):
        await client.raise_event("ended", "decided")


async def test_terminate(host: HttpHost, client: DurableOrchestrationClient) -> None:
    await client.start_new("Approval", "doomed")
    await client.terminate("doomed", "no longer needed")
    await host.durable.settled("doomed")
    status = await client.get_status("doomed")
    assert status.runtime_status is OrchestrationRuntimeStatus.Terminated
    assert status.output == "no longer needed"
    await client.terminate("doomed", "again")
    with pytest.raises(Exception, match="No instance with ID 'nobody' found"):
        await client.terminate("nobody", "x")


async def test_suspend_and_resume(host: HttpHost, client: DurableOrchestrationClient) -> None:
    await client.start_new("Approval", "held")
    await host.durable.settled("held")
    await client.suspend("held", "wait & see")
    await host.durable.settled("held")
    assert (await client.get_status("held")).runtime_status is OrchestrationRuntimeStatus.Suspended
    with pytest.raises(Exception, match="unexpected status code 500"):
        await client.suspend("held", "twice")
    await client.resume("held", "go on")
    await client.raise_event("held", "decided", 1)
    await host.durable.settled("held")
    assert (await client.get_status("held")).runtime_status is OrchestrationRuntimeStatus.Completed


async def test_rewind(host: HttpHost, client: DurableOrchestrationClient) -> None:
    host.durable.fail("add_one")
    await client.start_new("sequence", "failed", 1)
    assert (await host.durable.settled("failed")).status == "Failed"
    await client.rewind("failed", "fixed now")
    assert (await host.durable.settled("failed")).output == "3"
    with pytest.raises(Exception, match="only supported on failed"):
        await client.rewind("failed", "again")
    with pytest.raises(Exception, match="No instance with ID nobody found"):
        await client.rewind("nobody", "x")


async def test_restart(host: HttpHost, client: DurableOrchestrationClient) -> None:
    await client.start_new("sequence", "first", 1)
    await host.durable.settled("first")
    answer = await client.restart("first")
    assert (await host.durable.settled(answer["id"])).output == "3"
    assert answer["id"] != "first"
    again = await client.restart("first", restart_with_new_instance_id=False)
    assert again["id"] == "first"


async def test_lists(host: HttpHost, client: DurableOrchestrationClient) -> None:
    for number in range(3):
        await client.start_new("Approval", f"a-{number}")
    await client.start_new("sequence", "b-0", 1)
    await host.durable.settled("b-0")
    assert {status.instance_id for status in await client.get_status_all()} == {"a-0", "a-1", "a-2", "b-0"}
    running = await client.get_status_by(EARLY, runtime_status=[OrchestrationRuntimeStatus.Running])
    assert {status.instance_id for status in running} == {"a-0", "a-1", "a-2"}
    named = await client.get_status_by(instance_id_prefix="b-")
    assert [status.instance_id for status in named] == ["b-0"]
    assert await client.get_status_by(EARLY, EARLY + timedelta(days=1)) == []
    assert await client.get_status_by(EARLY, runtime_status=[OrchestrationRuntimeStatus.Canceled]) == []


@pytest.fixture
async def either(compat_host: HttpHost) -> AsyncIterator[DurableOrchestrationClient]:
    """The client against a host of either mode."""
    yield DurableOrchestrationClient(compat_host.server.binding.text())
    await http_utils._close_session()
    http_utils._client_session = None


@pytest.mark.parametrize("value", [{"a": 1}, [1], 5, "word", True])
async def test_what_the_client_sends_means_the_same_in_both_modes(
    compat_host: HttpHost, either: DurableOrchestrationClient, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    await either.start_new("reading", "in", value)
    await either.signal_entity(EntityId("Keeper", "k"), "keep", value)
    await either.start_new("Approval", "asked")
    await either.raise_event("asked", "decided", value)
    await compat_host.durable.hub.idle()
    assert (await either.get_status("in")).output == value
    assert (await either.read_entity_state(EntityId("Keeper", "k"))).entity_state == value
    assert (await either.get_status("asked")).output == json.dumps(value), "an event arrives as text"
    assert "plain-json" not in caplog.text


async def test_the_client_sees_the_first_page_alone_on_azure(
    compat_host: HttpHost, compat: Compat, either: DurableOrchestrationClient
) -> None:
    for number in range(101):
        await compat_host.durable.hub.start("Approval", instance_id=f"i-{number}")
    assert len(await either.get_status_all()) == (100 if compat == "azure" else 101)


async def test_purge(host: HttpHost, client: DurableOrchestrationClient) -> None:
    for name in ("p-1", "p-2", "p-3"):
        await client.start_new("sequence", name, 1)
        await host.durable.settled(name)
    assert (await client.purge_instance_history("p-1")).instances_deleted == 1
    assert (await client.purge_instance_history("p-1")).instances_deleted == 0
    result = await client.purge_instance_history_by(EARLY, runtime_status=[OrchestrationRuntimeStatus.Completed])
    assert result.instances_deleted == 2
    assert (await client.purge_instance_history_by(EARLY)).instances_deleted == 0


async def test_purge_of_a_live_instance_is_refused(client: DurableOrchestrationClient) -> None:
    await client.start_new("Approval", "live")
    with pytest.raises(Exception, match="unexpected status code 412"):
        await client.purge_instance_history("live")


async def test_entities(host: HttpHost, client: DurableOrchestrationClient) -> None:
    entity = EntityId("Counter", "k")
    assert not (await client.read_entity_state(entity)).entity_exists
    await client.signal_entity(entity, "add", 5)
    await client.signal_entity(entity, "add", 2)
    await host.durable.hub.idle()
    state = await client.read_entity_state(entity)
    assert (state.entity_exists, state.entity_state) == (True, 7)
    with pytest.raises(Exception, match="unexpected status code 400"):
        await client.signal_entity(EntityId("Nobody", "k"), "add", 1)


def test_check_status_response_has_the_callers_origin(client: DurableOrchestrationClient) -> None:
    request = func.HttpRequest("GET", "https://front.example/api/start", body=b"")
    response = client.create_check_status_response(request, "abc")
    links = json.loads(response.get_body())
    assert response.status_code == 202
    assert links["id"] == "abc"
    assert all(url.startswith("https://front.example/runtime/webhooks/durabletask/instances/abc")
               for name, url in links.items() if name != "id")  # fmt: skip


async def test_wait_for_completion(host: HttpHost, client: DurableOrchestrationClient) -> None:
    request = func.HttpRequest("GET", host.server.origin, body=b"")
    await client.start_new("sequence", "quick", 1)
    done = await client.wait_for_completion_or_create_check_status_response(request, "quick", 5000, 10)
    assert (done.status_code, done.get_body()) == (200, b"3")
    await client.start_new("Approval", "patient")
    waiting = await client.wait_for_completion_or_create_check_status_response(request, "patient", 20, 10)
    assert waiting.status_code == 202
    await client.start_new("failing", "broken")
    failed = await client.wait_for_completion_or_create_check_status_response(request, "broken", 5000, 10)
    assert failed.status_code == 500
