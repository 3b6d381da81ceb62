"""Settings of the mirror, beside those of the engine (``settings.py``: brokers, and the engine's own URL)."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final, Self

from pydantic import AnyHttpUrl, Field, FilePath, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings import PREFIX

LOCAL: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Hosts that need no TLS."""


class MirrorSettings(BaseSettings):
    """Read from environment variables of the prefix ``WORKFLOW_``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    camunda_grpc: str = Field(default="127.0.0.1:26500", min_length=1)
    """``host:port`` of Zeebe's gateway; of SaaS: ``<cluster>.<region>.zeebe.camunda.io:443``."""
    camunda_rest: AnyHttpUrl | None = None
    """Base of Camunda's REST API (ends with ``/v2``), where it can search: who completed a task is asked there. Without
    it no decision is taken from Tasklist."""
    camunda_tls: bool = False
    """Whether the gateway is reached by TLS. Always so with a client id or an authority."""
    camunda_ca: FilePath | None = None
    """PEM file of the authority of a self-managed Camunda's certificates, trusted instead of the well-known ones: by
    the gateway's channel, the REST API and the token endpoint."""
    camunda_client_id: str = ""
    """OAuth 2 client of SaaS or of a self-managed Identity; empty: nobody signs in."""
    camunda_client_secret: SecretStr = SecretStr("")
    camunda_token_url: AnyHttpUrl = AnyHttpUrl("https://login.cloud.camunda.io/oauth/token")
    camunda_audience: str = "zeebe.camunda.io"
    mirror_token: SecretStr = SecretStr("")
    """Access token for the engine's doors, of an identity with the role ``mirror``."""
    mirror_token_file: Path | None = None
    """Or a file that holds it, read anew for each request: whoever renews the token writes it there."""
    mirror_store: Path = Path(".data/mirror/mirror.sqlite")
    """What the mirror remembers. Keep it: without it, cases in flight are shown a second time. Remove it with Camunda's
    own data: it says which models Camunda has."""
    mirror_quiet_seconds: float = Field(default=1.0, ge=0)
    """How long a case is let alone after a hint, so that one look sees several steps."""
    mirror_sweep_seconds: float = Field(default=60.0, gt=0)
    """Between two looks at all that is open."""
    mirror_lease_seconds: float = Field(default=60.0, gt=0)
    """After which a job that was handed out, and not ended, comes again."""
    mirror_patience_seconds: float = Field(default=180.0, gt=0)
    """After which somebody is taken to have moved an instance by hand, and it is shown anew."""

    @model_validator(mode="after")
    def _client_is_whole(self) -> Self:
        if not self.camunda_client_id:
            return self
        if not self.camunda_client_secret.get_secret_value():
            raise ValueError(f"{PREFIX}CAMUNDA_CLIENT_SECRET is needed with {PREFIX}CAMUNDA_CLIENT_ID")
        for name, url in (("TOKEN_URL", self.camunda_token_url), ("REST", self.camunda_rest)):
            if url is not None and url.scheme != "https" and url.host not in LOCAL:
                raise ValueError(f"{PREFIX}CAMUNDA_{name} must begin with https: a secret or a token is sent there")
        return self

    @field_validator("camunda_ca")
    @classmethod
    def _authority_is_read(cls, path: Path | None) -> Path | None:
        try:
            ssl.create_default_context(cafile=path)
        except (ssl.SSLError, OSError):
            raise ValueError("holds no certificate in PEM that can be read") from None
        return path

    def token(self) -> str:
        """The access token as it is now."""
        if self.mirror_token_file is not None:
            return self.mirror_token_file.read_text().strip()
        return self.mirror_token.get_secret_value()
