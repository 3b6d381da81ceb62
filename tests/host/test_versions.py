"""Order of versions, and settings of host.json."""

from __future__ import annotations

import pytest

from host.options import HubOptions
from host.versions import compare


@pytest.mark.parametrize(
    ("older", "newer"), [("", "0"), ("1.9", "1.10"), ("1.0", "1.0.1"), ("1.0.0", "2.0.0"), ("alpha", "Beta")]
)
def test_versions_are_ordered(older: str, newer: str) -> None:
    assert compare(older, newer) < 0 < compare(newer, older)
    assert compare(older, older.upper()) == 0


def test_options_come_from_host_json() -> None:
    task = {
        "hubName": "h",
        "defaultVersion": "1.2",
        "versionMatchStrategy": "Strict",
        "versionFailureStrategy": "Fail",
        "maxConcurrentActivityFunctions": 3,
        "storageProvider": {"type": "azureManaged"},
    }
    options = HubOptions.from_host_json({"extensions": {"durableTask": task}}, "fixed")
    assert (options.hub_name, options.default_version, options.version_match) == ("h", "1.2", "Strict")
    assert (options.version_failure, options.max_activities, options.compat) == ("Fail", 3, "fixed")
    assert options.limit(options.max_activities) == 3
    assert options.limit(0) >= 10
    assert HubOptions.from_host_json({}) == HubOptions()
