"""What operators ask of the host: health, status, why an instance waits."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from aiohttp import web

from host.app import AppIndex
from host.clock import VirtualClock
from host.deliveries import Deliveries
from host.functions import Kind
from host.http import query
from host.http.errors import BadRequest
from host.http.pages import Pages
from host.http.triggers import HttpTriggers
from host.http.waits import waiting_view
from host.hub import TaskHub
from host.keys import Keys
from host.model import InstanceStatus, Page
from host.schedule import TimerRunner


class Admin:
    """Handlers of ``/admin`` (master key) and ``/health`` (open)."""

    def __init__(
        self,
        app: AppIndex,
        hub: TaskHub,
        keys: Keys,
        timers: TimerRunner,
        triggers: HttpTriggers,
        deliveries: Deliveries,
    ) -> None:
        self._app = app
        self._clock = timers.clock
        self._triggers = triggers
        self._hub = hub
        self._keys = keys
        self._timers = timers
        self._deliveries = deliveries
        self._pages = Pages("/admin/instances")

    def routes(self) -> list[web.RouteDef]:
        """The routes; those of ``/health`` are ours only where the app has none."""
        health = [web.get("/health/live", self.live), web.get("/health/ready", self.ready)]
        return [route for route in health if not self._triggers.routes.has(route.path)] + [
            web.get("/admin/host/status", self.status),
            web.get("/admin/host/ping", self.live),
            web.get("/admin/deliveries", self.deliveries),
            web.get("/admin/instances", self.instances),
            web.get("/admin/instances/{id}", self.instance),
            web.get("/admin/instances/{id}/history", self.history),
            web.get("/admin/instances/{id}/recording", self.recording),
            web.post("/admin/clock/advance", self.advance),
            web.post("/admin/functions/{name}", self.run_function),
        ]

    async def live(self, _: web.Request) -> web.Response:
        """The process answers."""
        return _json({"status": "live"})

    async def ready(self, _: web.Request) -> web.Response:
        """Functions are served; 503 while the host drains or its store is not well.

        ``hanging``: threads of functions that ran longer than ``functionTimeout``; the others go on.
        """
        if self._triggers.draining:
            return _json({"status": "draining"}, status=503)
        if (fault := self._hub.fault) is not None:
            return _json({"status": "fault", "reason": fault}, status=503)
        hanging = len(self._triggers.hanging)
        return _json({"status": "ready"} | ({"hanging": hanging} if hanging else {}))

    async def status(self, request: web.Request) -> web.Response:
        """State of the host, with Azure's words for one that is not well or drains."""
        self._check(request)
        fault = self._hub.fault
        return _json(
            {
                "id": self._app.host_json.durable.hub_name,
                "state": "Error" if fault else "Stopping" if self._triggers.draining else "Running",
                "errors": [fault] if fault else [],
                "functions": [{"name": each.name, "trigger": str(each.kind)} for each in self._app.functions],
                "outages": self._deliveries.outages_view(),
                "hanging": sorted(self._triggers.hanging),
            }
        )

    async def deliveries(self, request: web.Request) -> web.Response:
        """What message triggers delivered, those numbered above ``after`` only; positions, lag and outages."""
        self._check(request)
        after = request.query.get("after", "0")
        if not after.isdecimal():
            raise BadRequest("after must be a number.")
        return _json(self._deliveries.view(int(after)))

    async def instances(self, request: web.Request) -> web.Response:
        """Instances with what they wait for."""
        self._check(request)
        wanted = query.instances(request, self._pages)
        page = await self._hub.query(wanted) if wanted is not None else Page(())
        views = [await self._waiting(status) for status in page.items]
        return _json(views, self._pages.headers(request, page.token))

    async def instance(self, request: web.Request) -> web.Response:
        """One instance with what it waits for; with ``replay`` also where its code stands."""
        status = await self._status(request)
        return _json(await self._waiting(status, replay=query.flag(request, "replay")))

    async def history(self, request: web.Request) -> web.Response:
        """The events of an instance as they were recorded."""
        return _json(await self._hub.history((await self._status(request)).instance_id))

    async def recording(self, request: web.Request) -> web.Response:
        """An instance in the format that ``host.recording`` replays."""
        from host.recording import export

        status = await self._status(request)
        history, options = await self._hub.history(status.instance_id), self._hub.options
        return _json(export(history, status, options.compat, timer_spans=options.send_timer_spans))

    async def advance(self, request: web.Request) -> web.Response:
        """Move the virtual clock by ``{"seconds": n}``."""
        self._check(request)
        if not isinstance(self._clock, VirtualClock):
            raise BadRequest("The host runs on the system's clock: start it with --clock virtual.")
        try:
            span = timedelta(seconds=float((await request.json())["seconds"]))
        except (ValueError, TypeError, KeyError, OverflowError):
            raise BadRequest('The body must be {"seconds": number}.') from None
        try:
            await self._clock.advance(span)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        return _json({"now": self._clock.now().isoformat()})

    async def run_function(self, request: web.Request) -> web.Response:
        """Run a timer function now, beside its schedule."""
        self._check(request)
        name = request.match_info["name"].lower()
        function = next((each for each in self._app.of(Kind.TIMER) if each.name.lower() == name), None)
        if function is None:
            raise web.HTTPNotFound
        await self._timers.run_now(function)
        return web.Response(status=202)

    async def _status(self, request: web.Request) -> InstanceStatus:
        self._check(request)
        status = await self._hub.status(request.match_info["id"])
        if status is None:
            raise web.HTTPNotFound
        return status

    async def _waiting(self, status: InstanceStatus, *, replay: bool = False) -> dict[str, Any]:
        return waiting_view(status, await self._hub.explainer.explain(status, replay=replay))

    def _check(self, request: web.Request) -> None:
        if not self._keys.allows_admin(request.headers.get("x-functions-key") or request.query.get("code")):
            raise web.HTTPUnauthorized


def _json(body: Any, headers: dict[str, str] | None = None, status: int = 200) -> web.Response:
    return web.Response(status=status, text=json.dumps(body), headers=headers, content_type="application/json")
