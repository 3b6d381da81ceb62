"""An outage is told once, with its end; not once a call."""

from __future__ import annotations

import logging

import httpx
import pytest

from adapters.fhir.http import HttpFhir
from adapters.rules.http import HttpRules
from domain.errors import Unavailable


class Server(httpx.AsyncBaseTransport):
    """Away, then back."""

    away = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, json=[])


@pytest.mark.parametrize("kind", [HttpFhir, HttpRules])
async def test_many_failed_calls_are_two_lines(
    kind: type[HttpFhir] | type[HttpRules], caplog: pytest.LogCaptureFixture
) -> None:
    server = Server()
    client = kind("http://127.0.0.1:1", transport=server)
    with caplog.at_level(logging.INFO, "workflow.outage"):
        for _ in range(20):
            with pytest.raises(Unavailable):
                await client.ready()
        assert len(caplog.records) == 1
        assert "ConnectError" in caplog.text
        server.away = False
        await client.ready()
        await client.ready()
    assert len(caplog.records) == 2
    assert "20 calls had failed" in caplog.text
    await client.aclose()


async def test_a_server_that_answers_with_errors_is_one_outage(caplog: pytest.LogCaptureFixture) -> None:
    fhir = HttpFhir("http://127.0.0.1:1", transport=httpx.MockTransport(lambda _: httpx.Response(503)))
    with caplog.at_level(logging.INFO, "workflow.outage"):
        for _ in range(5):
            with pytest.raises(Unavailable):
                await fhir.read("Task/1")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    await fhir.aclose()
