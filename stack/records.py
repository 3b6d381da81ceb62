"""Takes the records that the Camunda engine exports: as little of Elasticsearch as its exporter needs to see.

Delivery is at least once, in order of position: after a kill the engine sends again what came after its last snapshot.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Record = dict[str, Any]


class Sink(ThreadingHTTPServer):
    """Listens on ``port`` of 127.0.0.1 (0: a free one) and gives each record to ``take``, once."""

    daemon_threads = True

    def __init__(self, take: Callable[[Record], None], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._take = take
        self._seen: dict[int, int] = {}
        self._lock = threading.Lock()

    def take(self, record: Record) -> None:
        """Called for each record that arrives."""
        with self._lock:
            if record["position"] > self._seen.get(record["partitionId"], -1):
                self._seen[record["partitionId"]] = record["position"]
                self._take(record)


class Records(Sink):
    """Keeps all of them: ``received`` grows while the engine runs."""

    def __init__(self) -> None:
        self.received: list[Record] = []
        super().__init__(self.received.append)

    def of(self, kind: str, intent: str, instance: int) -> list[Record]:
        """The events of one kind and intent of one process instance."""
        wanted = ("EVENT", kind, intent)
        found = [r for r in self.received if (r["recordType"], r["valueType"], r["intent"]) == wanted]
        return [record for record in found if record["value"]["processInstanceKey"] == instance]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a head and a body sent apart would wait 40 ms for each other
    server: Sink

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        lines = self._body().splitlines()
        for line in lines[1::2]:
            self.server.take(json.loads(line))
        self._answer({"errors": False, "items": [{"index": {"status": 201}} for _ in lines[1::2]]})

    def do_PUT(self) -> None:
        """A template of an index."""
        self._body()
        self._answer({"acknowledged": True})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def records() -> Iterator[Records]:
    """Takes records on a free port of 127.0.0.1."""
    with Records() as server, serving(server):
        yield server


@contextmanager
def serving(server: Sink) -> Iterator[None]:
    """Serve until the block ends."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
