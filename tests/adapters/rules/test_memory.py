"""What the twin adds for tests."""

from __future__ import annotations

import pytest

from adapters.rules.memory import Judgement, MemoryRules
from domain.errors import Unavailable


async def test_switched_off_it_fails_as_a_stopped_service_does() -> None:
    rules = MemoryRules()
    rules.register("r", "1.0.0", lambda facts: Judgement({"R": [facts]}))
    rules.available = False
    for call in (rules.ready(), rules.current(), rules.evaluate("r", "1.0.0", {})):
        with pytest.raises(Unavailable):
            await call
    rules.available = True
    assert (await rules.evaluate("r", "1.0.0", {"n": 1})).results == {"R": [{"n": 1}]}


async def test_keeps_what_was_asked() -> None:
    rules = MemoryRules()
    rules.register("r", "1.0.0", lambda facts: Judgement({}))
    await rules.evaluate("r", "1.0.0", {"n": 1})
    assert rules.asked == [("r", "1.0.0", {"n": 1})]


async def test_the_version_that_was_registered_last_is_current() -> None:
    rules = MemoryRules()
    rules.register("r", "1.0.0", lambda facts: Judgement({}))
    rules.register("r", "1.1.0", lambda facts: Judgement({}))
    assert await rules.current() == {"r": "1.1.0"}
