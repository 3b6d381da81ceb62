"""How the parameters and the return value of a function are converted: by their binding and their annotation.

The rules are those of the Python worker (``azure_functions_runtime/functions.py`` 1.3.0).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from azure.functions import meta

GENERIC = "generic"
"""The converter of parameters that take str or bytes as they are."""
_OUT = 1


class BindingError(Exception):
    """A function that cannot be served: the text says what is wrong with its bindings."""


@dataclass(frozen=True)
class BoundType:
    """How one parameter (or the return value) is converted."""

    binding: str
    """Converter: a binding type, or ``generic`` for str and bytes."""
    pytype: Any = None


def parameter_types(
    params: Mapping[str, Any], bound: Mapping[str, Any], annotations: Mapping[str, Any]
) -> tuple[dict[str, BoundType], dict[str, BoundType]]:
    """Inputs and outputs by parameter. Raises BindingError of an annotation that does not fit its binding."""
    inputs, outputs = dict[str, BoundType](), dict[str, BoundType]()
    for name in params:
        is_out = int(bound[name].direction) == _OUT
        target = outputs if is_out else inputs
        target[name] = _bound_type(bound[name], name, annotations, is_out)
    return inputs, outputs


def _bound_type(binding: Any, name: str, annotations: Mapping[str, Any], is_out: bool) -> BoundType:
    annotation = annotations.get(name)
    origin = typing.get_origin(annotation) or annotation
    if annotation is not None and is_out != (origin is func.Out):
        raise BindingError(f"parameter {name}: an output binding, and only that, is annotated azure.functions.Out[...]")
    pytype = typing.get_args(annotation)[0] if origin is func.Out and typing.get_args(annotation) else annotation
    _check_is_type(pytype, f"parameter {name}")
    if pytype in (str, bytes) and not _has_implicit_output(binding.type):
        return BoundType(GENERIC, pytype)
    if isinstance(pytype, type) and not _fits(binding.type, pytype, is_out):
        raise BindingError(
            f"parameter {name}: the binding '{binding.type}' does not fit its annotation {pytype.__name__}"
        )
    return BoundType(binding.type, pytype)


def _check_is_type(annotation: Any, place: str) -> None:
    """The worker takes classes and ``typing`` generics; unions, strings and ``dict[str, int]`` are errors there too."""
    if annotation is None or isinstance(annotation, type):
        return
    origin = typing.get_origin(annotation)
    if origin in (None, typing.Union, types.UnionType, tuple) or isinstance(annotation, types.GenericAlias):
        raise BindingError(f"{place}: Azure takes a plain class as annotation, no {annotation}")


def _fits(binding: str, pytype: type, is_out: bool) -> bool:
    converter = meta.get_binding_registry().get(binding)
    if converter is None:
        return False
    check = converter.check_output_type_annotation if is_out else converter.check_input_type_annotation
    return bool(check(pytype))


def return_type(bindings: list[Any], annotations: Mapping[str, Any]) -> BoundType | None:
    """Of the return value; None: it is no answer. Raises BindingError of an annotation that does not fit."""
    annotation = annotations.get("return")
    for binding in bindings:
        if binding.name == "$return":
            _check_is_type(annotation, "the return value")
            if (
                isinstance(annotation, type)
                and annotation not in (str, bytes)
                and not _fits(binding.type, annotation, True)
            ):
                raise BindingError(
                    f"the return annotation {annotation.__name__} does not fit the binding '{binding.type}'"
                )
            return BoundType(binding.type, annotation)
    implicit = [binding.type for binding in bindings if _has_implicit_output(binding.type)]
    return BoundType(implicit[-1], annotation) if implicit else None


def _has_implicit_output(binding: str) -> bool:
    """Whether what a function of this trigger returns is its answer without a ``$return`` binding."""
    converter = meta.get_binding_registry().get(binding)
    return bool(getattr(converter, "has_implicit_output", lambda: False)())
