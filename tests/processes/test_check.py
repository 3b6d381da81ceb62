"""The models are sound: BPMN's rules, Camunda's and ours. Each fault is named with its element."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from domain.process.model import WAITS, parse_model
from domain.process.seen import What
from domain.refusals import SENTENCES
from processes import FOLDER, files, forms, text_of
from processes.__main__ import main
from processes.check import problems
from processes.lint import NodeMissing, lint
from processes.picture import marked, picture_of, shows
from tests.processes.driven import ORCHESTRATORS
from tests.processes.traces import MODELS, VERSION, traces
from tests.support.recordings import HISTORIES

RELEASED = sorted({path.parent.name for path in HISTORIES.glob("*/*.json")})


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_nothing_is_wrong_with_a_model(path: Path) -> None:
    assert problems(path) == []


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_picture_shows_the_model_as_it_is(path: Path) -> None:
    assert shows(picture_of(path).read_bytes(), path), "draw it again: python -m processes draw"


def test_a_picture_of_another_model_is_found_out() -> None:
    first, second = files()[:2]
    png = marked(picture_of(first).read_bytes(), second)
    assert shows(png, second)
    assert not shows(picture_of(first).read_bytes(), second)


def test_every_version_of_every_orchestrator_has_its_model() -> None:
    app = json.loads((FOLDER.parent / "host.json").read_text())
    assert app["extensions"]["durableTask"]["defaultVersion"] == VERSION
    assert {(of.process, of.version) for of in MODELS} == {(name, each) for name in ORCHESTRATORS for each in RELEASED}


def test_a_message_is_named_by_the_event_that_ends_its_wait() -> None:
    for of in MODELS:
        raised = {one.step for _, steps in traces(of.process) for one in steps if one.what is What.EVENT}
        named = {e.code for e in of.elements.values() if e.kind in WAITS or (e.host and e.event == "message")}
        assert {name for name in named if name and not name.endswith(".due")} - {"case-closed"} <= raised


def test_a_form_is_there_for_each_user_task() -> None:
    named = {json.loads(path.read_text())["id"] for path in forms()}
    asked = {part.partition('"')[0] for path in files() for part in path.read_text().split('formId="')[1:]}
    assert named == asked


@pytest.mark.parametrize("path", forms(), ids=lambda path: path.stem)
def test_a_form_tells_why_a_decision_was_not_taken(path: Path) -> None:
    (text,) = (each["text"] for each in json.loads(path.read_text())["components"] if "if " in each.get("text", ""))
    told = {
        code: sentence
        for codes, sentence in re.findall(r'if ([^"]+"[^+]+?) then "([^"]+)"', text)
        for code in re.findall('"([^"]+)"', codes)
    }
    assert told == SENTENCES


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name="decision-refused"', 'name="decision-refused.start"', "refused: the message decision-refused starts"),
        ("<bpmn:userTask", "<bpmn:serviceTask", "read-why: a notice is a user task and no more"),
    ],
)
def test_a_fault_of_a_notice_is_named(old: str, new: str, problem: str, tmp_path: Path) -> None:
    text = text_of("decision-refused", VERSION).replace(
        "</bpmn:userTask", f"</{new[1:]}" if "Task" in new else "</bpmn:userTask"
    )
    broken = tmp_path / "decision-refused" / f"{VERSION}.bpmn"
    broken.parent.mkdir()
    broken.write_text(text.replace(old, new))
    assert any(problem in each for each in problems(broken))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('id="determine"', 'id="determine-all"', "determine"),
        (
            'key="step" value="determine"',
            'key="step" value="decide"',
            "determine: a step's job is of type durable.step",
        ),
        ('"durable.step" retries="1"', '"other" retries="1"', "a step's job is of type durable.step"),
        ('versionTag value="1.0.0"', 'versionTag value="1.1.0"', "versionTag is 1.1.0, the file is named 1.0.0"),
        ('process id="prior-authorization"', 'process id="other"', "named otherwise than its folder"),
        ("=informed = true", "=answered = true", "clock-resumed: no step sets the variable answered"),
        ("=informed = true", "=count(items) > 1", "'count(items) > 1' is no comparison"),
        ('name="escalate.due"', 'name="expire.due"', "escalate-due: expire.due interrupts nothing and leads to that"),
        ('key="event" value="decided"', 'key="other" value="decided"', "clinical-review: a user task names"),
        ('bpmnElement="determine"', 'bpmnElement="assess-necessity"', "determine: it is not in the picture"),
        ('name="Who decides?"', "", "route: Element is missing label/name"),
        ('name="prior-authorization.start"', 'name="start"', "received: the message prior-authorization.start starts"),
        (
            'type="durable.wait"',
            'type="other"',
            "await-information: its execution listeners are {'start': 'durable.wait'}",
        ),
        (
            '"end" type="durable.usertask.end"',
            '"start" type="durable.wait"',
            "clinical-review: its execution listeners",
        ),
        ('correlationKey="=task"', 'correlationKey="=durableId"', "review-withdrawn: withdrawn is correlated by =task"),
        ('correlationKey="=durableId"', 'correlationKey="=task"', "meanwhile: case-closed is correlated by =durableId"),
        (
            'sourceRef="decided-elsewhere" targetRef="take-decision"',
            'sourceRef="decided-elsewhere" targetRef="open-review"',
            "clinical-review: an event decided at its boundary leads where the task does",
        ),
        (
            'name="Decided in the portal" attachedToRef="clinical-review"',
            'name="Decided in the portal" attachedToRef="clinical-review" cancelActivity="false"',
            "clinical-review: an event decided at its boundary leads where the task does",
        ),
        ('"Determination_" +', '"Other_" +', "shadow-determination: it asks for a decision of the ruleset"),
        ("+ determinations.version", "+ others.version", "shadow-determination: it asks for a decision of the ruleset"),
        ('"shadow-determination"', '"shadow-eligibility"', "shadow-eligibility: it asks for a decision of the"),
        (
            'id="determination-judged-escalation" escalationRef="escalation-determination"',
            'id="determination-judged-escalation" escalationRef="escalation-clock-policy"',
            "tell-determination: an event determination at the boundary takes it up",
        ),
        ("<bpmn:sendTask", "<bpmn:callActivity", ""),
        ("</bpmn:definitions>", "", ""),
    ],
)
def test_a_fault_is_named(old: str, new: str, problem: str, tmp_path: Path) -> None:
    text = text_of("prior-authorization", VERSION)
    assert old in text
    broken = tmp_path / "prior-authorization" / f"{VERSION}.bpmn"
    broken.parent.mkdir()
    broken.write_text(text.replace(old, new))
    assert any(problem in each for each in problems(broken))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<a", "the file is not XML"),
        ("<a/>", "the file has no process"),
        (
            "<d xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL'><process><manualTask id='m'/></process></d>",
            "m: the",
        ),
    ],
)
def test_what_is_no_model_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_model(text)


def test_camundas_rules_find_nothing() -> None:
    try:
        assert lint() == ""
    except NodeMissing as error:
        pytest.skip(str(error))


def test_camundas_rules_find_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.bpmn"
    broken.write_text(text_of("appeal", VERSION).replace('type="durable.step"', 'type=""', 1))
    monkeypatch.setattr("processes.lint.files", lambda: [broken])
    try:
        assert "Element of type <zeebe:TaskDefinition> must have property <type>" in lint()
    except NodeMissing as error:
        pytest.skip(str(error))


def test_without_node_the_linter_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["lint"]) == 2
    assert "needs Node.js" in capsys.readouterr().err


def test_the_check_says_what_it_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().out == f"{len(files())} models: nothing is wrong\n"
