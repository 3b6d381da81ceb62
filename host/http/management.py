"""The HTTP management API of the Durable extension: instances.

Reference: https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-api and, for what the
documentation leaves open, ``HttpApiHandler.cs`` of the extension. The unmodified client of azure-functions-durable 1.7
is tested against it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from host import defects, errors
from host.client_binding import ClientBinding
from host.entities import ENTITY, entity_id, split
from host.http import query
from host.http.anycase import query_of
from host.http.errors import BadRequest, http_error
from host.http.listing import InstanceList
from host.http.pages import Pages
from host.http.payload import load, payload, text_of
from host.http.views import history_view, instance_view, parsed, scheduler_view
from host.hub import TaskHub
from host.model import InstanceStatus, Status
from host.telemetry import trace_context

Handler = Callable[[web.Request], Awaitable[web.Response]]

RETRY_START = "10"
RETRY_STATUS = "5"


class InstanceApi:
    """Handlers of ``orchestrators/`` and ``instances/``."""

    def __init__(self, hub: TaskHub, binding: ClientBinding) -> None:
        self._hub = hub
        self._binding = binding
        self._pages = Pages("/instances", hub.options.compat)
        self._list = InstanceList(hub)

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path below the API's prefix, handler."""
        one = "/instances/{id}"
        return [
            ("POST", "/orchestrators/{name}", self.start),
            ("POST", "/orchestrators/{name}/{id}", self.start),
            ("GET", "/instances", self.list),
            ("DELETE", "/instances", self.purge_many),
            ("GET", one, self.status),
            ("DELETE", one, self.purge),
            ("POST", f"{one}/raiseEvent/{{event}}", self.raise_event),
            ("POST", f"{one}/terminate", self.terminate),
            ("POST", f"{one}/suspend", self.suspend),
            ("POST", f"{one}/resume", self.resume),
            ("POST", f"{one}/rewind", self.rewind),
            ("POST", f"{one}/restart", self.restart),
        ]

    async def start(self, request: web.Request) -> web.Response:
        """Start an instance; with ``timeout`` wait for its end."""
        patience = query.seconds(request, "timeout")
        posted = payload(await text_of(request), self._hub.options.compat)
        name = request.match_info["name"]
        wanted = request.match_info.get("id")
        version = query_of(request).get("version")
        try:
            trace, state = trace_context(request.headers)
            instance_id = await self._hub.start(
                name, posted.text, wanted, version, trace, raw=posted.raw, tracestate=state
            )
        except (errors.UnknownFunction, errors.InvalidInstanceId) as error:
            return http_error(400, "The instance cannot be started.", error)
        except errors.AlreadyRunning as error:
            return http_error(409, str(error))
        if not posted.readable:
            defects.plain_json(instance_id)
        return await self._started(request, instance_id, patience)

    async def status(self, request: web.Request) -> web.Response:
        """Status of one instance, with its history if asked."""
        instance_id = request.match_info["id"]
        show_input = query.flag(request, "showInput", default=True)
        if instance_id.startswith(ENTITY):
            return await self._entity(request, instance_id, show_input)
        status = await self._hub.status(instance_id)
        if status is None:
            return web.Response(status=404)
        view = instance_view(status, show_input)
        if query.flag(request, "showHistory"):
            events = [] if status.status is Status.PENDING else await self._hub.history(instance_id)
            view["historyEvents"] = history_view(events, query.flag(request, "showHistoryOutput"), show_input)
        if not status.status.ended:
            return _going_on(request, view)
        failed = status.status is Status.FAILED and query.flag(request, "returnInternalServerErrorOnFailure")
        return _json(500 if failed else 200, view)

    async def _entity(self, request: web.Request, instance_id: str, show_input: bool) -> web.Response:
        """An entity as an instance, by its exact id: without a history, which no entity has here."""
        name, key = split(instance_id)
        entity = await self._hub.read_entity(name, key) if entity_id(name, key) == instance_id else None
        if entity is None:
            return web.Response(status=404)
        view = scheduler_view(entity, show_input)
        if query.flag(request, "showHistory"):
            view["historyEvents"] = []
        return _going_on(request, view)

    async def list(self, request: web.Request) -> web.Response:
        """Instances and entities that match, page by page; without ``top`` 100 of them, or under ``fixed`` all."""
        wanted = query.instances(request, self._pages)
        if wanted is None:
            return _json(200, [])
        show_input = query.flag(request, "showInput", default=True)
        views, token = await self._list.page(wanted, show_input=show_input)
        return _json(200, views, self._pages.headers(request, token))

    async def raise_event(self, request: web.Request) -> web.Response:
        """Raise an external event; its data is any JSON."""
        if request.can_read_body and request.content_type != "application/json":
            raise BadRequest("Only application/json request content is supported.")
        text = await text_of(request)
        if text:
            load(text)
        call = self._hub.raise_event(request.match_info["id"], request.match_info["event"], text or "null")
        return await _verb(call)

    async def terminate(self, request: web.Request) -> web.Response:
        """End an instance."""
        return await _verb(self._hub.terminate(request.match_info["id"], query_of(request).get("reason")))

    async def suspend(self, request: web.Request) -> web.Response:
        """Hold an instance."""
        return await _verb(self._hub.suspend(request.match_info["id"], query_of(request).get("reason")))

    async def resume(self, request: web.Request) -> web.Response:
        """Let a suspended instance go on."""
        return await _verb(self._hub.resume(request.match_info["id"], query_of(request).get("reason")))

    async def rewind(self, request: web.Request) -> web.Response:
        """Run a failed instance again from its last good step."""
        try:
            await self._hub.rewind(request.match_info["id"], query_of(request).get("reason"))
        except errors.UnknownInstance:
            return web.Response(status=404)
        except errors.NotFinished as error:
            return http_error(412, "Only failed instances can be rewound.", error)
        except (errors.WrongState, errors.AlreadyFinished):
            return web.Response(status=410)
        return web.Response(status=202)

    async def restart(self, request: web.Request) -> web.Response:
        """Start again with the same input; with ``timeout`` wait for its end."""
        patience = query.seconds(request, "timeout")
        new_id = query.flag(request, "restartWithNewInstanceId", default=True)
        try:
            instance_id = await self._hub.restart(request.match_info["id"], new_id)
        except (errors.UnknownInstance, errors.UnknownFunction) as error:
            return http_error(400, "The instance cannot be restarted.", error)
        except (errors.AlreadyRunning, errors.NotFinished) as error:
            return http_error(409, "The instance has not ended.", error)
        return await self._started(request, instance_id, patience)

    async def purge(self, request: web.Request) -> web.Response:
        """Forget an ended instance, or an entity: of one that does not exist Azure says so by the number alone."""
        instance_id = request.match_info["id"]
        try:
            deleted = await self._hub.purge(instance_id)
        except errors.NotFinished as error:
            return http_error(412, "The instance has not ended.", error)
        if not deleted and not instance_id.startswith(ENTITY):
            return web.Response(status=404)
        return _json(200, {"instancesDeleted": deleted})

    async def purge_many(self, request: web.Request) -> web.Response:
        """Forget all ended instances that match."""
        if not query_of(request).get("createdTimeFrom"):
            raise BadRequest("Please provide value for 'createdTimeFrom' parameter.")
        wanted = query.instances(request, self._pages)
        deleted = await self._hub.purge_where(wanted) if wanted is not None else 0
        return _json(200, {"instancesDeleted": deleted}) if deleted else web.Response(status=404)

    async def _started(self, request: web.Request, instance_id: str, patience: float | None) -> web.Response:
        """``patience``: seconds to wait for the end; None: do not wait."""
        if patience is not None:
            status = await self._hub.wait(instance_id, patience)
            if status.status.ended:
                return _ended(request, status)
        links = self._binding.links(str(request.url.origin()), instance_id, rewind=False)
        return _json(202, links, {"Location": links["statusQueryGetUri"], "Retry-After": RETRY_START})


async def _verb(call: Awaitable[None]) -> web.Response:
    try:
        await call
    except errors.UnknownInstance:
        return web.Response(status=404)
    except errors.AlreadyFinished:
        return web.Response(status=410)
    except errors.WrongState as error:
        return http_error(500, "Something went wrong while processing your request", error)
    return web.Response(status=202)


def _going_on(request: web.Request, view: dict[str, Any]) -> web.Response:
    return _json(202, view, {"Location": str(request.url), "Retry-After": RETRY_STATUS})


def _ended(request: web.Request, status: InstanceStatus) -> web.Response:
    if status.status is Status.COMPLETED:
        return _json(200, parsed(status.output))
    failed = status.status is Status.FAILED and query.flag(request, "returnInternalServerErrorOnFailure")
    return _json(500 if failed else 200, instance_view(status, show_input=True))


def _json(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=json.dumps(body), headers=headers, content_type="application/json")
