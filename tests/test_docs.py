"""The documentation is checked: every setting, every door and every verb stands in it, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from settings import PREFIX, Settings
from stack.options import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "setup.md").read_text()
    missing = [name for name in Settings.model_fields if f"`{PREFIX}{name.upper()}`" not in text]
    assert missing == []


def test_every_setting_of_the_example_exists() -> None:
    example = (ROOT / "local.settings.json.example").read_text()
    named = {name.lower() for name in re.findall(rf'"{PREFIX}([A-Z_]+)"', example)}
    assert named <= set(Settings.model_fields)


def test_every_door_is_documented() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "triggers").glob("*.py"))
    routes = set(re.findall(r'door\(\s*blueprint,\s*"([^"]+)"', sources))
    text = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    assert [route for route in sorted(routes) if f"/{route}" not in text] == []


def test_every_make_verb_is_documented() -> None:
    verbs = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    text = "".join(page.read_text() for page in PAGES)
    assert [verb for verb in verbs if verb != "help" and f"make {verb}" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
