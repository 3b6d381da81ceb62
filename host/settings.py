"""host.json and local.settings.json, as Azure Functions Core Tools reads them.

Reference: https://learn.microsoft.com/azure/azure-functions/functions-host-json and
https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from host.document import ignored, overridden, parse
from host.eventhubs.section import EventHubsSection
from host.kafka.section import KafkaSection
from host.local_section import LocalSettings
from host.log_section import LoggingSection
from host.section import Section
from host.timespan import parse_limit

_REFERENCE = re.compile(r"%([^%\s]+)%")
_TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
"""https://www.rfc-editor.org/rfc/rfc9110#name-tokens"""


class StartupError(Exception):
    """The host cannot start (or a verb cannot run): one sentence that says what to do; no traceback is shown."""


class HttpSection(Section):
    """``extensions.http``; the limits are those of a dedicated plan, as where Core Tools run: there are none.

    https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook#hostjson-settings. Not read:
    ``hsts``, which Azure applies to HTTPS alone, and ``dynamicThrottlesEnabled``.
    """

    route_prefix: str = Field("api", alias="routePrefix")
    max_concurrent: int = Field(-1, alias="maxConcurrentRequests", ge=-1)
    """HTTP functions that run at once, the others wait; without effect unless positive."""
    max_outstanding: int = Field(-1, alias="maxOutstandingRequests", ge=-1)
    """Requests that run or wait, others are refused; without effect unless positive."""
    custom_headers: dict[str, str] = Field(default_factory=dict, alias="customHeaders")
    """For the answers of HTTP functions that do not have them."""

    @field_validator("custom_headers")
    @classmethod
    def _sendable(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _TOKEN.fullmatch(name) or not value.isprintable():
                raise ValueError(f"'{name}' and its value cannot be sent as a header")
        return headers


class DurableHttpSection(Section):
    """``extensions.durableTask.httpSettings``: how ``call_http`` asks again after a 202."""

    poll: int = Field(30_000, alias="defaultAsyncRequestSleepTimeMilliseconds", ge=0)


class StorageSection(Section):
    """``extensions.durableTask.storageProvider``: this host has its own; the name tells what to be like."""

    type: str = ""


class DurableSection(Section):
    """``extensions.durableTask``: what the engine reads (``host.options.HubOptions``), checked."""

    hub_name: str = Field("TestHubName", alias="hubName")
    default_version: str | None = Field(None, alias="defaultVersion")
    version_match: Literal["None", "Strict", "CurrentOrOlder"] = Field("CurrentOrOlder", alias="versionMatchStrategy")
    version_failure: Literal["Reject", "Fail"] = Field("Reject", alias="versionFailureStrategy")
    max_activities: int = Field(0, alias="maxConcurrentActivityFunctions", ge=0)
    max_orchestrators: int = Field(0, alias="maxConcurrentOrchestratorFunctions", ge=0)
    max_entities: int = Field(0, alias="maxConcurrentEntityFunctions", ge=0)
    max_entity_batch: int = Field(5000, alias="maxEntityOperationBatchSize", ge=1)
    max_actions: int = Field(100_000, alias="maxOrchestrationActions", ge=1)
    session_idle: float = Field(30, alias="extendedSessionIdleTimeoutInSeconds", gt=0)
    overridable: Literal["NonRunningStates", "AnyState"] = Field(
        "NonRunningStates", alias="overridableExistingInstanceStates"
    )
    http: DurableHttpSection = Field(
        default_factory=lambda: DurableHttpSection.model_validate({}), alias="httpSettings"
    )
    storage: StorageSection = Field(default_factory=lambda: StorageSection.model_validate({}), alias="storageProvider")

    @field_validator("hub_name")
    @classmethod
    def _resolved(cls, name: str, info: ValidationInfo) -> str:
        return resolve(name, info.context or {}, "hubName of host.json")


class Extensions(Section):
    """``extensions``."""

    kafka: KafkaSection = Field(default_factory=lambda: KafkaSection.model_validate({}))
    event_hubs: EventHubsSection = Field(default_factory=lambda: EventHubsSection.model_validate({}), alias="eventHubs")
    http: HttpSection = Field(default_factory=lambda: HttpSection.model_validate({}))
    durable: DurableSection = Field(default_factory=lambda: DurableSection.model_validate({}), alias="durableTask")


class HostJson(Section):
    """host.json. Keys that this host does not know are ignored, as Azure ignores those of absent extensions."""

    version: str = "2.0"
    function_timeout: str | int | None = Field("00:30:00", alias="functionTimeout")
    extensions: Extensions = Field(default_factory=lambda: Extensions.model_validate({}))
    logging: LoggingSection = Field(default_factory=lambda: LoggingSection.model_validate({}))

    @property
    def raw(self) -> dict[str, Any]:
        """The document as it was written, with defaults filled in."""
        return self.model_dump(by_alias=True)

    @property
    def route_prefix(self) -> str:
        """The prefix of every HTTP route, without slashes; may be empty."""
        return self.extensions.http.route_prefix.strip("/")

    @property
    def durable(self) -> DurableSection:
        """``extensions.durableTask``."""
        return self.extensions.durable

    @property
    def kafka(self) -> KafkaSection:
        """``extensions.kafka``."""
        return self.extensions.kafka

    @property
    def event_hubs(self) -> EventHubsSection:
        """``extensions.eventHubs``."""
        return self.extensions.event_hubs

    @property
    def log_level(self) -> str:
        """Of ``logging.logLevel``, as ``host.logs`` calls it."""
        return self.logging.name

    @property
    def timeout(self) -> timedelta | None:
        """How long one function may run; None (host.json says ``-1`` or null) is for ever."""
        if self.function_timeout in (None, "-1", -1):
            return None
        return parse_limit(str(self.function_timeout))


_Model = TypeVar("_Model", bound=BaseModel)


def read_host_json(app: Path, environ: Mapping[str, str] | None = None) -> HostJson:
    """host.json of an app directory, with the app settings that override it or that it refers to.

    Raises:
        StartupError: The file is missing, is not JSON, a known key has the wrong type, or a setting is missing.
    """
    path = app / "host.json"
    settings = _checked(path, _host_document(path, environ or {}), HostJson, environ)
    if settings.version != "2.0":
        raise StartupError(f'{path}: version must be "2.0".')
    try:
        _ = settings.timeout
    except ValueError as error:
        raise StartupError(f"{path}: functionTimeout: {error}.") from error
    return settings


def ignored_keys(app: Path, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Keys of host.json (``a.b``) that this host does nothing with. Raises as ``read_host_json`` does."""
    return tuple(ignored(_host_document(app / "host.json", environ or {}), HostJson))


def require_app(app: Path) -> None:
    """Raises StartupError: the directory holds no app."""
    path = app / "host.json"
    if not path.is_file():
        raise StartupError(f"{path} is missing: --app must name a directory that holds host.json and function_app.py.")


def _host_document(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    require_app(path.parent)
    document = _load(path)
    if not isinstance(document, dict):
        raise StartupError(f"{path} must hold a JSON object.")
    return overridden(document, environ)


def apply_local_settings(app: Path, environ: MutableMapping[str, str]) -> None:
    """Put ``Values`` of local.settings.json into the environment; what is already set there wins."""
    path = app / "local.settings.json"
    if path.is_file():
        for name, value in _checked(path, _load(path), LocalSettings).values.items():
            environ.setdefault(name, value or "")


def resolve(text: str, environ: Mapping[str, str], where: str) -> str:
    """Replace each ``%NAME%`` by the app setting of that name (names are matched in any case, as Azure does).

    Raises:
        StartupError: A setting that ``where`` refers to does not exist.
    """
    lowered = {name.lower(): value for name, value in environ.items()}

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name.lower() not in lowered:
            raise StartupError(
                f"{where} refers to the app setting {name}, which is not set: add it to local.settings.json."
            )
        return lowered[name.lower()]

    return _REFERENCE.sub(value, text)


def is_disabled(function: str, environ: Mapping[str, str]) -> bool:
    """Whether ``AzureWebJobs.<function>.Disabled`` (or, on Linux, with underscores) switches the function off.

    Names of settings are matched in any case, as Azure does.
    """
    names = {f"AzureWebJobs.{function}.Disabled".lower(), f"AzureWebJobs_{function}_Disabled".lower()}
    return any(value.lower() in ("1", "true") for name, value in environ.items() if name.lower() in names)


def _load(path: Path) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise StartupError(f"{path} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except UnicodeDecodeError as error:
        raise StartupError(f"{path} is not UTF-8 (byte {error.start + 1}): save it in that encoding.") from error
    except OSError as error:
        raise StartupError(f"{path} cannot be read ({error.strerror}).") from error


def _checked(path: Path, document: Any, model: type[_Model], environ: Mapping[str, str] | None = None) -> _Model:
    try:
        return model.model_validate(document, context=environ)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise StartupError(f"{path}: {place}: {first['msg']}.") from error
