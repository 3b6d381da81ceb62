"""Checks of readiness against servers that are absent, silent or wrong."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from stack import readiness
from tests.ports import free_port


@pytest.fixture
def silent() -> Iterator[int]:
    """Takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def http_server() -> Iterator[str]:
    """Answers every path with the status that the path names."""
    with answering() as url:
        yield url


@contextmanager
def answering(body: str = "") -> Iterator[str]:
    """Answers with ``body``, and the status that the path names or 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path[1:]) if self.path[1:].isdigit() else 200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (204, False), (404, False), (503, False)])
def test_http_wants_200(http_server: str, status: int, ready: bool) -> None:
    assert readiness.http(f"{http_server}/{status}")() is ready


def test_nobody_listens() -> None:
    port = free_port()
    assert readiness.http(f"http://127.0.0.1:{port}")() is False
    assert readiness.kafka(f"127.0.0.1:{port}")() is False
    assert readiness.camunda(f"http://127.0.0.1:{port}")() is False


def test_who_says_nothing_is_given_up(silent: int) -> None:
    assert readiness.http(f"http://127.0.0.1:{silent}")() is False
    assert readiness.kafka(f"127.0.0.1:{silent}")() is False


def test_what_speaks_another_protocol_is_no_broker(http_server: str) -> None:
    assert readiness.kafka(http_server.removeprefix("http://"))() is False


@pytest.mark.parametrize(
    ("role", "partitions", "ready"), [("leader", 1, True), ("leader", 2, False), ("follower", 1, False)]
)
def test_camunda_wants_a_leader_of_each_partition(role: str, partitions: int, ready: bool) -> None:
    topology = {"brokers": [{"partitions": [{"partitionId": 1, "role": role}]}], "partitionsCount": partitions}
    with answering(json.dumps(topology)) as url:
        assert readiness.camunda(url)() is ready


def test_camunda_that_knows_no_broker_yet_is_not_ready() -> None:
    with answering(json.dumps({"brokers": [], "partitionsCount": 0})) as url:
        assert readiness.camunda(url)() is False


def test_a_watch_asks_until_it_is_so() -> None:
    answers = iter([False, False, True])
    watch = readiness.Watch(lambda: next(answers))
    assert watch.ready_within(30)
    assert watch.ready
    assert list(answers) == [], "and no longer"


def test_a_watch_that_was_stopped_asks_no_more() -> None:
    asked = threading.Event()

    def ready() -> bool:
        asked.set()
        return False

    watch = readiness.Watch(ready)
    assert asked.wait(30)
    watch.stop()
    watch.thread.join(30)
    assert not watch.thread.is_alive()
    assert not watch.ready
