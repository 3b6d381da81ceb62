"""Fixtures of every test folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import stack
from tests.ports import free_port


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Servers]:
    """The real rules service and FHIR server, on free ports with empty data, for the whole test run.

    ``STACK_DATA=.data`` uses (and leaves running) the stack of that folder on its usual ports instead.
    """
    if "STACK_DATA" in os.environ:
        yield stack.up(stack.Options(data=Path(os.environ["STACK_DATA"])))
        return
    data = tmp_path_factory.mktemp("stack")
    options = stack.Options(data=data, fhir_port=free_port(), rules_port=free_port())
    yield stack.up(options)
    stack.down(options)
