"""Function, host, system and master keys: made at first start, kept in the data directory.

Reference: https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from host.settings import StartupError

SYSTEM_KEY = "durabletask_extension"
"""Azure's name of the system key of the durable management API."""


class AuthLevel(StrEnum):
    """Who may call an HTTP trigger."""

    ANONYMOUS = "anonymous"
    FUNCTION = "function"
    ADMIN = "admin"


def _key() -> str:
    return secrets.token_urlsafe(40)


@dataclass(frozen=True)
class Keys:
    """All keys of one host."""

    master: str = field(default_factory=_key)
    host: str = field(default_factory=_key)
    system: str = field(default_factory=_key)
    functions: dict[str, str] = field(default_factory=dict)

    def allows(self, level: AuthLevel, function: str, key: str | None) -> bool:
        """Whether ``key`` opens a function of this level."""
        if level is AuthLevel.ANONYMOUS:
            return True
        keys = [self.master]
        if level is AuthLevel.FUNCTION:
            keys += [self.host, self.functions.get(function, "")]
        return _is_one_of(key, keys)

    def allows_management(self, key: str | None) -> bool:
        """Whether ``key`` opens the durable management API."""
        return _is_one_of(key, [self.system, self.master])

    def allows_admin(self, key: str | None) -> bool:
        """Whether ``key`` opens ``/admin``."""
        return _is_one_of(key, [self.master])

    @classmethod
    def open(cls, path: Path, functions: Iterable[str]) -> Keys:
        """Read the keys, or make them (file mode 0600); functions that have none yet get theirs."""
        stored = read_private_json(path)
        try:
            known = cls(**stored) if stored else cls()
        except TypeError as error:
            raise StartupError(f"{path} does not hold keys of this host: remove it to get new ones.") from error
        missing = {name: _key() for name in functions if name not in known.functions}
        if missing or not stored:
            known = cls(known.master, known.host, known.system, known.functions | missing)
            content = {"master": known.master, "host": known.host, "system": known.system, "functions": known.functions}
            write_private_json(path, content)
        return known


def _is_one_of(key: str | None, keys: Iterable[str]) -> bool:
    given = (key or "").encode()
    return bool(key) and any(secrets.compare_digest(given, each.encode()) for each in keys if each)


def read_private_json(path: Path) -> dict[str, Any]:
    """A JSON object that this host wrote, or an empty one when the file does not exist."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StartupError(f"{path} is not JSON: remove it to have it made anew.") from error
    except OSError as error:
        raise StartupError(f"{path} cannot be read ({error.strerror}).") from error
    if not isinstance(content, dict):
        raise StartupError(f"{path} does not hold a JSON object: remove it to have it made anew.")
    return content


def write_private_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a file atomically and durably, readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
