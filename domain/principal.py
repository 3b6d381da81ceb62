"""Who is calling: the signed-in principal that App Service authentication puts in front of every request.

https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import Forbidden, Unauthenticated

HEADER = "x-ms-client-principal"


class Role(StrEnum):
    """What a principal may be. Deny by default: no role, no access."""

    SUBMITTER = "submitter"
    REVIEWER = "reviewer"
    MEDICAL_DIRECTOR = "medical-director"
    CARE_MANAGER = "care-manager"
    MEMBERSHIP = "membership"
    RULE_AUTHOR = "rule-author"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    MIRROR = "mirror"
    """A system: reads coded histories, and passes on what persons decide in Camunda's Tasklist."""


class Principal(BaseModel):
    """A person or a system, as the identity provider vouches for it."""

    model_config = ConfigDict(frozen=True)

    id: str
    """The provider's own id of it (``x-ms-client-principal-id``), never a name."""
    roles: frozenset[Role]
    organization: str | None = None
    """Id of the Organization that it acts for."""
    npi: str | None = None
    specialty: str | None = None
    """NUCC provider taxonomy code."""

    def require(self, *roles: Role) -> None:
        """Raise ``Forbidden('role')`` unless the principal has one of ``roles``."""
        if not self.roles.intersection(roles):
            wanted = " or ".join(role.value for role in roles)
            raise Forbidden("role", f"this needs the role {wanted}")


class Person(Principal):
    """A person who works in another system, as this payer's operators list them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=200)
    roles: frozenset[Role] = frozenset()


def principal(headers: Mapping[str, str]) -> Principal:
    """The principal of a request. Raises ``Unauthenticated`` when there is none or it cannot be read."""
    encoded = headers.get(HEADER)
    if not encoded:
        raise Unauthenticated("signed-out", "sign in, or send the bearer token of a registered client")
    try:
        document = json.loads(base64.b64decode(encoded, validate=True))
        claims = _claims(document)
        return Principal(
            id=headers[HEADER + "-id"],
            roles=frozenset(Role(r) for r in claims.get(document.get("role_typ") or "roles", []) if r in list(Role)),
            organization=_one(claims, "organization"),
            npi=_one(claims, "npi"),
            specialty=_one(claims, "specialty"),
        )
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        raise Unauthenticated("principal-unreadable", "the identity provider's header cannot be read") from None


def _claims(document: Mapping[str, Any]) -> dict[str, list[str]]:
    claims: dict[str, list[str]] = {}
    for claim in document["claims"]:
        claims.setdefault(claim["typ"], []).append(claim["val"])
    return claims


def _one(claims: Mapping[str, list[str]], kind: str) -> str | None:
    values = claims.get(kind)
    return values[0] if values else None
