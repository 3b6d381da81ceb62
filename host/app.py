"""Load a Functions Python v2 app and index what it registers.

Any app directory with host.json and function_app.py loads; nothing here knows a particular app.
Reference: https://learn.microsoft.com/azure/azure-functions/functions-reference-python (programming model v2)
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.abc import Loader
from pathlib import Path
from types import ModuleType
from typing import Any

import azure.functions as func

from host import sdk
from host.functions import RETRIED, BindingError, Function, Kind, describe
from host.settings import HostJson, StartupError, apply_local_settings, ignored_keys, is_disabled, read_host_json

SCRIPT_VARIABLE = "PYTHON_SCRIPT_FILE_NAME"
_SCRIPT = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_-]*\.py")
"""What Azure's Python worker takes as its value."""


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
    register = _import_register(directory, environ.get(SCRIPT_VARIABLE, "function_app.py"))
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


def _import_register(directory: Path, script: str) -> Any:
    """The function app object of the app's script."""
    path = _script(directory, script)
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        _execute(spec.loader, module, path)
        return _only_register(module)
    except StartupError:
        sys.modules.pop(path.stem, None)
        raise


def _script(directory: Path, script: str) -> Path:
    if not _SCRIPT.fullmatch(script):
        raise StartupError(
            f"{SCRIPT_VARIABLE} must name a Python file in the directory of the app, such as function_app.py, "
            f"not '{script}'."
        )
    path = directory / script
    if not path.is_file():
        raise StartupError(f"{path} is missing: --app must name a directory that holds host.json and {script}.")
    present = sys.modules.get(path.stem)
    if path.stem in sys.stdlib_module_names or (present is not None and not _registers(present)):
        raise StartupError(f"{path} must have another name: Python or this host has a module '{path.stem}' already.")
    return path


def _execute(loader: Loader, module: ModuleType, path: Path) -> None:
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise StartupError(f"{path.name} failed to import: {_place(error, path)}: {_text(error)}") from error


def _text(error: BaseException) -> str:
    if isinstance(error, SyntaxError):  # without the line of code, which is more than a sentence
        return f"{type(error).__name__}: {error.msg}"
    return "".join(traceback.format_exception_only(error)).strip()


def _place(error: BaseException, script: Path) -> str:
    """The innermost place inside the app: where its author has to look."""
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno))
    own = [
        (Path(file).relative_to(script.parent), line)
        for file, line in places
        if Path(file).is_relative_to(script.parent) and ".venv" not in file
    ]
    return "{}, line {}".format(*own[-1]) if own else script.name


def _registers(module: ModuleType) -> list[Any]:
    return list({id(each): each for each in vars(module).values() if isinstance(each, func.FunctionRegister)}.values())


def _only_register(module: ModuleType) -> Any:
    found = _registers(module)
    if len(found) != 1:
        raise StartupError(
            f"{module.__file__} must hold exactly one function app object (FunctionApp or DFApp), not {len(found)}."
        )
    return found[0]


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
