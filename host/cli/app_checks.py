"""Whether an app loads, and what of it the host would not serve or read."""

from __future__ import annotations

import re
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path

from host import telemetry
from host.app import AppIndex, load_app
from host.cli.finding import Finding, note, ok, problem
from host.eventhubs import binding as event_hubs
from host.eventhubs import runner as event_hubs_runner
from host.functions import Function, Kind
from host.http.triggers import build_routes
from host.kafka import binding as kafka
from host.kafka import runner as kafka_runner
from host.schedule import read_timers
from host.settings import StartupError

_REFERENCE = re.compile(r"%([^%\s]+)%")


def app_findings(directory: Path, environ: MutableMapping[str, str]) -> Iterator[Finding]:
    """Load the app as ``start`` does (its ``local.settings.json`` goes into ``environ``) and look at it."""
    try:
        app = load_app(directory, environ)
    except StartupError as error:
        yield problem(_said(error))
        return
    kinds = Counter(str(function.kind) for function in app.functions)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    yield ok(f"The app loads: {len(app.functions)} functions ({counts or 'none'}), names are unique.")
    yield from (note(f"{name} is disabled.") for name in app.disabled)
    yield from (problem(f"{name} is not served: {reason}.") for name, reason in app.refused.items())
    yield from (note(warning) for warning in app.warnings)
    yield from _bindings(app, environ)


def _said(error: StartupError) -> str:
    """The sentence, without the words of an exception of the app: they may quote the value of a setting."""
    cause = error.__cause__
    if cause is None or isinstance(cause, ImportError | SyntaxError):
        return str(error)
    words = "".join(traceback.format_exception_only(cause)).strip()
    return str(error).replace(words, type(cause).__name__)


def _bindings(app: AppIndex, environ: Mapping[str, str]) -> Iterator[Finding]:
    """All that is wrong, not only the first, which stops a start."""
    found = list[str]()
    for function in app.functions:
        found += _refusals(replace(app, functions=(function,)), environ)
    if not found:
        found += _refusals(app, environ)  # two routes that are one show together only
    yield from map(problem, dict.fromkeys(found))


def _refusals(app: AppIndex, environ: Mapping[str, str]) -> Iterator[str]:
    for read in (build_routes, read_timers, _read_kafka, _read_event_hubs, _read_telemetry):
        try:
            read(app, environ)
        except StartupError as error:
            yield _without_values(str(error), app.functions, environ)


def _read_kafka(app: AppIndex, environ: Mapping[str, str]) -> None:
    for function in app.functions:
        if function.kind is Kind.KAFKA:
            kafka.read_trigger(function, environ)
        for binding in function.kafka_outputs.values():
            kafka.read_output(binding, function.name, environ)
        if function.kind is Kind.KAFKA or function.kafka_outputs:
            kafka_runner.check_library()


def _read_event_hubs(app: AppIndex, environ: Mapping[str, str]) -> None:
    for function in app.functions:
        if function.kind is Kind.EVENT_HUB:
            event_hubs.read_trigger(function, environ)
        for binding in function.event_hub_outputs.values():
            event_hubs.read_output(binding, function.name, environ)
        if function.kind is Kind.EVENT_HUB or function.event_hub_outputs:
            event_hubs_runner.check_library()


def _read_telemetry(_: AppIndex, environ: Mapping[str, str]) -> None:
    if environ.get(telemetry.CONNECTION):
        telemetry.check_library()


def _without_values(text: str, functions: tuple[Function, ...], environ: Mapping[str, str]) -> str:
    """A sentence of the start, which may quote a text with its settings filled in, with their names instead."""
    values = {name.lower(): value for name, value in environ.items()}
    for function in functions:
        for name in _REFERENCE.findall(str(function.trigger.get_dict_repr())):
            if value := values.get(name.lower(), "").strip():
                text = text.replace(value, f"%{name}%")
    return text
