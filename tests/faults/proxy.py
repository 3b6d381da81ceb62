"""Stands between the app and the FHIR server, and strikes at the transaction of a named step."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

Moment = Literal["before", "after", "late"]
"""When a transaction is cut off: before or after it is committed, or so that it is committed *late*, as by a server
that hung: after it has answered the app's next request and before the app hears of that."""


@dataclass(frozen=True)
class Strike:
    """At the ``nth`` transaction of ``step``: call ``act``. The app gets no answer."""

    step: str
    moment: Moment
    act: Callable[[], object]
    nth: int = 1


@dataclass(frozen=True)
class Passed:
    """A request as the app sent it."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed host leaves connections that end in the middle: no news."""


class FhirProxy:
    """Passes everything on, until it strikes once."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._lock = threading.Lock()
        self._strike: Strike | None = None
        self._passes = 0
        self._late: Passed | None = None
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The FHIR base that the app is given."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._target.path}"

    @property
    def struck(self) -> bool:
        """Whether the last plan was carried out."""
        return self._strike is None

    def plan(self, strike: Strike) -> None:
        """Strike there, once."""
        with self._lock:
            self._strike, self._passes = strike, 0

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def due(self, request: Passed, *moments: Moment) -> Strike | None:
        """The strike, when this is its place."""
        with self._lock:
            strike = self._strike
            if strike is None or strike.moment not in moments or step_of(request.body) != strike.step:
                return None
            self._passes += 1
            if self._passes < strike.nth:
                return None
            self._strike = None
            self._late = request if strike.moment == "late" else None
            return strike

    def late(self) -> Passed | None:
        """What is to be committed late, once."""
        with self._lock:
            late, self._late = self._late, None
            return late

    def connection(self) -> http.client.HTTPConnection:
        """To the server."""
        assert self._target.hostname
        return http.client.HTTPConnection(self._target.hostname, self._target.port, timeout=60)


def step_of(body: bytes) -> str | None:
    """The step whose AuditEvent is in a transaction."""
    if b'"AuditEvent"' not in body:
        return None
    resources: list[dict[str, Any]] = [entry.get("resource", {}) for entry in json.loads(body)["entry"]]
    event = next(each for each in resources if each.get("resourceType") == "AuditEvent")
    return str(event["entity"][0]["detail"][0]["valueString"])


def _handler(proxy: FhirProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self.upstream = proxy.connection()

        def finish(self) -> None:
            self.upstream.close()
            super().finish()

        def do_GET(self) -> None:
            self._pass_on(b"")

        def do_POST(self) -> None:
            self._pass_on(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _pass_on(self, body: bytes) -> None:
            request, late = Passed(self.command, self.path, body, dict(self.headers.items())), proxy.late()
            if strike := proxy.due(request, "before", "late"):
                return self._cut(strike)
            answer, content = self._sent(request)
            if late:
                self._sent(late)
            if strike := proxy.due(request, "after"):
                return self._cut(strike)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "server", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return None

        def _sent(self, request: Passed) -> tuple[http.client.HTTPResponse, bytes]:
            self.upstream.request(request.method, request.path, request.body, request.headers)
            answer = self.upstream.getresponse()
            return answer, answer.read()

        def _cut(self, strike: Strike) -> None:
            strike.act()
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
            pass

    return Handler
