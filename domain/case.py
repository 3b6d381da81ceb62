"""The identity of a case, and the ids of everything that belongs to it.

The same business key gives the same ids on every channel and in every retry, which is what makes each write idempotent.
"""

from __future__ import annotations

import hashlib
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

_NAMESPACE = UUID("6f1d3a52-6a0e-5c1b-9b1e-3a4a5d1f0c77")


class Identifier(BaseModel):
    """A FHIR Identifier's system and value."""

    model_config = ConfigDict(frozen=True)

    system: str
    value: str

    def token(self) -> str:
        """``system|value``, as FHIR searches spell it."""
        return f"{self.system}|{self.value}"


class CaseKey(BaseModel):
    """What makes two prior-authorization requests the same request."""

    model_config = ConfigDict(frozen=True)

    submitter: str
    """Organization of the principal, never of the body."""
    bundle: Identifier
    """Bundle.identifier."""
    claim: Identifier
    """Claim.identifier."""

    def instance_id(self, workflow: str = "prior-authorization") -> str:
        """``<workflow>-<32 hex>``."""
        return instance_id(workflow, self.submitter, self.bundle.token(), self.claim.token())


def instance_id(workflow: str, *parts: str) -> str:
    """The durable instance id of a business key. Parts are joined with an escaped ``|`` so that no two keys collide."""
    key = "|".join(part.replace("\\", "\\\\").replace("|", "\\p") for part in parts)
    return f"{workflow}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def resource_id(case: str, step: str) -> str:
    """The FHIR id of what ``step`` of ``case`` writes. One step, one resource, however often it runs."""
    return str(uuid5(_NAMESPACE, f"{case}|{step}"))


def tracking_number(case: str) -> str:
    """The number that a submitter quotes while a request is pended: 16 characters, derived from the case."""
    return "PA" + hashlib.sha256(case.encode()).hexdigest()[:14].upper()
