"""Talks to the running host of a data directory, with its keys."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from host import lock
from host.client_binding import PUBLIC
from host.keys import Keys, read_private_json
from host.settings import StartupError

TIMEOUT = 60.0


class Refused(StartupError):
    """The host refused; ``status`` is that of its answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Api:
    """The management API and ``/admin`` of a running host."""

    def __init__(self, data: Path, *, patient: bool = False) -> None:
        """``patient``: it waits for an answer as long as it takes."""
        address, timeout = urlsplit(lock.origin(data)), None if patient else TIMEOUT
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)
        self._keys = Keys(**read_private_json(data / "keys.json"))
        self._data = data

    def admin(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Ask ``/admin``."""
        return self._ask(method, f"/admin{path}", self._keys.master, body, query)

    def manage(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Ask the durable management API."""
        return self._ask(method, f"{PUBLIC}{path}", self._keys.system, body, query)

    def _ask(self, method: str, path: str, key: str, body: Any, query: dict[str, str]) -> Any:
        headers = {"x-functions-key": key, "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            self._connection.request(method, target, content, headers)
            answer = self._connection.getresponse()
            text = answer.read().decode()
        except TimeoutError:
            raise StartupError(
                f"The host of {self._data} has not answered within {TIMEOUT:.0f} s: it may still be at it."
            ) from None
        except OSError as error:
            raise StartupError(f"The host of {self._data} does not answer ({error}): start it again.") from error
        finally:
            self._connection.close()
        if answer.status >= 400:
            raise Refused(answer.status, _refusal(answer.status, text))
        return json.loads(text) if text else None


def _refusal(status: int, text: str) -> str:
    known = {
        401: "Another host answers there than that of the data directory: start this one again.",
        404: "There is no such instance.",
        410: "The instance has ended already.",
    }
    if text.startswith("{"):
        error = json.loads(text)
        return str(error.get("ExceptionMessage") or error.get("Message"))
    return known.get(status, f"The host refused with status {status}.")
