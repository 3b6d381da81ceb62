"""Tests as the app's author would write them: no import of the host but for names, fixtures from the plugin."""

import pytest

from function_app import app
from host.model import Status
from host.pytest_plugin import Durable, DurableSync


@pytest.mark.asyncio
async def test_a_reminder_comes_after_a_week(durable: Durable) -> None:
    host = await durable(app)
    begun = await host.run("reminder")
    await host.advance(days=7)
    assert (await host.settled(begun.instance_id)).output == '"hello again"'


def test_a_failed_attempt_is_made_again(durable_sync: DurableSync) -> None:
    host = durable_sync(app)
    host.fail("say", attempt=1)
    begun = host.run("greetings", ["you"])
    assert begun.status is Status.RUNNING
    host.advance(seconds=1)
    assert host.settled(begun.instance_id).output == '["hello you"]'
