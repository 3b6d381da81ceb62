"""HTTP triggers: find the function of a request, check its key, call it."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from host.app import AppIndex
from host.call import Call, HttpRequest, HttpResponse
from host.functions import Function, Kind
from host.http.routes import Route, RouteTable, compile_template
from host.invocation import FunctionFailed
from host.invoker import AppInvoker
from host.keys import AuthLevel, Keys
from host.settings import HttpSection, StartupError, resolve
from host.telemetry import trace_context

log = logging.getLogger("host.http")

ALL_METHODS = frozenset({"GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS"})
RESERVED = frozenset({"admin", "runtime", "durabletask", ".auth"})
"""First segments that no function may take (the first two are Azure's rule)."""
FINAL = range(200, 1000)
"""Status codes that may end a request. Kestrel writes any number; callers wait for more after those below 200."""
_OURS = frozenset({"content-length", "transfer-encoding", "connection"})
"""Headers that the server itself sets."""


@dataclass(frozen=True)
class Target:
    """What a route leads to."""

    function: Function
    level: AuthLevel
    path: str
    """The template with its prefix: the name of the route in spans and logs."""
    methods: tuple[str, ...]


def build_routes(app: AppIndex, environ: Mapping[str, str]) -> RouteTable[Target]:
    """The routes of all HTTP triggers.

    Raises:
        StartupError: A route template is malformed, or two functions claim one route and method.
    """
    routes = [_route(function, app.host_json.route_prefix, environ) for function in app.of(Kind.HTTP)]
    _check(routes)
    return RouteTable(routes)


def _check(routes: Sequence[Route[Target]]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for route in routes:
        text, name = route.template.text, route.target.function.name
        if text.lower().split("/")[0] in RESERVED:
            raise StartupError(f"The route /{text} of {name} belongs to the host: choose another.")
        for method in route.methods or ALL_METHODS:
            other = seen.setdefault((_shape(text), method), name)
            if other != name:
                raise StartupError(f"{other} and {name} both answer {method} /{text}.")


def _shape(template: str) -> str:
    """A template without the names of its parameters."""
    return re.sub(r"(\{\*{0,2})[^}:=?]+", r"\1", template.lower())


def _route(function: Function, prefix: str, environ: Mapping[str, str]) -> Route[Target]:
    template = str(function.trigger.route if function.trigger.route is not None else function.name)
    path = "/".join(
        part for part in (prefix, resolve(template, environ, f"The route of {function.name}").strip("/")) if part
    )
    try:
        compiled = compile_template(path)
        level = AuthLevel(str(getattr(function.trigger, "auth_level", None) or AuthLevel.FUNCTION).lower())
    except ValueError as error:
        raise StartupError(f"The HTTP trigger of {function.name} (route '{path}') is malformed: {error}.") from error
    declared = getattr(function.trigger, "methods", None)
    methods = frozenset(str(getattr(method, "value", method)).upper() for method in declared) if declared else None
    return Route(compiled, methods, Target(function, level, f"/{path}", tuple(sorted(methods or ALL_METHODS))))


class HttpTriggers:
    """Answers every path that the host itself does not."""

    def __init__(self, routes: RouteTable[Target], keys: Keys, invoker: AppInvoker, section: HttpSection) -> None:
        self.routes = routes
        self._keys = keys
        self._invoker = invoker
        self._section = section
        self._places = asyncio.Semaphore(section.max_concurrent if section.max_concurrent > 0 else sys.maxsize)
        self.draining = False
        self._running: set[asyncio.Task[web.Response]] = set()

    @property
    def hanging(self) -> tuple[str, ...]:
        """As of ``AppInvoker``: functions of any kind."""
        return self._invoker.hanging

    async def __call__(self, request: web.Request, headers: Mapping[str, str]) -> web.Response:
        """Answer a request; ``headers`` are those that the function shall see."""
        response = await self._answer(request, headers)
        for name, value in self._section.custom_headers.items():
            response.headers.setdefault(name, value)
        return response

    async def _answer(self, request: web.Request, headers: Mapping[str, str]) -> web.Response:
        path = request.rel_url.raw_path
        match = self.routes.find(request.method, path)
        if match.route is None and request.method == "HEAD" and "GET" in match.allowed:
            match = self.routes.find("GET", path)
        if match.route is None:
            return _no_route(request.method, match.allowed)
        if self.draining:
            return web.Response(status=503, headers={"Retry-After": "5"})
        target = match.route.target
        key = request.headers.get("x-functions-key") or request.query.get("code")
        if not self._keys.allows(target.level, target.function.name, key):
            return web.Response(status=401)
        if 0 < self._section.max_outstanding <= len(self._running):
            return web.Response(status=429)
        task = asyncio.ensure_future(self._run_in_place(request, target, match.params, headers))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await task

    async def drain(self, seconds: float) -> None:
        """Refuse new requests and wait for the running ones."""
        self.draining = True
        if self._running:
            await asyncio.wait(set(self._running), timeout=seconds)

    async def _run_in_place(
        self, request: web.Request, target: Target, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> web.Response:
        async with self._places:
            return await self._run(request, target, params, headers)

    async def _run(
        self, request: web.Request, target: Target, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> web.Response:
        seen = HttpRequest(
            method=request.method,
            url=str(request.url),
            headers=headers,
            query={name: ",".join(request.query.getall(name)) for name in request.query},
            params=params,
            body=await request.read(),
        )
        parent, state = trace_context(request.headers)
        attributes = {
            "http.request.method": request.method,
            "http.route": target.path,
            "faas.name": target.function.name,
        }
        name, telemetry = f"{request.method} {target.path}", self._invoker.telemetry
        with telemetry.span(name, parent, attributes, kind="server", state=state) as span:
            call = Call(target.function.name, seen, str(uuid.uuid4()), self._invoker.client, span.traceparent, state)
            try:
                answer = await self._invoker.run(target.function, call)
            except FunctionFailed as failure:
                span.fail(failure.type)
                log_failure(log, target.function.name, failure)
                return web.Response(status=500)
            assert isinstance(answer, HttpResponse)
            if answer.status not in FINAL:
                log.error(
                    "%s answered with status %d, which ends no request: 500.", target.function.name, answer.status
                )
                answer = HttpResponse(500, (), b"")
            span.set("http.response.status_code", answer.status)
        return _response(answer)


def log_failure(logger: logging.Logger, function: str, failure: FunctionFailed) -> None:
    """Type and frames; never the text, which may quote what the function was given."""
    logger.error("%s failed: %s at %s", function, failure.type, " < ".join(reversed(failure.frames[-4:])))


def combined_headers(request: web.Request) -> dict[str, str]:
    """Headers by lower-case name; repeated ones joined by a comma, cookies by a semicolon."""
    names = dict.fromkeys(name.lower() for name in request.headers)
    return {name: ("; " if name == "cookie" else ",").join(request.headers.getall(name)) for name in names}


def _no_route(method: str, allowed: frozenset[str]) -> web.Response:
    if not allowed:
        return web.Response(status=404)
    allow = ", ".join(sorted(allowed | {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())))
    return web.Response(status=204 if method == "OPTIONS" else 405, headers={"Allow": allow})


def _response(answer: HttpResponse) -> web.Response:
    response = web.Response(status=answer.status, body=answer.body)
    response.headers.popall("Content-Type", None)
    for name, value in answer.headers:
        if name.lower() not in _OURS:
            response.headers.add(name, value)
    return response
