"""Event Hubs bindings of functions: which are refused, and what the others mean.

Names and rules of ``EventHubTriggerAttribute``, ``EventHubAttribute`` and ``EventHubClientFactory`` of the extension 6.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from host.settings import StartupError, resolve

if TYPE_CHECKING:
    from host.functions import Function

TRIGGER = "eventHubTrigger"
OUTPUT = "eventHub"
RETURN = "$return"
DEFAULT_GROUP = "$Default"
_NAMESPACE = "__fullyqualifiednamespace"


@dataclass(frozen=True)
class EventHub:
    """One event hub, its settings resolved."""

    name: str
    namespace: str
    """Host name, with the port if it is not the usual one."""
    connection: str = field(repr=False)
    """Connection string."""


@dataclass(frozen=True)
class EventHubTrigger:
    """An Event Hubs trigger, its settings resolved."""

    function: Function
    hub: EventHub
    group: str
    many: bool
    binary: bool


def refusal(binding: Any, annotation: Any, http: bool) -> str | None:
    """Why an Event Hubs binding cannot be served here; None: it can."""
    if binding.type == OUTPUT:
        if binding.name == RETURN and http:
            return "an HTTP function answers by $return: put the event into a parameter azure.functions.Out[str]"
        return None
    if _data_type(binding) == "stream":
        return f"{binding.name}: data_type must be string or binary"
    if is_many(binding) and annotation is not None and typing.get_origin(annotation) is None:
        return f"{binding.name}: with cardinality many, Azure takes typing.List[azure.functions.EventHubEvent] only"
    return None


def is_many(binding: Any) -> bool:
    """Whether one call takes several events."""
    return _word(binding.cardinality) == "many"


def read_trigger(function: Function, environ: Mapping[str, str]) -> EventHubTrigger:
    """The Event Hubs trigger of a function.

    Raises:
        StartupError: It names a setting that does not exist, or no connection string.
    """
    trigger = function.trigger
    place = f"The Event Hubs trigger of {function.name}"
    return EventHubTrigger(
        function=function,
        hub=_hub(trigger, environ, place),
        group=resolve(str(trigger.consumer_group or ""), environ, place).strip() or DEFAULT_GROUP,
        many=is_many(trigger),
        binary=_data_type(trigger) == "binary",
    )


def read_output(binding: Any, function: str, environ: Mapping[str, str]) -> EventHub:
    """An Event Hubs output binding of a function.

    Raises:
        StartupError: It names a setting that does not exist, or no connection string.
    """
    return _hub(binding, environ, f"The Event Hubs output {binding.name} of {function}")


def _hub(binding: Any, environ: Mapping[str, str], place: str) -> EventHub:
    connection = _connection(str(binding.connection or ""), environ, place)
    parts = dict(part.split("=", 1) for part in connection.split(";") if "=" in part)
    known = {key.strip().lower(): value.strip() for key, value in parts.items()}
    namespace = urlsplit(known.get("endpoint", "")).netloc
    if not namespace:
        raise StartupError(f"{place}: the setting of its connection holds no connection string of Event Hubs.")
    # The hub of the connection string wins, as in the extension.
    name = known.get("entitypath") or resolve(str(binding.event_hub_name or ""), environ, place).strip()
    if not name:
        raise StartupError(f"{place} has no event_hub_name.")
    return EventHub(name, namespace, connection)


def _connection(name: str, environ: Mapping[str, str], place: str) -> str:
    """The value of the setting that ``connection`` names."""
    if "endpoint=" in name.lower():
        raise StartupError(f"{place}: connection must be the name of an app setting, not a connection string.")
    wanted = resolve(name, environ, place).strip().lower()
    settings = {key.lower(): value for key, value in environ.items()}
    for key in (f"azurewebjobs{wanted}", wanted):
        if wanted and settings.get(key):
            return settings[key]
    if wanted + _NAMESPACE in settings:
        raise StartupError(f"{place}: this host signs in with a connection string only, not with an identity.")
    raise StartupError(
        f"{place} refers to the app setting {name or 'of its connection'}, which is not set: "
        "add it to local.settings.json."
    )


def _data_type(binding: Any) -> str:
    return _word(getattr(binding, "_data_type", None))


def _word(value: Any) -> str:
    """An enum of azure.functions, or a text, in lower case."""
    return "" if value is None else str(getattr(value, "name", value)).lower()
