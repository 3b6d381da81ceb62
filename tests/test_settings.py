"""App settings: what is on without being asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from settings import Settings

ROOT = Path(__file__).parents[1]


def test_notifications_go_nowhere_until_a_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKFLOW_HOOK_HOSTS", raising=False)
    assert Settings().allowed_hosts == frozenset()
    monkeypatch.setenv("WORKFLOW_HOOK_HOSTS", "hooks.example.org:8443, 127.0.0.1")
    assert Settings().allowed_hosts == {"hooks.example.org:8443", "127.0.0.1"}
    example = json.loads((ROOT / "local.settings.json.example").read_text())
    assert example["Values"]["WORKFLOW_HOOK_HOSTS"] == "127.0.0.1"
