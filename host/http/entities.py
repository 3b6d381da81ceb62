"""The HTTP management API of the Durable extension: entities."""

from __future__ import annotations

import json

from aiohttp import web

from host import defects, errors
from host.entities import entity_id
from host.http import query
from host.http.anycase import query_of
from host.http.errors import http_error
from host.http.management import Handler
from host.http.pages import Pages
from host.http.payload import Payload, payload, text_of
from host.http.views import entity_view
from host.hub import TaskHub
from host.telemetry import trace_context

EMPTY_KEY = "$"


class EntityApi:
    """Handlers of ``entities/``."""

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub
        self._pages = Pages("/entities", hub.options.compat)

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path below the API's prefix, handler."""
        one = "/entities/{name}/{key}"
        return [
            ("GET", "/entities", self.list),
            ("GET", "/entities/{name}", self.list),
            ("GET", one, self.read),
            ("POST", one, self.signal),
            ("DELETE", one, self.delete),
        ]

    async def read(self, request: web.Request) -> web.Response:
        """State of one entity."""
        entity = await self._hub.read_entity(request.match_info["name"], _key(request))
        if entity is None or entity.state is None:
            return web.Response(status=404)
        return web.Response(text=entity.state, content_type="application/json")

    async def list(self, request: web.Request) -> web.Response:
        """Entities, of one name or all, page by page as instances are."""
        wanted = query.entities(request, request.match_info.get("name"), self._pages)
        page = await self._hub.list_entities(wanted)
        fetch = query.flag(request, "fetchState")
        headers = self._pages.headers(request, page.token)
        text = json.dumps([entity_view(entity, fetch) for entity in page.items])
        return web.Response(text=text, headers=headers, content_type="application/json")

    async def signal(self, request: web.Request) -> web.Response:
        """Send an operation without waiting for it."""
        body = await text_of(request)
        if body and request.content_type != "application/json":
            body = json.dumps(body)  # what is not JSON passes as a string
        posted = payload(body, self._hub.options.compat, objects=False)
        return await self._send(request, query_of(request).get("op", ""), posted)

    async def delete(self, request: web.Request) -> web.Response:
        """Send the operation ``delete``."""
        return await self._send(request, "delete", Payload(None))

    async def _send(self, request: web.Request, operation: str, posted: Payload) -> web.Response:
        name, key = request.match_info["name"], _key(request)
        trace, state = trace_context(request.headers)
        try:
            await self._hub.signal_entity(name, key, operation, posted.text, trace, raw=posted.raw, tracestate=state)
        except (errors.UnknownFunction, errors.InvalidInstanceId) as error:
            return http_error(400, "The entity cannot be signalled.", error)
        if not posted.readable:
            defects.plain_json(entity_id(name, key))
        return web.Response(status=202)


def _key(request: web.Request) -> str:
    key = request.match_info["key"]
    return "" if key == EMPTY_KEY else key
