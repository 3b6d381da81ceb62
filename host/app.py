"""Load a Functions Python v2 app and index what it registers.

Any app directory with host.json and function_app.py loads; nothing here knows a particular app.
Reference: https://learn.microsoft.com/azure/azure-functions/functions-reference-python (programming model v2)
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import azure.functions as func

from host import sdk
from host.functions import RETRIED, BindingError, Function, Kind, describe
from host.settings import HostJson, StartupError, apply_local_settings, ignored_keys, is_disabled, read_host_json

SCRIPT_VARIABLE = "PYTHON_SCRIPT_FILE_NAME"


@dataclass(frozen=True)
class AppIndex:
    """What an app registers, by trigger. Durable names are matched in any case, as the Durable extension does."""

    directory: Path
    host_json: HostJson
    functions: tuple[Function, ...]
    disabled: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    """Functions that are not served, with the reason."""
    warnings: tuple[str, ...] = ()

    def of(self, kind: Kind) -> tuple[Function, ...]:
        """The functions of one trigger kind."""
        return tuple(function for function in self.functions if function.kind is kind)

    def durable(self, kind: Kind, name: str) -> Function | None:
        """The orchestrator, activity or entity of that name or alias."""
        return self._names.get((kind, name.lower()))

    def known(self, kind: Kind) -> Mapping[str, str]:
        """Durable names of a kind by lower-cased name and alias."""
        return self._known.get(kind, {})

    def function(self, name: str) -> Function:
        """The function of that unique name."""
        return self._unique[name]

    @cached_property
    def _unique(self) -> dict[str, Function]:
        return {function.name: function for function in self.functions}

    @cached_property
    def _known(self) -> dict[Kind, dict[str, str]]:
        known: dict[Kind, dict[str, str]] = {}
        for (kind, name), function in self._names.items():
            known.setdefault(kind, {})[name] = function.durable_name
        return known

    @cached_property
    def _names(self) -> dict[tuple[Kind, str], Function]:
        return _by_name(self.functions)


def _by_name(functions: Sequence[Function]) -> dict[tuple[Kind, str], Function]:
    """Aliases never hide a proper name."""
    index = {(function.kind, function.durable_name.lower()): function for function in functions}
    for function in functions:
        for alias in function.aliases:
            index.setdefault((function.kind, alias.lower()), function)
    return index


def load_app(directory: Path, environ: MutableMapping[str, str] = os.environ) -> AppIndex:
    """Import an app and index its functions.

    Puts the directory first on ``sys.path`` and ``Values`` of local.settings.json into the environment.

    Raises:
        StartupError: The directory holds no app, the app does not import, or two functions claim one name.
    """
    directory = directory.resolve()
    apply_local_settings(directory, environ)
    host_json = read_host_json(directory, environ)
    ignored = ignored_keys(directory, environ)
    register = _find_register(_import_script(directory, environ.get(SCRIPT_VARIABLE, "function_app.py")))
    sdk.read_instants_fast()
    try:
        # Once only: a second call raises ValueError, names not unique (azure.functions).
        functions = register.get_functions()
    except ValueError as error:
        raise StartupError(f"The functions of {directory} cannot be indexed: {error}") from error
    index = _index(directory, host_json, functions, environ)
    return replace(index, warnings=(*_unread(ignored), *index.warnings))


def _unread(keys: Sequence[str]) -> list[str]:
    return [f"This host does nothing with {', '.join(keys)} of host.json."] if keys else []


def _import_script(directory: Path, script: str) -> ModuleType:
    path = directory / script
    if not path.is_file():
        raise StartupError(f"{path} is missing: --app must name a directory that holds host.json and {script}.")
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(path.stem, None)
        raise StartupError(f"{script} failed to import: {_place(error, directory)}: {_text(error)}") from error
    return module


def _text(error: Exception) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


def _place(error: Exception, directory: Path) -> str:
    """The innermost frame inside the app: where its author has to look."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame for frame in frames if Path(frame.filename).is_relative_to(directory) and ".venv" not in frame.filename
    ]
    return f"{Path(own[-1].filename).relative_to(directory)}, line {own[-1].lineno}" if own else "in a library"


def _find_register(module: ModuleType) -> Any:
    found = {id(value): value for value in vars(module).values() if isinstance(value, func.FunctionRegister)}
    if len(found) != 1:
        raise StartupError(
            f"{module.__file__} must hold exactly one function app object (FunctionApp or DFApp), not {len(found)}."
        )
    return next(iter(found.values()))


def _index(directory: Path, host_json: HostJson, functions: Sequence[Any], environ: Mapping[str, str]) -> AppIndex:
    served, disabled, refused, warnings = list[Function](), list[str](), dict[str, str](), list[str]()
    for each in functions:
        name = str(each.get_function_name())
        if is_disabled(name, environ):
            disabled.append(name)
            continue
        try:
            function = describe(each)
        except BindingError as error:
            refused[name] = str(error)
            continue
        served.append(function)
        warnings += _warnings(function, each)
    _check_unique(served)
    return AppIndex(directory, host_json, tuple(served), tuple(disabled), refused, tuple(warnings))


def _warnings(function: Function, registered: Any) -> list[str]:
    found = list[str]()
    client = getattr(function.call, "client_function", None)
    if client is not None and not inspect.iscoroutinefunction(client):
        found.append(f"{function.name} takes the durable client and must be 'async def': every call of it will fail.")
    if function.kind not in RETRIED and registered.get_setting("retry_policy") is not None:
        found.append(
            f"{function.name} has a retry policy: Azure applies none to a {function.kind}, nor does this host."
        )
    return found


def _check_unique(functions: Sequence[Function]) -> None:
    seen: dict[tuple[Kind, str], Function] = {}
    for function in functions:
        other = seen.setdefault((function.kind, function.durable_name.lower()), function)
        if other is not function:
            raise StartupError(
                f"{other.name} and {function.name} both claim the {function.kind} name {function.durable_name}."
            )
