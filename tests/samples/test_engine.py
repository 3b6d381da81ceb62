"""The engine of ``make run``: its endpoint for notifications and the Subscriptions that name it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from samples.engine import SAMPLES, Engine
from samples.hook import HOOK_PORT, HookReceiver
from stack import Options, StackError


@pytest.fixture
def receiver() -> Any:
    receiver = HookReceiver(0)
    yield receiver
    receiver.close()


def subscription() -> dict[str, Any]:
    bundle = json.loads((SAMPLES / "members" / "subscriptions.json").read_text())
    found: dict[str, Any] = bundle["entry"][0]["resource"]
    return found


def test_a_port_that_is_taken_is_told_in_one_sentence_before_anything_starts(
    receiver: HookReceiver, tmp_path: Path
) -> None:
    with pytest.raises(StackError, match=rf"^Port {receiver.port} .* is taken .* --hook-port\.$") as caught:
        Engine(data=tmp_path, options=Options(data=tmp_path), hook_port=receiver.port).__enter__()
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_subscription_is_stored_with_the_port_of_the_endpoint(receiver: HookReceiver) -> None:
    engine = Engine()
    assert engine.hook_port == 0, "two engines on one machine do not meet"
    assert engine.stored(subscription()) == subscription(), "no endpoint: what the file says"
    engine.hooks = receiver
    before = subscription()["channel"]
    after = engine.stored(subscription())["channel"]
    assert before["endpoint"].startswith(f"http://127.0.0.1:{HOOK_PORT}/")
    assert after == {**before, "endpoint": before["endpoint"].replace(str(HOOK_PORT), str(receiver.port))}
    httpx.post(after["endpoint"], headers={"Idempotency-Key": "n-1"}, trust_env=False).raise_for_status()
    assert receiver.received == ["n-1"]
    organization = {"resourceType": "Organization", "id": "o"}
    assert engine.stored(organization) == organization
