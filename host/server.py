"""The HTTP server of the host: everything that answers on its port."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from host import forks
from host.app import AppIndex
from host.client_binding import PRIVATE, PUBLIC, ClientBinding
from host.deliveries import Deliveries
from host.functions import Kind
from host.http.admin import Admin
from host.http.anycase import any_case, query_of
from host.http.connection import SERVER, connections
from host.http.entities import EntityApi
from host.http.failures import failures
from host.http.management import Handler, InstanceApi
from host.http.signin import SignIn, is_loopback
from host.http.slowness import Patience, SlowClients
from host.http.triggers import HttpTriggers, Target, build_routes
from host.hub import TaskHub
from host.identity import Identities
from host.invoker import AppInvoker
from host.keys import Keys
from host.schedule import TimerRunner
from host.settings import StartupError

MAX_BODY = 100 * 1024 * 1024
"""Bytes: https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#limits."""
FOREIGN = ("Origin", "Sec-Fetch-Site", "Forwarded", "X-Forwarded-For")
"""Headers of browsers and of proxies: a program of this machine that speaks to the host sends none of them."""
BACKLOG = 4096
"""Connections that wait to be accepted; the system may allow fewer."""
DRAIN_SECONDS = 15.0
SHUTDOWN_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Where to listen and whom to let in."""

    address: str = "127.0.0.1"
    port: int = 0
    """0: any free one."""
    max_body: int = MAX_BODY
    keys: Keys = field(default_factory=Keys)
    identities: Identities | None = None
    patience: Patience = field(default_factory=Patience)


class Server:
    """A host that listens. ``origin`` is its base URL."""

    def __init__(
        self,
        runner: web.AppRunner,
        accepting: asyncio.Server,
        triggers: HttpTriggers,
        binding: ClientBinding,
        keys: Keys,
        sweeping: asyncio.Task[None],
    ) -> None:
        self._runner = runner
        self._accepting = accepting
        self._sweeping = sweeping
        self._triggers = triggers
        self.binding = binding
        self.keys = keys

    @property
    def targets(self) -> tuple[Target, ...]:
        """The HTTP functions with their routes."""
        return self._triggers.routes.targets

    @property
    def origin(self) -> str:
        """``http://127.0.0.1:7071``."""
        return self.binding.origin

    async def drain(self) -> None:
        """Refuse new requests to functions (503) and let the running ones end, at most 15 s; the rest still answers."""
        await self._triggers.drain(DRAIN_SECONDS)

    async def close(self) -> None:
        """Release the port."""
        self._sweeping.cancel()
        self._accepting.close()
        await self._runner.cleanup()


@dataclass(frozen=True)
class Listener:
    """An open port that nobody answers yet."""

    socket: socket.socket
    binding: ClientBinding


def listen(app: AppIndex, options: ServerOptions) -> Listener:
    """Open the port; what arrives before ``serve`` waits.

    Raises:
        StartupError: The port is taken.
    """
    opened = _open(options)
    forks.keep(opened)
    binding = ClientBinding(
        origin=_origin(options.address, opened.getsockname()[1]),
        hub=app.host_json.durable.hub_name,
        system_key=options.keys.system,
    )
    return Listener(opened, binding)


async def serve(
    app: AppIndex,
    hub: TaskHub,
    invoker: AppInvoker,
    timers: TimerRunner,
    options: ServerOptions | None = None,
    listener: Listener | None = None,
    environ: Mapping[str, str] = os.environ,
    deliveries: Deliveries | None = None,
) -> Server:
    """Answer on a port, and give the invoker the client binding of this address.

    Raises:
        StartupError: The port is taken, or a route is malformed.
    """
    options = options or ServerOptions()
    routes = build_routes(app, environ)
    listener = listener or listen(app, options)
    invoker.client = listener.binding.text()
    slow = SlowClients(options.patience)
    web_app = web.Application(client_max_size=options.max_body, middlewares=[failures, slow.guard])
    triggers = HttpTriggers(routes, options.keys, invoker, app.host_json.extensions.http)
    web_app.add_routes(Admin(app, hub, options.keys, timers, triggers, deliveries or Deliveries()).routes())
    _add_management(web_app, hub, listener.binding, options.keys)
    sign_in = SignIn(options.identities)
    web_app.add_routes(sign_in.routes())
    web_app.router.add_route("*", "/{path:.*}", _functions(triggers, sign_in))
    web_app.on_response_prepare.append(_no_server_name)
    runner = web.AppRunner(web_app, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    assert runner.server is not None
    accepting = await asyncio.get_running_loop().create_server(
        connections(runner.server, options.patience.idle), sock=listener.socket, backlog=BACKLOG
    )
    sweeping = asyncio.create_task(slow.sweep(runner.server))
    return Server(runner, accepting, triggers, listener.binding, options.keys, sweeping)


def _origin(address: str, port: int) -> str:
    """Where functions and verbs of this machine reach the host: a wildcard address is reached over loopback."""
    if address in ("", "0.0.0.0", "::"):  # noqa: S104 (compared, not bound)
        address = "127.0.0.1"
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _open(options: ServerOptions) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
        opened = socket.create_server((options.address, options.port), family=family, backlog=BACKLOG)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted connections inherit it
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(options.patience.answer * 1000))
        return opened
    except OSError as error:
        raise StartupError(
            f"Port {options.port} of {options.address} cannot be opened ({error.strerror}): "
            "stop what listens there or choose another with --port."
        ) from error


def _functions(triggers: HttpTriggers, sign_in: SignIn) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        return await triggers(request, sign_in.headers(request))

    return handle


def _add_management(web_app: web.Application, hub: TaskHub, binding: ClientBinding, keys: Keys) -> None:
    routes = InstanceApi(hub, binding).routes() + EntityApi(hub).routes()
    for method, path, handler in routes:
        web_app.router.add_route(method, any_case(PUBLIC + path), _with_key(handler, keys))
        web_app.router.add_route(method, any_case(PRIVATE + path), _for_this_machine(handler))


def _with_key(handler: Handler, keys: Keys) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        key = request.headers.get("x-functions-key") or query_of(request).get("code")
        return await handler(request) if keys.allows_management(key) else web.Response(status=401)

    return handle


def _for_this_machine(handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        # A page of any site can make a browser of this machine ask, also by a name of its own that leads to loopback.
        near = is_loopback(request.remote) and is_loopback(request.url.host)
        allowed = near and not any(name in request.headers for name in FOREIGN)
        return await handler(request) if allowed else web.Response(status=403)

    return handle


async def _no_server_name(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER


def describe_functions(app: AppIndex, server: Server) -> str:
    """The functions and their URLs, as ``func start`` prints them."""
    lines = ["Functions:"]
    lines += [
        f"  {each.function.name}: [{','.join(each.methods)}] {server.origin}{each.path}" for each in server.targets
    ]
    lines += [f"  {each.name}: {each.kind}" for each in app.functions if each.kind is not Kind.HTTP]
    lines += [f"  {name}: disabled" for name in app.disabled]
    lines += [f"  {name}: NOT SERVED: {reason}" for name, reason in app.refused.items()]
    return "\n".join(lines)
