"""A submitter's endpoint for notifications: counts what comes, keeps the ids, forgets the content."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stack import StackError

HOOK_PORT = 18590
"""Port of the endpoints in ``samples/members/subscriptions.json``."""


class HookReceiver:
    """Listens until closed. Raises ``StackError`` where the port is taken; 0 takes a free one."""

    def __init__(self, port: int = HOOK_PORT) -> None:
        received: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                received.append(self.headers.get("Idempotency-Key", ""))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
                pass

        self.received = received
        """Idempotency keys in order of arrival."""
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError:
            raise StackError(
                f"Port {port} of the endpoint for notifications is taken by another program: "
                "stop that, or choose another port with --hook-port."
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
