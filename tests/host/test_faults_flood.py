"""Many starts at the same moment, each on a connection of its own: all are taken, and the host stays small."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.apps.process import MANAGEMENT
from tests.host.faulty_host import faulty_host

LIMIT = 300 * 1024 * 1024
"""Bytes that the host may hold at most."""
SPARE = 256
"""Files that a host may open at its start, and more than the test needs beside its connections."""
LONG = 120.0
"""Seconds: for a machine that is busy."""


async def _start(port: int, key: str, number: int) -> str:
    """The status line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    path = f"{MANAGEMENT}/orchestrators/parked/flood-{number}?code={key}"
    writer.write(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n")[0].decode()


async def _flood(port: int, key: str, count: int) -> Counter[str]:
    async with asyncio.timeout(LONG):
        return Counter(await asyncio.gather(*(_start(port, key, number) for number in range(count))))


@contextmanager
def _files(most: int) -> Iterator[None]:
    """As many as this process, and what it starts, may open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.fault)])
def test_as_many_starts_as_come_at_once_are_taken(tmp_path: Path, count: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < count + SPARE:
        pytest.skip(f"no process may open {count} connections here")
    with ExitStack() as stack:
        with _files(SPARE):  # the host asks for more by itself
            host = stack.enter_context(faulty_host(tmp_path))
        with _files(most):
            answers = asyncio.run(_flood(int(host.origin.rpartition(":")[2]), host.keys.system, count))
        assert answers == {"HTTP/1.1 202 Accepted": count}
        known = host.manage("GET", f"/instances?top={count}&instanceIdPrefix=flood-&showInput=false").json()
        assert {each["instanceId"] for each in known} == {f"flood-{number}" for number in range(count)}
        assert host.most_memory() < LIMIT
        host.well("after")
