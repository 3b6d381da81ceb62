"""ASP.NET route templates: what HTTP triggers write in ``route=``.

Literals, parameters with constraints (``{id:int}``), optional (``{id?}``) and default (``{page=1}``)
ones, segments of several parts (``{name}.{ext}``) and catch-alls (``{*rest}``). The most specific template wins.
Reference: https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from host.http.constraints import Check, constraint
from host.http.paths import split_path

T = TypeVar("T")

_PARAMETER = re.compile(
    r"(?<!\{)\{(?P<star>\*{0,2})(?P<name>[^:=?{}*]+)(?P<rules>(?::[^=?{}(]+(?:\((?:[^()]|\([^()]*\))*\))?)*)"
    r"(?:=(?P<default>[^{}?]*))?(?P<optional>\?)?\}(?!\})"
)
_RULE = re.compile(r":([a-zA-Z]+)(?:\(((?:[^()]|\([^()]*\))*)\))?")


@dataclass(frozen=True)
class _Parameter:
    name: str
    checks: tuple[Check, ...]
    default: str | None
    optional: bool

    def accepts(self, text: str) -> bool:
        return all(check(text) for check in self.checks)


@dataclass(frozen=True)
class _Segment:
    pattern: re.Pattern[str]
    parameters: tuple[_Parameter, ...]
    rank: int
    """ASP.NET's precedence digit: 1 literal, 2 constrained, 3 plain parameter, 4 constrained catch-all, 5 catch-all."""

    @property
    def may_be_absent(self) -> bool:
        first = self.parameters[0] if len(self.parameters) == 1 else None
        return first is not None and (self.rank >= 4 or first.optional or first.default is not None)


@dataclass(frozen=True)
class Template:
    """One compiled route template."""

    text: str
    segments: tuple[_Segment, ...]

    @property
    def rank(self) -> tuple[int, ...]:
        """Sort key: the smaller, the more specific."""
        return tuple(segment.rank for segment in self.segments)

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """The route parameters of a path as ``split_path`` gives it, or None when it does not match."""
        # A slash at the end says something to a catch-all only.
        named = parts if parts[-1] else parts[:-1]
        found: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            if index >= len(named):
                if not segment.may_be_absent:
                    return None
                _add_default(segment.parameters[0], found)
            elif segment.rank >= 4:
                return _rest(segment.parameters[0], parts[index:], found)
            elif not _match_segment(segment, named[index], found):
                return None
        return found if len(named) <= len(self.segments) else None


def _rest(parameter: _Parameter, parts: Sequence[str], found: dict[str, str]) -> dict[str, str] | None:
    text = "/".join(parts)
    return found | {parameter.name: text} if parts[0] and parameter.accepts(text) else None


def _add_default(parameter: _Parameter, found: dict[str, str]) -> None:
    if parameter.default is not None:
        found[parameter.name] = parameter.default


def _match_segment(segment: _Segment, text: str, found: dict[str, str]) -> bool:
    match = segment.pattern.fullmatch(text)
    if match is None:
        return False
    for index, parameter in enumerate(segment.parameters):
        value = match.group(f"p{index}")
        if value is None:
            continue
        if not parameter.accepts(value):
            return False
        found[parameter.name] = value
    return True


def compile_template(text: str) -> Template:
    """Compile a route template.

    Raises:
        ValueError: The template is malformed; the message says where.
    """
    parts = [part for part in _split(text.strip("/")) if part]
    segments = tuple(_segment(part) for part in parts)
    for segment in segments[:-1]:
        if segment.rank >= 4:
            raise ValueError("a catch-all parameter must be the last segment")
    names = [parameter.name.lower() for segment in segments for parameter in segment.parameters]
    if len(names) != len(set(names)):
        raise ValueError("a parameter appears twice")
    return Template(text.strip("/"), segments)


def _split(text: str) -> list[str]:
    """Split at slashes that are outside braces (a regex constraint may hold one)."""
    parts, depth = [""], 0
    for char in text:
        depth += (char == "{") - (char == "}")
        if char == "/" and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _segment(text: str) -> _Segment:
    pattern, position, parameters, star = "", 0, list[_Parameter](), False
    for match in _PARAMETER.finditer(text):
        literal = text[position : match.start()]
        parameter = _parameter(match)
        if match["star"] and match[0] != text:
            raise ValueError(f"the catch-all parameter '{match['name']}' must be a segment of its own")
        if parameters and not literal:
            raise ValueError(f"nothing stands between the parameters '{parameters[-1].name}' and '{parameter.name}'")
        group = f"(?P<p{len(parameters)}>"
        if parameter.optional and literal.endswith("."):
            pattern += re.escape(_plain(literal[:-1])) + rf"(?:\.{group}[^.]+))?"
        else:
            # Lazy only where an optional extension may follow; ASP.NET gives the rest to the first parameter.
            pattern += re.escape(_plain(literal)) + group + (".+?)" if text.endswith("?}") else ".+)")
        star = star or bool(match["star"])
        parameters.append(parameter)
        position = match.end()
    pattern += re.escape(_plain(text[position:]))
    return _Segment(re.compile(pattern, re.IGNORECASE), tuple(parameters), _rank(text, parameters, star))


def _plain(literal: str) -> str:
    if re.search(r"(?<!\{)\{(?!\{)|(?<!\})\}(?!\})", literal):
        raise ValueError(f"unbalanced or malformed braces near '{literal}'")
    return literal.replace("{{", "{").replace("}}", "}")


def _parameter(match: re.Match[str]) -> _Parameter:
    checks = tuple(constraint(name.lower(), arguments or None) for name, arguments in _RULE.findall(match["rules"]))
    return _Parameter(match["name"], checks, match["default"], bool(match["optional"]))


def _rank(text: str, parameters: list[_Parameter], star: bool) -> int:
    if not parameters:
        return 1
    constrained = any(parameter.checks for parameter in parameters)
    if star:
        return 4 if constrained else 5
    whole = len(parameters) == 1 and text.startswith("{") and text.endswith("}")
    return 2 if constrained or not whole else 3


@dataclass(frozen=True)
class Route(Generic[T]):
    """A template, the methods it answers (None: all) and what it leads to."""

    template: Template
    methods: frozenset[str] | None
    target: T


@dataclass(frozen=True)
class Match(Generic[T]):
    """What a request leads to: a route with its parameters, or the methods that would have been allowed."""

    route: Route[T] | None
    params: dict[str, str] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()


class RouteTable(Generic[T]):
    """Routes, most specific first."""

    def __init__(self, routes: Iterable[Route[T]]) -> None:
        routes = tuple(routes)
        self.targets = tuple(route.target for route in routes)
        """What the routes lead to, in the order given."""
        self._routes = sorted(routes, key=lambda route: route.template.rank)

    def find(self, method: str, path: str) -> Match[T]:
        """The best route for a request; without one, the methods that the path does know (none: no such path)."""
        parts = split_path(path)
        allowed: set[str] = set()
        for route in self._routes:
            params = route.template.match(parts)
            if params is None:
                continue
            if route.methods is None or method in route.methods:
                return Match(route, params)
            allowed |= route.methods
        return Match(None, allowed=frozenset(allowed))

    def has(self, path: str) -> bool:
        """Whether any route answers this path, by whatever method."""
        parts = split_path(path)
        return any(route.template.match(parts) is not None for route in self._routes)
