"""What stands before a Camunda that asks who is there: token endpoint, search API and gateway, all of them here."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl

import grpc
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto.gateway_pb2_grpc import GatewayServicer, add_GatewayServicer_to_server

from tests.adapters.camunda.authority import Authority

CANARY: Final = "Zebedee-1931"
"""What a gateway says of a failure: it may quote a variable, and is told to nobody."""


@dataclass(frozen=True)
class Asked:
    """A request."""

    path: str
    authorization: str
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    @property
    def document(self) -> Any:
        return json.loads(self.body)


Answers = Callable[[Asked], tuple[int, Any]]
"""Status, and a document or the text of the body."""


class Site(ThreadingHTTPServer):
    """Answers each ``POST`` as ``answers`` says, and keeps what was asked."""

    daemon_threads = True

    def __init__(self, answers: Answers, authority: Authority | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.asked = answers, list[Asked]()
        if authority is not None:
            self.socket = authority.context().wrap_socket(self.socket, server_side=True)
        self.url = f"http{'s' if authority else ''}://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust the certificate hangs up: that is no error here."""


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = Asked(self.path, self.headers.get("Authorization", ""), body)
        self.server.asked.append(asked)
        status, said = self.server.answers(asked)
        text = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def site(answers: Answers, authority: Authority | None = None) -> Iterator[Site]:
    """Until the block ends."""
    with Site(answers, authority) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Issuer:
    """``Answers`` of a token endpoint that knows one client. Its tokens are counted."""

    secret: str
    life: Any = 300
    issued: int = 0

    def __call__(self, asked: Asked) -> tuple[int, Any]:
        if asked.form.get("client_secret") != self.secret:
            wrong = {"error": "invalid_client", "error_description": f"not {asked.form.get('client_secret')}"}
            return 401, wrong
        self.issued += 1
        return 200, {"access_token": f"token-{self.issued}", "token_type": "Bearer", "expires_in": self.life}


@dataclass
class Gateway(GatewayServicer):
    """Takes every message, has the jobs that it is given, and keeps how each call was signed."""

    signed: list[tuple[str, str]] = field(default_factory=list)
    """Method and ``authorization``."""
    unknown: set[str] = field(default_factory=set)
    """Tokens that it does not take."""
    fails: dict[str, grpc.StatusCode] = field(default_factory=dict)
    """By method."""
    looks: list[int] = field(default_factory=list)
    """Keys of jobs, one for each look."""
    streams: list[int] = field(default_factory=list)
    """Keys of jobs that the first stream brings; then it goes on without one."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends the streams."""

    async def PublishMessage(self, request: Any, context: Any) -> pb.PublishMessageResponse:
        await self._ask(context, "PublishMessage")
        return pb.PublishMessageResponse(key=1)

    async def DeployResource(self, request: Any, context: Any) -> pb.DeployResourceResponse:
        await self._ask(context, "DeployResource")
        return pb.DeployResourceResponse(key=1)

    async def ActivateJobs(self, request: Any, context: Any) -> AsyncIterator[pb.ActivateJobsResponse]:
        await self._ask(context, "ActivateJobs")
        if self.looks:
            yield pb.ActivateJobsResponse(jobs=[_job(self.looks.pop(0), request.type)])

    async def StreamActivatedJobs(self, request: Any, context: Any) -> AsyncIterator[pb.ActivatedJob]:
        await self._ask(context, "StreamActivatedJobs")
        while self.streams:
            yield _job(self.streams.pop(0), request.type)
        await self.over.wait()

    async def _ask(self, context: Any, method: str) -> None:
        signed = dict(context.invocation_metadata()).get("authorization", "")
        self.signed.append((method, signed))
        if signed.removeprefix("Bearer ") in self.unknown:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who is there?")
        if method in self.fails:
            await context.abort(self.fails[method], CANARY)


def _job(key: int, kind: str) -> pb.ActivatedJob:
    return pb.ActivatedJob(key=key, type=kind, variables=json.dumps({"mirrored": 3}))


@asynccontextmanager
async def listening(gateway: Gateway, authority: Authority | None = None) -> AsyncIterator[str]:
    """Its address, until the block ends; without an authority it is reached without TLS."""
    server = grpc.aio.server()
    add_GatewayServicer_to_server(gateway, server)
    if authority is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        pair = (authority.key.read_bytes(), authority.server.read_bytes())
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
