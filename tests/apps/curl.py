"""curl, as a user calls it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: dict[str, str]
    """By lower-case name."""
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


def document(text: str) -> tuple[str, ...]:
    """Options that post JSON."""
    return ("--header", "Content-Type: application/json", "--data", text)


def curl(url: str, *options: str) -> Answer:
    """Call ``curl`` with these options. Raises CalledProcessError when it gets no answer."""
    command = ["curl", "--silent", "--show-error", "--include", "--max-time", "60", *options, url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)
