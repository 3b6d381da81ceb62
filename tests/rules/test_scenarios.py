"""Every scenario of every ruleset, on the real rules service; and that the scenarios say enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest

from tests.rules.scenarios import Case, cases
from tests.rules.service import Service

pytestmark = pytest.mark.integration
CASES = cases()


@pytest.fixture(scope="session")
def known(rules_service: Service) -> Callable[[Case], tuple[str, ...]]:
    """The ids of all rules of a case's ruleset version."""

    @cache
    def ids(ruleset: str, version: str) -> tuple[str, ...]:
        rules = rules_service.get(f"/v1/rulesets/{ruleset}/versions/{version}/rules")
        return tuple(rule["id"] for rule in rules)

    return lambda case: ids(case.ruleset, case.version)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_scenario(case: Case, rules_service: Service, known: Callable[[Case], tuple[str, ...]]) -> None:
    answer = rules_service.judge(case.ruleset, case.version, case.facts)
    assert not list(case.failures(answer, known(case)))


def test_scenarios_at_the_same_time_do_not_mix(
    rules_service: Service, known: Callable[[Case], tuple[str, ...]]
) -> None:
    def failures(case: Case) -> list[str]:
        answer = rules_service.judge(case.ruleset, case.version, case.facts)
        return [f"{case}: {failure}" for failure in case.failures(answer, known(case))]

    with ThreadPoolExecutor(8) as pool:
        assert not [failure for found in pool.map(failures, CASES) for failure in found]


def test_every_rule_has_a_scenario_that_fires_it_and_one_that_does_not(
    rules_service: Service, known: Callable[[Case], tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    lacking = []
    for ruleset in rules_service.get("/v1/rulesets"):
        for version in ruleset["versions"]:
            own = [case for case in CASES if (case.ruleset, case.version) == (ruleset["name"], version["version"])]
            assert own, f"{ruleset['name']} {version['version']} has no scenario"
            rules = set(known(own[0]))
            fired = _named(case.must_fire(known(case)) for case in own)
            silent = _named(case.must_not_fire(known(case)) for case in own)
            with capsys.disabled():
                print(
                    f"\n{ruleset['name']} {version['version']}: {len(own)} scenarios; "
                    f"of {len(rules)} rules {len(fired)} must fire, {len(silent)} must not fire",
                    end="",
                )
            lacking += [f"{rule} is never named under fired" for rule in sorted(rules - fired)]
            lacking += [f"{rule} is never named under notFired" for rule in sorted(rules - silent)]
    assert not lacking


def _named(sets: Iterable[set[str]]) -> set[str]:
    return {rule for named in sets for rule in named}
