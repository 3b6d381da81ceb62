"""Immutable records at the price of mutable ones."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

T = TypeVar("T")


def quick(cls: type[T]) -> type[T]:
    """Put above ``@dataclass(frozen=True, slots=True)``: that nobody assigns to a field is then mypy's to see alone.

    To make an object of a frozen class takes three times as long: its ``__init__`` has to go by ``object.__setattr__``.
    """
    assert not hasattr(cls, "__post_init__")
    fields: Any = dataclasses.fields(cls)  # type: ignore[arg-type]
    plain: Any = dataclasses.make_dataclass(cls.__name__, map(_field, fields))
    made: Any = cls
    made.__init__ = plain.__init__
    del made.__setattr__, made.__delattr__
    return cls


def _field(field: dataclasses.Field[Any]) -> tuple[str, Any, Any]:
    options: dict[str, Any] = {"kw_only": field.kw_only}
    if field.default is not dataclasses.MISSING:
        options["default"] = field.default
    if field.default_factory is not dataclasses.MISSING:
        options["default_factory"] = field.default_factory
    return field.name, field.type, dataclasses.field(**options)
