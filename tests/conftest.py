"""Fixtures of every test folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import stack


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
