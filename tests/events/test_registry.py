"""How the registry is asked, and what a person is told of its refusals."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from events import connection
from events.errors import EventsError
from events.registry import Registry

KEY = "Basic " + base64.b64encode(b"key:secret").decode()


class Answering(BaseHTTPRequestHandler):
    """A registry that knows no subject, for one who has the key."""

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != KEY:
            self._answer(401, {"error_code": 401, "message": "Unauthorized"})
        elif self.path.startswith("/api/"):
            self._answer(404, {"error_code": 40401, "message": "Subject not found."})
        else:
            self._answer(404, {"detail": "no such page"})

    def _answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_subject_that_is_not_there(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKFLOW_REGISTRY_AUTH", "key:secret")
    with connection.registry(f"{url}/api/") as registry:
        assert registry.latest("a.v1") is None
        assert registry.compatibility("a.v1") is None


def test_who_may_not_is_told_where_to_look(url: str) -> None:
    with (
        Registry(f"{url}/api", "key:wrong") as registry,
        pytest.raises(EventsError, match="check WORKFLOW_REGISTRY_AUTH"),
    ):
        registry.latest("a.v1")


def test_another_server_is_no_empty_registry(url: str) -> None:
    with (
        Registry(url, "key:secret") as registry,
        pytest.raises(EventsError, match=r"answered 404 to GET /subjects/a\.v1"),
    ):
        registry.latest("a.v1")


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKFLOW_REGISTRY_URL", raising=False)
    assert connection.registry_url() == connection.LOCAL_REGISTRY
    monkeypatch.setenv("WORKFLOW_REGISTRY_URL", "https://registry.example")
    assert connection.registry_url() == "https://registry.example"
