"""The main job on the real servers: every sample has its expected outcome, and has it again on a second run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from samples.cases import run, samples
from samples.client import Client
from samples.engine import Engine

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def client(app_host: Engine) -> Iterator[Client]:
    with Client(app_host) as client:
        yield client


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: str(sample["case"]))
def test_a_sample_has_its_expected_outcome(client: Client, sample: dict[str, Any]) -> None:
    assert run(client, sample).wrong == []


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: str(sample["case"]))
def test_the_second_run_finds_the_stored_state(client: Client, sample: dict[str, Any]) -> None:
    assert run(client, sample).wrong == []


def test_the_submitter_was_notified_of_each_decision(client: Client, app_host: Engine) -> None:
    run(client, next(sample for sample in samples() if sample["case"] == "approved-at-once"))
    assert app_host.hooks is not None
    assert len(set(app_host.hooks.received)) >= 1
