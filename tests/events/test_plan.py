"""What is planned, from what a cluster and a registry have."""

from __future__ import annotations

from typing import Any

import pytest

from domain.events.catalog import STEP
from events import plan
from events.cluster import Found
from events.plan import Configure, Create, Delete, Register, Require, Resize
from events.spec import Catalog
from tests.events.evolution import BASE, EXAMPLES

DAY = 86_400_000
ONE: dict[str, Any] = {
    "owner": "x",
    "about": "y",
    "key": "k",
    "partitions": 6,
    "retention": "P2D",
    "cleanup": "compact,delete",
}
WANTED = Catalog.model_validate({"prefixes": ["a."], "configs": {"max.message.bytes": 1000}, "topics": {"a.b": ONE}})
CONFIGS = {"cleanup.policy": "delete,compact", "retention.ms": str(2 * DAY), "max.message.bytes": "1000"}


def changes(partitions: int = 6, replication: int = 1, **configs: str) -> list[plan.Change]:
    found = Found(partitions, {**CONFIGS, **{name.replace("_", "."): value for name, value in configs.items()}})
    return plan.topic_changes(WANTED, {"a.b": found}, replication)


def test_nothing_to_do() -> None:
    assert changes() == []


def test_a_topic_is_missing() -> None:
    (change,) = plan.topic_changes(WANTED, {}, 3)
    assert isinstance(change, Create)
    assert change.configs["min.insync.replicas"] == "2"
    assert str(change) == (
        "+ topic a.b: partitions 6, max.message.bytes 1000, cleanup.policy compact,delete, "
        "retention.ms 172800000 (2 days), min.insync.replicas 2"
    )


def test_a_setting_drifted() -> None:
    (change,) = changes(retention_ms=str(DAY))
    assert str(change) == "~ topic a.b: retention.ms 86400000 (1 day) -> 172800000 (2 days)"
    assert change.refusal is None


@pytest.mark.parametrize("kept", [str(3 * DAY), "-1"])
def test_shorter_retention_needs_force(kept: str) -> None:
    (change,) = changes(retention_ms=kept)
    assert isinstance(change, Configure)
    assert change.refusal == "its records would be deleted; FORCE=1 does it"
    assert not change.impossible


def test_another_cleanup_needs_force() -> None:
    (change,) = changes(cleanup_policy="compact")
    assert change.refusal is not None


def test_a_setting_that_the_cluster_does_not_have_is_left_alone() -> None:
    assert changes(replication=3) == []


def test_partitions_grow() -> None:
    assert changes(partitions=3) == [Resize("a.b", 3, 6)]


def test_partitions_never_shrink() -> None:
    (change,) = changes(partitions=9)
    assert change.impossible
    assert "with FORCE=1 neither" in (change.refusal or "")


def test_a_topic_of_ours_that_is_named_no_longer() -> None:
    found = {"a.b": Found(6, CONFIGS), "a.old": Found(1, {})}
    (change,) = plan.topic_changes(WANTED, found, 1)
    assert isinstance(change, Delete)
    assert (str(change), change.refusal is not None, change.impossible) == ("- topic a.old", True, False)


FOLLOWS, _ = EXAMPLES["an optional field more"]
BREAKS, _ = EXAMPLES["a field removed"]


def registered(files: dict[int, Any], level: str | None, latest: Any) -> list[plan.Change]:
    return list(plan.schema_changes(STEP, files, level, latest))


def test_a_new_subject_gets_its_level_first() -> None:
    assert registered({1: BASE}, None, None) == [Require(STEP.name, None), Register(STEP.name, 1, BASE)]


def test_what_is_registered_is_left_alone() -> None:
    assert registered({1: BASE}, "BACKWARD", BASE) == []


def test_versions_that_are_missing_come_in_order() -> None:
    assert registered({1: BASE, 2: FOLLOWS}, "BACKWARD", None) == [
        Register(STEP.name, 1, BASE),
        Register(STEP.name, 2, FOLLOWS),
    ]
    assert registered({1: BASE, 2: FOLLOWS}, "BACKWARD", BASE) == [Register(STEP.name, 2, FOLLOWS)]


def test_a_level_that_drifted() -> None:
    (change,) = registered({1: BASE}, "NONE", BASE)
    assert str(change) == "~ schema process.step.v1: compatibility NONE -> BACKWARD"


def test_a_breaking_version_is_refused_with_its_reason_and_nothing_follows_it() -> None:
    third = {**FOLLOWS, "$id": FOLLOWS["$id"][:-1] + "3"}
    (change,) = registered({1: BASE, 2: BREAKS, 3: third}, "BACKWARD", BASE)
    assert (change.impossible, str(change)) == (True, "+ schema process.step.v1: version 2")
    assert "$.code: was removed" in (change.refusal or "")


def test_other_wording_of_the_newest_is_registered_again() -> None:
    reworded = {**BASE, "description": "Said otherwise."}
    assert registered({1: reworded}, "BACKWARD", BASE) == [Register(STEP.name, 1, reworded)]


def test_a_registry_that_is_ahead_is_left_alone() -> None:
    assert registered({1: BASE}, "BACKWARD", FOLLOWS) == []
