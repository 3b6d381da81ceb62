"""The HTTP management API of the Durable extension: entities."""

from __future__ import annotations

import json

from aiohttp import web

from host import errors
from host.http import query
from host.http.errors import http_error
from host.http.management import Handler, input_text
from host.http.views import entity_view
from host.hub import TaskHub

EMPTY_KEY = "$"


class EntityApi:
    """Handlers of ``entities/``."""

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path below the API's prefix, handler."""
        one = "/entities/{name}/{key}"
        return [
            ("GET", "/entities", self.list),
            ("GET", "/entities/", self.list),
            ("GET", "/entities/{name}", self.list),
            ("GET", "/entities/{name}/", self.list),
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
        """Entities, of one name or all."""
        page = await self._hub.list_entities(query.entities(request, request.match_info.get("name")))
        fetch = query.flag(request, "fetchState")
        headers = {query.CONTINUATION: page.token} if page.token else None
        text = json.dumps([entity_view(entity, fetch) for entity in page.items])
        return web.Response(text=text, headers=headers, content_type="application/json")

    async def signal(self, request: web.Request) -> web.Response:
        """Send an operation without waiting for it."""
        body = await request.text()
        # What is not JSON passes as a string.
        text = input_text(body) if request.content_type == "application/json" else json.dumps(body) if body else None
        return await self._send(request, request.query.get("op", ""), text)

    async def delete(self, request: web.Request) -> web.Response:
        """Send the operation ``delete``."""
        return await self._send(request, "delete", None)

    async def _send(self, request: web.Request, operation: str, text: str | None) -> web.Response:
        trace = request.headers.get("traceparent")
        try:
            await self._hub.signal_entity(request.match_info["name"], _key(request), operation, text, trace)
        except (errors.UnknownFunction, errors.InvalidInstanceId) as error:
            return http_error(400, "The entity cannot be signalled.", error)
        return web.Response(status=202)


def _key(request: web.Request) -> str:
    key = request.match_info["key"]
    return "" if key == EMPTY_KEY else key
