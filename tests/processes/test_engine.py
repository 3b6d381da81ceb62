"""Camunda's own engine takes all that ``processes`` has; DMN in shadow says what Drools says, and holds nothing up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest

from domain.envelope import CaseRef, Envelope, StepRef
from domain.facts import (
    ClockInput,
    DeterminationInput,
    EligibilityOutcome,
    Facts,
    LineOfBusiness,
    RequirementKind,
    Urgency,
)
from domain.process.conditions import Value
from domain.process.routing import routing
from processes import files, forms
from processes.decisions import decisions, resources
from processes.decisions import files as decision_files
from tests.orchestrators.test_prior_authorization import RECEIVED
from tests.processes.engine import END, Engine, engine
from tests.rules.scenarios import cases
from tests.rules.service import RULESETS, Service, running

pytestmark = pytest.mark.integration
VERSION = "1.0.0"


@pytest.fixture(scope="module")
def camunda(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with engine(tmp_path_factory.mktemp("camunda")) as started:
        yield started


@pytest.fixture(scope="module")
def drools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(RULESETS, tmp_path_factory.mktemp("rules") / "service.log") as service:
        yield service


def test_everything_is_taken(camunda: Engine) -> None:
    taken = [kind for each in camunda.deployed for kind, value in each.items() if isinstance(value, dict) and value]
    assert taken.count("processDefinition") == len(files())
    assert taken.count("form") == len(forms())
    assert taken.count("decisionDefinition") == len(resources())
    ids = {found["decisionDefinitionId"] for each in camunda.deployed if (found := each.get("decisionDefinition"))}
    versions = {path: path.parent.name for path in decision_files()}
    assert ids == {f"{id_}_{version}" for path, version in versions.items() for id_ in decisions(path.read_text())}


# -- both engines ------------------------------------------------------------------------------------------------------


def judged(drools: Service, ruleset: str, decision: str, given: list[Mapping[str, Any]]) -> list[Value]:
    """What a step in which Drools judged all of ``given`` says of each."""
    answers = [drools.judge(ruleset, VERSION, facts)["results"][decision] for facts in given]
    return [{"given": dict(facts), "said": said} for facts, said in zip(given, answers, strict=True)]


def step(name: str, items: list[Value], version: str = VERSION) -> dict[str, Value]:
    """The routing variables of a step that says so."""
    return {name: {"version": version, "items": items}, "outcome": "automatic"}


def determinations() -> list[Mapping[str, Any]]:
    """What the scenarios of the ruleset give, and every other thing that can be given."""
    counts = product((0, 2), (0, 1), (0, 3), (True, False))
    every = [
        DeterminationInput(
            eligibility=eligible, requirement=kind, met=met, unmet=unmet, unknown=unknown, information_requested=asked
        )
        for eligible, kind, (met, unmet, unknown, asked) in product(EligibilityOutcome, RequirementKind, counts)
    ]
    return [*_scenarios("determination"), *map(_wire, every)]


def policies() -> list[Mapping[str, Any]]:
    every = [
        ClockInput(line_of_business=line, urgency=urgency, kind=kind, state=state)
        for line, urgency, kind, state in product(LineOfBusiness, Urgency, ("initial", "appeal"), (None, "NY", "VA"))
    ]
    return [*_scenarios("clock-policy"), *map(_wire, every)]


def _scenarios(ruleset: str) -> list[Mapping[str, Any]]:
    return [case.facts for case in cases() if (case.ruleset, case.version) == (ruleset, VERSION)]


def _wire(facts: Facts) -> dict[str, Any]:
    return facts.model_dump(mode="json", by_alias=True)


def test_both_engines_determine_alike(camunda: Engine, drools: Service) -> None:
    both = judged(drools, "determination", "Determination", determinations())
    instance = camunda.start("prior-authorization", "alike")
    camunda.drive(instance, "record-decision", determine=step("determinations", both))
    assert camunda.values(instance, "determinationsAgree") == [[True] * len(determinations())]
    evaluated = camunda.sink.of("DECISION_EVALUATION", "EVALUATED", instance)
    assert len({each["position"] for each in evaluated}) == len(determinations()) > 72


@pytest.mark.parametrize("workflow", ["prior-authorization", "appeal"])
def test_both_engines_choose_the_same_clock(workflow: str, camunda: Engine, drools: Service) -> None:
    both = judged(drools, "clock-policy", "ClockPolicy", policies())
    instance = camunda.start(workflow, f"{workflow}-clock")
    upto = {"prior-authorization": "assess-necessity", "appeal": "open-review"}[workflow]
    camunda.drive(instance, upto, set_deadline=step("clockPolicies", both))
    assert camunda.values(instance, "clockPoliciesAgree") == [[True] * len(policies())]


def test_a_difference_is_seen(camunda: Engine, drools: Service) -> None:
    (same,) = judged(drools, "determination", "Determination", determinations()[:1])
    (other,) = judged(drools, "determination", "Determination", [{**determinations()[0], "unmet": 1}])
    assert isinstance(same, dict)
    assert isinstance(other, dict)
    mixed: Value = {"given": same["given"], "said": other["said"]}
    instance = camunda.start("prior-authorization", "differs")
    camunda.drive(instance, "record-decision", determine=step("determinations", [same, mixed, other]))
    assert camunda.values(instance, "determinationsAgree") == [[True, False, True]]


def test_what_a_step_says_of_itself_is_what_dmn_needs(camunda: Engine) -> None:
    rules = {"determination": VERSION, "clock-policy": VERSION}
    case = CaseRef(id="said", workflow="prior-authorization", version=VERSION, record="Task/1", rules=rules)

    def said(step: str, data: dict[str, Any], answer: dict[str, Any]) -> dict[str, Value]:
        return routing(Envelope(case=case, step=StepRef(id=step, n=1), at=RECEIVED, data=data), answer, RECEIVED)

    determined = said("determine", *DETERMINED)
    instance = camunda.start("prior-authorization", "said")
    camunda.drive(instance, "record-decision", set_deadline=said("set-deadline", *CLOCK), determine=determined)
    assert camunda.values(instance, "clockPoliciesAgree") == [[True]]
    assert camunda.values(instance, "determinationsAgree") == [[True, True]]
    roots = {name for name, scope in camunda.scopes(instance) if scope == instance}
    assert roots.isdisjoint({"shadow", "item", "met", "kind"}), "what one comparison needs is its own"


DETERMINED: tuple[dict[str, Any], dict[str, Any]] = (
    {
        "eligibility": "eligible",
        "requirements": [
            {"sequence": 1, "kind": "required", "rule": "R"},
            {"sequence": 2, "kind": "not-required", "rule": "R"},
        ],
        "findings": [{"sequence": 1, "criterion": "C", "status": "met", "text": "a study"}],
    },
    {
        "items": [
            {"sequence": 1, "determination": {"outcome": "approve", "reason": "criteria-met"}},
            {"sequence": 2, "determination": {"outcome": "not-required", "reason": "not-required"}},
        ],
        "fired": ["DET-08", "DET-03"],
    },
)
"""What *determine* is given, and what it answers."""
CLOCK: tuple[dict[str, Any], dict[str, Any]] = (
    {"kind": "initial", "received_at": RECEIVED, "line_of_business": "commercial", "urgency": "standard"},
    {
        "due": RECEIVED,
        "zone": "America/New_York",
        "calendar": "c",
        "milestones": [],
        "state": "NY",
        "policy": {
            "row": "STATE-NY-COMMERCIAL-STANDARD",
            "duration": 3,
            "unit": "business-days",
            "tolling": "pauses",
            "extension_days": 0,
            "expiry": "late",
            "appeal_days": 180,
            "information_hours": 1080,
            "source": "NY Insurance Law 4903(b)",
        },
    },
)


# -- the shadow holds nothing up ---------------------------------------------------------------------------------------


def test_a_decision_that_is_not_there_holds_nothing_up(camunda: Engine) -> None:
    stuck = step("clockPolicies", [{"given": dict(policies()[0]), "said": {}}], "0.0.1")
    instance = camunda.start("prior-authorization", "stuck")
    camunda.drive(instance, "close-case", set_deadline=stuck, notify_provider={"notice": "decided"})
    (incident,) = camunda.incidents(instance, "CREATED")
    assert (incident["elementId"], incident["errorType"]) == ("shadow-clock-policy", "CALLED_DECISION_ERROR")
    camunda.drive(instance, END)
    assert camunda.incidents(instance, "RESOLVED")


def test_a_notice_is_a_task_of_the_person(camunda: Engine) -> None:
    assert camunda.publish("decision-refused", "job-1", durableId="told", person="dr-a", code="finished") == 200
    instance = camunda.instance("told")
    (task,) = camunda.await_some(lambda: camunda.sink.of("USER_TASK", "CREATED", instance), lambda _: True)
    assert task["value"]["assignee"] == "dr-a"
