"""What becomes of a gateway's refusals, and how jobs are found by streams and by looks, each alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

import grpc
import pytest

from adapters.camunda.base import Message
from adapters.camunda.grpc import GrpcCamunda
from domain.errors import Defect, Unavailable
from tests.adapters.camunda.doors import CANARY, Gateway, listening
from tests.adapters.camunda.side import PATIENCE, at
from tests.mirror.bench import until
from tests.ports import free_port

MESSAGE = Message("decided", "task-1", "id-1")
FAR = 3600.0


@pytest.fixture
async def gateway() -> Gateway:
    return Gateway()  # type: ignore[abstract]  # the other calls answer that they are not implemented


@pytest.fixture
async def camunda(gateway: Gateway) -> AsyncIterator[GrpcCamunda]:
    async with listening(gateway) as address:
        made = at(int(address.rpartition(":")[2]))
        yield made
        await made.aclose()


async def keys(camunda: GrpcCamunda, count: int) -> list[int]:
    """Of the first jobs that come."""
    found: list[int] = []
    async with asyncio.timeout(PATIENCE), aclosing(camunda.jobs(["kind"], ["mirrored"], 60.0)) as jobs:
        async for job in jobs:
            assert (job.kind, job.variables) == ("kind", {"mirrored": 3})
            found.append(job.key)
            if len(found) == count:
                break
    return found


AWAY = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "UNAUTHENTICATED", "INTERNAL", "UNKNOWN", "ABORTED")


@pytest.mark.parametrize("status", AWAY)
async def test_what_may_pass_is_unavailable_and_told_once_without_its_text(
    status: str, camunda: GrpcCamunda, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.fails["PublishMessage"] = grpc.StatusCode[status]
    for _ in range(3):
        with pytest.raises(Unavailable, match=f"PublishMessage got {status}") as caught:
            await camunda.publish(MESSAGE)
        assert CANARY not in str(caught.value)
        assert caught.value.__suppress_context__
    (line,) = caplog.messages
    assert CANARY not in line


async def test_what_will_not_pass_is_a_defect_without_its_text(camunda: GrpcCamunda, gateway: Gateway) -> None:
    gateway.fails["PublishMessage"] = grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(Defect, match="camunda-permission-denied: PublishMessage") as caught:
        await camunda.publish(MESSAGE)
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(("status", "hint"), [("INVALID_ARGUMENT", True), ("PERMISSION_DENIED", False)])
async def test_files_are_blamed_where_it_is_them(
    status: str, hint: bool, camunda: GrpcCamunda, gateway: Gateway
) -> None:
    gateway.fails["DeployResource"] = grpc.StatusCode[status]
    with pytest.raises(Defect, match=f"camunda-deployment: {status}") as caught:
        await camunda.deploy({"a.bpmn": b""})
    assert ("check the files" in str(caught.value)) is hint


async def test_streams_alone_bring_jobs_and_are_begun_anew(
    camunda: GrpcCamunda, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.camunda.grpc.POLL", FAR)
    monkeypatch.setattr("adapters.camunda.grpc.PAUSE", 0.01)
    gateway.fails["ActivateJobs"] = grpc.StatusCode.UNIMPLEMENTED
    gateway.streams = [1, 2]
    gateway.over.set()  # it ends each time
    first = asyncio.ensure_future(keys(camunda, 3))
    await until(lambda: not gateway.streams)
    gateway.streams = [3]
    assert await first == [1, 2, 3]


async def test_looks_alone_find_jobs_and_look_on_while_there_are_any(
    camunda: GrpcCamunda, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.camunda.grpc.POLL", FAR)
    gateway.fails["StreamActivatedJobs"] = grpc.StatusCode.UNIMPLEMENTED
    gateway.looks = [1, 2, 3]
    assert await keys(camunda, 3) == [1, 2, 3]


async def test_a_look_comes_after_another(
    camunda: GrpcCamunda, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.camunda.grpc.POLL", 0.01)
    first = asyncio.ensure_future(keys(camunda, 1))
    await until(lambda: [method for method, _ in gateway.signed].count("ActivateJobs") > 2)
    gateway.looks = [4]
    assert await first == [4]


async def test_an_outage_is_told_where_nothing_but_jobs_is_asked_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.camunda.grpc.POLL", 0.01)
    camunda = at(free_port())
    waiting = asyncio.ensure_future(keys(camunda, 1))
    await until(lambda: bool(caplog.messages))
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    await camunda.aclose()
    (line,) = caplog.messages
    assert "ActivateJobs got UNAVAILABLE" in line


async def test_what_should_not_happen_to_jobs_is_not_kept_silent() -> None:
    def channel() -> grpc.aio.Channel:
        raise FileNotFoundError("ca.pem")

    with pytest.raises(FileNotFoundError, match=r"ca\.pem"):
        await keys(GrpcCamunda(channel), 1)
