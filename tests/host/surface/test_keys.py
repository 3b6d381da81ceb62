"""Access keys."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from host.keys import AuthLevel, Keys
from host.settings import StartupError


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "keys.json"
    first = Keys.open(path, ["a"])
    second = Keys.open(path, ["a", "b"])
    assert second.functions.keys() == {"a", "b"}
    assert (second.master, second.host, second.system) == (first.master, first.host, first.system)
    assert second.functions["a"] == first.functions["a"]
    assert len({first.master, first.host, first.system, *second.functions.values()}) == 5
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("content", ["[]", "{", '{"other": 1}'])
def test_foreign_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(StartupError, match="remove it"):
        Keys.open(path, [])


def test_levels() -> None:
    keys = Keys(functions={"f": "key-of-f", "g": "key-of-g"})
    every = [None, "", "key-of-f", "key-of-g", keys.host, keys.master]
    opens = {level: [key for key in every if keys.allows(level, "f", key)] for level in AuthLevel}
    assert opens[AuthLevel.ANONYMOUS] == every
    assert opens[AuthLevel.FUNCTION] == ["key-of-f", keys.host, keys.master]
    assert opens[AuthLevel.ADMIN] == [keys.master]
    assert not keys.allows(AuthLevel.FUNCTION, "unknown", "")
    assert keys.allows_management(keys.system)
    assert not keys.allows_management(keys.host)
    assert not keys.allows_admin(keys.system)
