"""An outage is told once, with its end; not once a call."""

from __future__ import annotations

import httpx
import pytest

from adapters.fhir.http import HttpFhir
from adapters.outage import SETTLED, Outage
from adapters.rules.http import HttpRules
from domain.errors import Unavailable


@pytest.mark.parametrize("kind", [HttpFhir, HttpRules])
@pytest.mark.parametrize("status", [None, 503])
async def test_many_failed_calls_are_one_line(
    kind: type[HttpFhir] | type[HttpRules], status: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        if status is None:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(status)

    client = kind("http://127.0.0.1:1", transport=httpx.MockTransport(away))
    for _ in range(20):
        with pytest.raises(Unavailable):
            await client.ready()
    (line,) = caplog.messages
    assert ("503" if status else "ConnectError") in line
    await client.aclose()


def test_an_outage_ends_when_calls_are_answered_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    outage = Outage("The system", "Wait.", lambda: now)
    outage.answered()
    outage.failed(Unavailable("it", "no answer"))
    now += 20
    outage.failed(Unavailable("it", "no answer"))
    outage.answered()  # one that was under way
    outage.failed(Unavailable("it", "no answer"))
    assert caplog.messages == ["The system is unavailable: no answer. Wait."]
    now += SETTLED
    outage.answered()
    outage.answered()
    assert caplog.messages[1:] == ["The system answers again: over 20 s, 3 calls had failed."]
    outage.failed(Unavailable("it", "no answer"))
    assert len(caplog.messages) == 3
