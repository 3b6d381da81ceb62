"""Development identity: a local stand-in for App Service authentication ("Easy Auth").

A request with a bearer token or a sign-in cookie of ours reaches the functions with a freshly made
``x-ms-client-principal``; whatever a caller sends under that name never does. Reference:
https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from host.keys import read_private_json, write_private_json
from host.settings import StartupError

PREFIX = "x-ms-client-principal"
NAME = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
ID = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"


class Identity(BaseModel):
    """One person or system, as ``--identities`` lists it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=200)
    name: str = Field(min_length=1, max_length=200)
    roles: tuple[str, ...] = ()
    claims: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        """The headers that App Service would add."""
        principal = {"auth_typ": "dev", "name_typ": NAME, "role_typ": ROLE, "claims": self.claim_list()}
        encoded = base64.b64encode(json.dumps(principal).encode()).decode()
        return {PREFIX: encoded, f"{PREFIX}-id": self.id, f"{PREFIX}-name": _ascii(self.name), f"{PREFIX}-idp": "dev"}

    def claim_list(self) -> list[dict[str, str]]:
        """All claims, one entry a value."""
        claims = [{"typ": ID, "val": self.id}, {"typ": NAME, "val": self.name}]
        claims += [{"typ": ROLE, "val": role} for role in self.roles]
        return claims + [{"typ": kind, "val": value} for kind, value in self._pairs()]

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for kind, value in self.claims.items():
            for each in (value,) if isinstance(value, str) else value:
                yield kind, each


@dataclass(frozen=True)
class Identities:
    """The people and systems of one host, with their tokens."""

    by_id: Mapping[str, Identity]
    tokens: Mapping[str, str]
    """Token by id."""

    def of_token(self, token: str) -> Identity | None:
        """Whose token this is."""
        found = None
        for identity_id, each in self.tokens.items():
            if secrets.compare_digest(each.encode(), token.encode()):
                found = self.by_id.get(identity_id)
        return found

    @classmethod
    def open(cls, identities: Iterable[Identity], path: Path) -> Identities:
        """Tokens are made at first start and kept (file mode 0600, id to token); removed identities lose theirs."""
        by_id = {identity.id: identity for identity in identities}
        stored = read_private_json(path)
        tokens = {each: str(stored.get(each) or secrets.token_urlsafe(32)) for each in by_id}
        if tokens != stored:
            write_private_json(path, tokens)
        return cls(by_id, tokens)


def read_identities(path: Path) -> tuple[Identity, ...]:
    """A JSON list of ``{"id", "name", "roles", "claims"}``.

    Raises:
        StartupError: The file is missing or malformed, or an id appears twice.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        identities = TypeAdapter(tuple[Identity, ...]).validate_python(content)
    except OSError as error:
        raise StartupError(f"The identities file {path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise StartupError(f"{path}: entry {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
    except ValueError as error:
        raise StartupError(f"{path} is not JSON.") from error
    ids = [identity.id for identity in identities]
    if len(ids) != len(set(ids)):
        raise StartupError(f"{path}: an id appears twice.")
    return identities


def _ascii(text: str) -> str:
    """A header value; what is not ASCII is in the principal."""
    return text.encode("ascii", "replace").decode()
