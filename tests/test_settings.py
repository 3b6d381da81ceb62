"""App settings: what is on without being asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from settings import Settings, SettingsError, settings

ROOT = Path(__file__).parents[1]


def test_notifications_go_nowhere_until_a_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKFLOW_HOOK_HOSTS", raising=False)
    assert Settings().allowed_hosts == frozenset()
    monkeypatch.setenv("WORKFLOW_HOOK_HOSTS", "hooks.example.org:8443, 127.0.0.1")
    assert Settings().allowed_hosts == {"hooks.example.org:8443", "127.0.0.1"}
    example = json.loads((ROOT / "local.settings.json.example").read_text())
    assert example["Values"]["WORKFLOW_HOOK_HOSTS"] == "127.0.0.1"


def test_people_of_tasklist_are_read_from_json_and_hold_no_slips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKFLOW_TASKLIST_PEOPLE", raising=False)
    assert Settings().tasklist_people == {}, "nobody decides in Tasklist until somebody is named"
    monkeypatch.setenv("WORKFLOW_TASKLIST_PEOPLE", '{"demo": {"id": "nurse", "roles": ["reviewer"], "npi": "1"}}')
    assert Settings().tasklist_people["demo"].npi == "1"
    reviewer = {"id": "nurse", "roles": ["reviewer"]}
    slips: list[dict[str, Any]] = [{"id": ""}, {"rank": "1"}, {"roles": ["nurse"]}, {"roles": None}]
    for slip in slips:
        monkeypatch.setenv("WORKFLOW_TASKLIST_PEOPLE", json.dumps({"demo": {**reviewer, **slip}}))
        with pytest.raises(SettingsError, match=r"WORKFLOW_TASKLIST_PEOPLE\.DEMO\."):
            settings.__wrapped__()


def test_wrong_settings_are_all_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKFLOW_EVENT_TRANSPORT", "event-hubs")
    with pytest.raises(SettingsError, match=r"\n  Value error, WORKFLOW_EVENT_HUBS_CONNECTION is needed"):
        settings.__wrapped__()
    monkeypatch.setenv("WORKFLOW_PLAN_ZONE", "nowhere")
    monkeypatch.setenv("WORKFLOW_TIMEOUT_SECONDS", "0")
    with pytest.raises(SettingsError, match=r"(?s)WORKFLOW_TIMEOUT_SECONDS: .*WORKFLOW_PLAN_ZONE: "):
        settings.__wrapped__()
