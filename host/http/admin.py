"""What operators ask of the host: health, status, why an instance waits."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from host.app import AppIndex
from host.functions import Kind
from host.http import query
from host.http.views import waiting_view
from host.hub import TaskHub
from host.keys import Keys
from host.schedule import TimerRunner


class Admin:
    """Handlers of ``/admin`` (master key) and ``/health`` (open)."""

    def __init__(self, app: AppIndex, hub: TaskHub, keys: Keys, timers: TimerRunner) -> None:
        self._app = app
        self._hub = hub
        self._keys = keys
        self._timers = timers

    def routes(self, own_readiness: bool) -> list[web.RouteDef]:
        """``/health/ready`` is ours only if the app has none."""
        routes = [
            web.get("/health/live", self.live),
            web.get("/admin/host/status", self.status),
            web.get("/admin/host/ping", self.live),
            web.get("/admin/instances", self.instances),
            web.get("/admin/instances/{id}/history", self.history),
            web.post("/admin/functions/{name}", self.run_function),
        ]
        return [*routes, web.get("/health/ready", self.ready)] if own_readiness else routes

    async def live(self, _: web.Request) -> web.Response:
        """The process answers."""
        return _json({"status": "live"})

    async def ready(self, _: web.Request) -> web.Response:
        """Functions are served."""
        return _json({"status": "ready"})

    async def status(self, request: web.Request) -> web.Response:
        """State of the host."""
        self._check(request)
        functions = [{"name": each.name, "trigger": str(each.kind)} for each in self._app.functions]
        return _json({"id": self._app.host_json.durable.hub_name, "state": "Running", "functions": functions})

    async def instances(self, request: web.Request) -> web.Response:
        """Instances with what they wait for."""
        self._check(request)
        wanted = query.instances(request)
        page = await self._hub.query(wanted) if wanted is not None else None
        headers = {query.CONTINUATION: page.token} if page and page.token else None
        return _json([waiting_view(status) for status in page.items] if page else [], headers)

    async def history(self, request: web.Request) -> web.Response:
        """The events of an instance as they were recorded."""
        self._check(request)
        status = await self._hub.status(request.match_info["id"])
        if status is None:
            raise web.HTTPNotFound
        return _json(await self._hub.history(status.instance_id))

    async def run_function(self, request: web.Request) -> web.Response:
        """Run a timer function now, beside its schedule."""
        self._check(request)
        name = request.match_info["name"].lower()
        function = next((each for each in self._app.of(Kind.TIMER) if each.name.lower() == name), None)
        if function is None:
            raise web.HTTPNotFound
        await self._timers.run_now(function)
        return web.Response(status=202)

    def _check(self, request: web.Request) -> None:
        if not self._keys.allows_admin(request.headers.get("x-functions-key") or request.query.get("code")):
            raise web.HTTPUnauthorized


def _json(body: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(text=json.dumps(body), headers=headers, content_type="application/json")
