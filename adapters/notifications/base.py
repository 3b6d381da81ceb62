"""How the engine tells a submitter's system that something changed."""

from __future__ import annotations

from typing import Protocol

from pydantic import BaseModel, ConfigDict

from domain.json import Resource


class Hook(BaseModel):
    """Where to tell, and with which header. Stored as a FHIR Subscription (R4 backport, rest-hook)."""

    model_config = ConfigDict(frozen=True)

    endpoint: str
    headers: tuple[str, ...] = ()
    """``Name: value`` lines of Subscription.channel.header; never logged."""


class Notifier(Protocol):
    """Sends rest-hooks. Hosts must be allow-listed; redirects are not followed."""

    async def deliver(self, hook: Hook, body: Resource, notification_id: str) -> None:
        """POST ``body`` as ``application/fhir+json``; ``notification_id`` is the receiver's idempotency key
        (header ``Idempotency-Key``). Raises what no other try changes as ``Rejected``: ``Forbidden('hook-host')`` for a
        host that is not allowed, ``Rejected('hook-refused')`` for a 4xx of the receiver other than 408, 425 and 429;
        ``Unavailable('hook')`` when it does not answer, or with anything else than 2xx (redirects included)."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
