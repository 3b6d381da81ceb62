"""The SDK's client on the loop of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest import mock

import aiohttp
from azure.durable_functions.models.utils import http_utils


@asynccontextmanager
async def own_session() -> AsyncIterator[None]:
    """The SDK (1.7) keeps one HTTP session for the whole process, and a session belongs to one loop: that of the
    functions. Until the block ends, calls on this loop get a session of their own."""
    here, theirs = asyncio.get_running_loop(), http_utils._get_session
    async with aiohttp.ClientSession() as session:

        async def session_of_loop() -> aiohttp.ClientSession:
            return session if asyncio.get_running_loop() is here else await theirs()

        with mock.patch.object(http_utils, "_get_session", session_of_loop):
            yield
