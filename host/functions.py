"""A function as the host sees it: its trigger, its names, and how its parameters are bound.

The binding rules are those of the Python worker (``azure_functions_runtime/functions.py`` 1.3.0): what loads here loads
on Azure.
"""

from __future__ import annotations

import inspect
import pathlib
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import azure.functions as func

from host.eventhubs import binding as event_hubs
from host.kafka import binding as kafka
from host.parameters import GENERIC, BindingError, BoundType, parameter_types, return_type
from host.retry import MalformedPolicy, RetryPolicy, read_policy

__all__ = ["GENERIC", "RETRIED", "BindingError", "BoundType", "Function", "Kind", "describe"]


class Kind(StrEnum):
    """The triggers that this host serves."""

    HTTP = "httpTrigger"
    TIMER = "timerTrigger"
    KAFKA = "kafkaTrigger"
    EVENT_HUB = "eventHubTrigger"
    ORCHESTRATION = "orchestrationTrigger"
    ACTIVITY = "activityTrigger"
    ENTITY = "entityTrigger"


DURABLE = frozenset({Kind.ORCHESTRATION, Kind.ACTIVITY, Kind.ENTITY})
CLIENT = "durableClient"
SUPPORTED = frozenset({*Kind, "http", CLIENT, kafka.OUTPUT, event_hubs.OUTPUT})
"""Binding types that this host can serve."""

RETRIED = frozenset({Kind.TIMER, Kind.KAFKA, Kind.EVENT_HUB})
"""Triggers whose retry policies are applied."""

_INOUT = 2
_DURABLE_NAMES = ("orchestration", "activity", "entity_name")


@dataclass(frozen=True)
class Function:
    """One indexed function."""

    name: str
    kind: Kind
    call: Callable[..., Any]
    trigger: Any
    """The trigger object of azure.functions (route, methods, schedule ...)."""
    trigger_param: str
    inputs: Mapping[str, BoundType]
    outputs: Mapping[str, BoundType]
    returns: BoundType | None
    client_params: tuple[str, ...]
    needs_context: bool
    is_async: bool
    directory: str
    durable_name: str
    """The name that orchestrators and clients use: the trigger's name, else the function's."""
    aliases: tuple[str, ...]
    """Further names that lead here: the function's and the def's (the SDK sends the latter for function objects)."""
    kafka_outputs: Mapping[str, Any] = field(default_factory=dict)
    """Kafka output bindings by parameter."""
    event_hub_outputs: Mapping[str, Any] = field(default_factory=dict)
    """Event Hubs output bindings by parameter or ``$return``."""
    retry: RetryPolicy | None = None
    """Of triggers in ``RETRIED`` only."""


def describe(function: Any) -> Function:
    """Check and describe one function of ``app.get_functions()``.

    Raises:
        BindingError: A binding is not supported here, or does not fit the function's signature.
    """
    trigger = function.get_trigger()
    bindings = function.get_bindings()
    _check_supported(bindings)
    call = function.get_user_function()
    params = dict(inspect.signature(call).parameters)
    annotations = _annotations(call)
    bound = {binding.name: binding for binding in bindings if binding.name != "$return"}
    needs_context = _take_context(params, bound, annotations)
    _check_names(params, bound)
    _check_messages(bindings, annotations, http=trigger.type == Kind.HTTP)
    inputs, outputs = parameter_types(params, bound, annotations)
    kind = Kind(trigger.type)
    name = str(function.get_function_name())
    durable_name = _durable_name(trigger) or name
    return Function(
        name=name,
        kind=kind,
        call=call,
        trigger=trigger,
        trigger_param=trigger.name,
        inputs=inputs,
        outputs=outputs,
        returns=return_type(bindings, annotations),
        client_params=tuple(binding.name for binding in bindings if binding.type == CLIENT),
        needs_context=needs_context,
        is_async=inspect.iscoroutinefunction(call),
        directory=str(pathlib.Path(inspect.getfile(inspect.unwrap(call))).parent),
        durable_name=durable_name,
        kafka_outputs={binding.name: binding for binding in bindings if binding.type == kafka.OUTPUT},
        event_hub_outputs={binding.name: binding for binding in bindings if binding.type == event_hubs.OUTPUT},
        retry=_policy(function) if kind in RETRIED else None,
        aliases=tuple(dict.fromkeys(each for each in (name, call.__name__) if each != durable_name)),
    )


def _annotations(call: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(call)
    except NameError as error:
        raise BindingError(f"its annotations name what cannot be found when the app runs: {error.name}") from error
    except Exception as error:
        raise BindingError(f"its annotations cannot be read: {type(error).__name__}: {error}") from error


def _check_supported(bindings: list[Any]) -> None:
    for binding in bindings:
        if binding.type not in SUPPORTED:
            raise BindingError(f"the binding '{binding.type}' (parameter {binding.name}) is not supported by this host")
        if int(binding.direction) == _INOUT:
            raise BindingError(f"parameter {binding.name}: 'inout' bindings are not supported")


def _check_messages(bindings: list[Any], annotations: Mapping[str, Any], http: bool) -> None:
    for binding in bindings:
        annotation, reason = annotations.get(binding.name), None
        if binding.type in (kafka.TRIGGER, kafka.OUTPUT):
            reason = kafka.refusal(binding, annotation)
        elif binding.type in (event_hubs.TRIGGER, event_hubs.OUTPUT):
            reason = event_hubs.refusal(binding, annotation, http)
        if reason is not None:
            raise BindingError(reason)


def _policy(function: Any) -> RetryPolicy | None:
    try:
        return read_policy(function)
    except MalformedPolicy as error:
        raise BindingError(str(error)) from error


def _durable_name(trigger: Any) -> str | None:
    names = (getattr(trigger, attribute, None) for attribute in _DURABLE_NAMES)
    return next((name for name in names if name), None)


def _take_context(params: dict[str, Any], bound: Mapping[str, Any], annotations: Mapping[str, Any]) -> bool:
    if "context" not in params or "context" in bound:
        return False
    params.pop("context")
    annotation = annotations.get("context", func.Context)
    if getattr(annotation, "__name__", "") != "Context":
        raise BindingError("the parameter 'context' must be annotated azure.functions.Context")
    return True


def _check_names(params: Mapping[str, Any], bound: Mapping[str, Any]) -> None:
    if unbound := sorted(set(params) - set(bound)):
        raise BindingError(f"these parameters have no binding: {', '.join(unbound)}")
    if missing := sorted(set(bound) - set(params)):
        raise BindingError(f"these bindings have no parameter: {', '.join(missing)}")
