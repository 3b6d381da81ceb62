"""All instances of the task hub, page by page.

The SDK's client reads the first page alone, which on Azure are 100 instances: nothing may be decided by that. The
management API is the one that the client itself uses.
https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-api#query-all-instances
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime
from typing import Final

import azure.durable_functions as df
import httpx
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus as Status

PAGE: Final = 1000
"""Instances of one page: the most that a table of Azure Storage gives at a time."""
SECONDS: Final = 60.0
TOKEN: Final = "x-ms-continuation-token"  # noqa: S105


async def instances(
    client: df.DurableOrchestrationClient, states: Collection[str], since: datetime | None
) -> AsyncIterator[Status]:
    """Those in ``states`` that were created ``since`` then. Raises ``httpx.HTTPError``."""
    base = str(client._orchestration_bindings.rpc_base_url)
    query = {"runtimeStatus": ",".join(sorted(states)), "top": str(PAGE), "showInput": "false"}
    if since:
        query["createdTimeFrom"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    headers: dict[str, str] = {}
    secure = base.startswith("https")  # it is the host on this machine, so usually not
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False, verify=secure) as http:
        while True:
            answer = (await http.get(f"{base}instances/", params=query, headers=headers)).raise_for_status()
            for each in answer.json():
                yield Status.from_json(each)
            if not (token := answer.headers.get(TOKEN)):
                return
            headers = {TOKEN: token}
