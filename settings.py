"""Every app setting: its name in the environment, type, default and meaning. Checked once, all errors at once."""

from __future__ import annotations

from functools import cache
from typing import Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.events.source import Source
from domain.facts import LineOfBusiness
from domain.principal import Person

PREFIX: Final = "WORKFLOW_"


class SettingsError(Exception):
    """Settings are missing or wrong; the message lists each with what to write."""


class Settings(BaseSettings):
    """App settings, read from environment variables of the prefix ``WORKFLOW_``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    fhir_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:18480/fhir")
    """Base of the FHIR R4 server."""
    rules_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:18080")
    """Base of the rules service."""
    public_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:7071")
    """Base of this app as its clients see it."""
    timeout_seconds: float = Field(default=10.0, gt=0, le=120)
    """How long one call to the FHIR server or to the rules service may take."""
    hook_hosts: str = ""
    """Comma-separated hosts (``host`` or ``host:port``) that notifications may be sent to; none by default."""
    payer_organization: str = "payer"
    """Id of the payer's own Organization on the FHIR server."""
    plan_zone: str = "America/New_York"
    """IANA time zone in which the plan counts days."""
    plan_state: str = Field(default="NY", pattern=r"^[A-Z]{2}$")
    """USPS code of the plan's state: picks state rules and the holiday calendar."""
    default_line_of_business: LineOfBusiness = LineOfBusiness.COMMERCIAL
    """Whose clock runs for a request whose member is not found."""
    answer_seconds: float = Field(default=12.0, ge=0, le=15)
    """How long ``$submit`` waits for a decision before it answers that the request is pended (PAS: 15 s)."""
    max_body_bytes: int = Field(default=10_000_000, ge=1_000)
    """Largest request body."""
    max_entries: int = Field(default=500, ge=1)
    """Most entries of a Bundle."""
    max_depth: int = Field(default=40, ge=5)
    """Deepest nesting of a JSON body."""
    sign_in_path: str = Field(default="/.auth/login/dev", pattern=r"^/\.auth/login/[a-z]+$")
    """Where a browser that is not signed in is sent: ``/.auth/login/aad`` on Azure."""
    page_key: SecretStr | None = None
    """Signs the page tokens of lists. Needed where several processes answer for each other; else each makes its own."""
    kafka_brokers: str = Field(default="127.0.0.1:19092", min_length=1)
    """Comma-separated ``host:port`` of the Kafka brokers, or of Event Hubs' Kafka endpoint (port 9093)."""
    kafka_protocol: Literal["Plaintext", "Ssl", "SaslPlaintext", "SaslSsl"] = "Plaintext"
    """How brokers are reached; ``SaslSsl`` for Confluent Cloud and Event Hubs."""
    kafka_mechanism: Literal["Plain", "ScramSha256", "ScramSha512"] = "Plain"
    """How the engine signs in, where the protocol is one with SASL."""
    kafka_username: str = ""
    """``$ConnectionString`` for Event Hubs."""
    kafka_password: SecretStr = SecretStr("")
    """The connection string for Event Hubs."""
    kafka_group: str = Field(default="workflow-engine", min_length=1)
    """Consumer group of the engine's triggers."""
    event_transport: Literal["kafka", "event-hubs"] = "kafka"
    """What the engine's own events are published with: the Kafka protocol, or Event Hubs' AMQP."""
    event_hubs_connection: SecretStr | None = None
    """Connection string of the Event Hubs namespace, for ``event-hubs``."""
    event_sources: dict[str, Source] = Field(default_factory=dict)
    """Who may say what happened: JSON, CloudEvents ``source`` -> ``{"roles": [...], "organizations": [...]}``."""
    tasklist_people: dict[str, Person] = Field(default_factory=dict)
    """Who may decide in Camunda's Tasklist: JSON, Camunda user name -> ``{"id": ..., "roles": [...], "npi": ...}``."""
    process_events: bool = True
    """Whether every step is told on the topic ``process.steps`` (hints for projections)."""
    analytics_file: str = ""
    """SQLite file of the read model of monitoring, in a folder that can be written; empty: each process keeps its own
    in memory, and reads the task hub anew when it starts."""
    sweep_grace_seconds: float = Field(default=30.0, ge=0)
    """How old a stored request or decision must be before the sweep takes its durable half for lost."""

    @field_validator("plan_zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError("is no IANA time zone, for example America/New_York")
        return zone

    @model_validator(mode="after")
    def _event_hubs_named(self) -> Self:
        if self.event_transport == "event-hubs" and self.event_hubs_connection is None:
            raise ValueError(f"{PREFIX}EVENT_HUBS_CONNECTION is needed when {PREFIX}EVENT_TRANSPORT is event-hubs")
        return self

    @property
    def fhir_base(self) -> str:
        """Our own FHIR doors, without a slash at the end."""
        return f"{str(self.public_url).rstrip('/')}/fhir"

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """``hook_hosts`` as a set."""
        return frozenset(host.strip() for host in self.hook_hosts.split(",") if host.strip())


@cache
def settings() -> Settings:
    """The settings of this process. Raises ``SettingsError`` that names every wrong one."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"  {_name(e['loc'])}{e['msg']}" for e in error.errors()]
        raise SettingsError("These settings are wrong; correct them and start again:\n" + "\n".join(lines)) from None


def _name(place: tuple[int | str, ...]) -> str:
    return f"{PREFIX}{'.'.join(map(str, place)).upper()}: " if place else ""
