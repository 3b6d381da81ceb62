"""One rules service over the product's rulesets for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rules.service import RULESETS, Service, running


@pytest.fixture(scope="session")
def rules_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service with every ruleset loaded."""
    with running(RULESETS, tmp_path_factory.mktemp("rules") / "service.log") as service:
        yield service
