"""Running rules services for all tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rules.service import RULESETS, Service, running


@pytest.fixture(scope="session")
def rules_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service over the product's rulesets."""
    with running(RULESETS, tmp_path_factory.mktemp("rules") / "service.log") as service:
        yield service


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the rulesets that tests may change."""
    return Path(shutil.copytree(RULESETS, tmp_path_factory.mktemp("copy") / "rulesets"))


@pytest.fixture(scope="session")
def service(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service over ``folder``, with a short time limit and without a limit of firings."""
    with running(
        folder, tmp_path_factory.mktemp("log") / "service.log", "timeout=1000", "fireLimit=50000000"
    ) as started:
        yield started
