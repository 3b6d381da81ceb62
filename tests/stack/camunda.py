"""A Camunda engine of a test's own."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

import stack
from stack.options import CAMUNDA
from stack.servers import servers
from tests.ports import free_port


def free_ports(options: stack.Options) -> stack.Options:
    """``options`` with ports for Camunda that nobody listens on."""
    return replace(
        options,
        camunda_port=free_port(),
        camunda_grpc_port=free_port(),
        camunda_command_port=free_port(),
        camunda_internal_port=free_port(),
        camunda_management_port=free_port(),
        webapps_port=free_port(),
        webapps_management_port=free_port(),
        opensearch_port=free_port(),
        opensearch_transport_port=free_port(),
    )


def camunda_options(
    data: Path, only: tuple[str, ...] = CAMUNDA, exporter_url: str | None = None, clock_controlled: bool = False
) -> stack.Options:
    """Skips where the 300 MB of Camunda would have to be downloaded, unless CAMUNDA=1 asks for them."""
    options = free_ports(stack.Options(data=data, only=only))
    if not os.environ.get("CAMUNDA") and not all(each.is_built for each in servers(options)):
        pytest.skip("Camunda is not in .cache (300 MB): set CAMUNDA=1, or run python -m stack build --only camunda")
    return replace(options, camunda_exporter_url=exporter_url, camunda_clock_controlled=clock_controlled)
