"""The JSON that a durable client parameter is made of.

Shape of the Durable extension's ``BindingHelper`` for out-of-process workers; the SDK 1.7 reads ``taskHubName``,
``creationUrls``, ``managementUrls`` and ``rpcBaseUrl``. Also the URLs that a start over the management API answers
with.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

PUBLIC = "/runtime/webhooks/durabletask"
"""Path of the management API for others: needs the system key."""
PRIVATE = "/durabletask"
"""Path of the same API for programs of this machine: needs no key."""
PLACEHOLDER = "INSTANCEID"
_ID = "{id}"


@dataclass(frozen=True)
class ClientBinding:
    """Everything that a client needs to know of this host."""

    origin: str
    """``http://127.0.0.1:7071``: where the host listens."""
    hub: str
    system_key: str
    connection: str = "Storage"

    def text(self) -> str:
        """The binding JSON."""
        starter = f"{self.origin}{PUBLIC}/orchestrators/{{functionName}}[/{{instanceId}}]"
        key = f"code={quote(self.system_key)}"
        document = {
            "taskHubName": self.hub,
            "connectionName": None,
            "creationUrls": {
                "createNewInstancePostUri": f"{starter}?{key}",
                "createAndWaitOnNewInstancePostUri": (
                    f"{starter}?timeout={{timeoutInSeconds}}&pollingInterval={{intervalInSeconds}}&{key}"
                ),
            },
            "managementUrls": self.links(self.origin, PLACEHOLDER),
            "baseUrl": f"{self.origin}{PUBLIC}",
            "requiredQueryStringParameters": key,
            "rpcBaseUrl": f"{self.origin}{PRIVATE}/",
            "httpBaseUrl": None,
        }
        return json.dumps(document)

    def links(self, origin: str, instance_id: str, rewind: bool = True) -> dict[str, str]:
        """The management URLs of one instance, as seen from ``origin``."""
        # The SDK replaces the bare word INSTANCEID; it needs no quoting, an id may.
        quoted = quote(instance_id, safe="")
        query = f"taskHub={quote(self.hub)}&connection={self.connection}&code={quote(self.system_key)}"
        made = {name: text.replace(_ID, quoted) for name, text in _templates(origin, query)}
        if not rewind:
            del made["rewindPostUri"]
        return {"id": instance_id} | made


@lru_cache(maxsize=16)
def _templates(origin: str, query: str) -> tuple[tuple[str, str], ...]:
    """Every start is answered with links: they are made once, then filled in."""
    base = f"{origin}{PUBLIC}/instances/{_ID}"
    return (
        ("statusQueryGetUri", f"{base}?{query}"),
        ("sendEventPostUri", f"{base}/raiseEvent/{{eventName}}?{query}"),
        ("terminatePostUri", f"{base}/terminate?reason={{text}}&{query}"),
        ("rewindPostUri", f"{base}/rewind?reason={{text}}&{query}"),
        ("purgeHistoryDeleteUri", f"{base}?{query}"),
        ("restartPostUri", f"{base}/restart?{query}"),
        ("suspendPostUri", f"{base}/suspend?reason={{text}}&{query}"),
        ("resumePostUri", f"{base}/resume?reason={{text}}&{query}"),
    )
