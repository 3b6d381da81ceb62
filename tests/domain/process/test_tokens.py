"""The rules of the token game, each on a model that is as small as can be."""

from __future__ import annotations

import pytest

from domain.process.conformance import Walk, walk
from domain.process.model import Model, parse_model
from domain.process.seen import Seen, What

HEAD = "<definitions xmlns='http://www.omg.org/spec/BPMN/20100524/MODEL'><process id='p'>"
TAIL = (
    "</process><message id='came' name='came'/><message id='due' name='extra.due'/>"
    "<error id='no' errorCode='no'/><escalation id='tell' escalationCode='tell'/></definitions>"
)


def model(*elements: str, flows: str) -> Model:
    """``flows``: ``a>b`` with spaces between."""
    return parse_model(HEAD + "".join(elements) + _flows(flows) + TAIL)


def _flows(text: str) -> str:
    pairs = (flow.split(">") for flow in text.split())
    return "".join(f"<sequenceFlow id='{a}-{b}' sourceRef='{a}' targetRef='{b}'/>" for a, b in pairs)


def task(name: str) -> str:
    return f"<serviceTask id='{name}'/>"


START, END = "<startEvent id='s'/>", "<endEvent id='e'/>"
TERMINATE = "<endEvent id='t'><terminateEventDefinition/></endEvent>"
FORK = "<parallelGateway id='f'/>"
WHEN = (
    "<sequenceFlow id='g-a' sourceRef='g' targetRef='a'>"
    "<conditionExpression>=x = true</conditionExpression></sequenceFlow>"
)
WAIT = "<receiveTask id='w' messageRef='came'/>"


def went(of: Model, steps: str) -> Walk:
    """``steps``: ``a`` ran, ``a!`` was tried in vain, ``a?`` began, ``+a`` ran on the way, ``@a`` is awaited, ``~n``
    was raised, ``.`` is the end."""
    return walk([one for step in steps.split() for one in _seen(step)], of)


def _seen(step: str) -> list[Seen]:
    name, aside = step.strip("!?+@~."), step.startswith("+")
    if step == ".":
        return [Seen(What.ENDED)]
    if step[0] in "@~":
        return [Seen(What.WAITS if step[0] == "@" else What.EVENT, name)]
    began = Seen(What.STARTED, name, aside=aside)
    ends = {"!": [Seen(What.FAILED, name, aside=aside)], "?": []}
    return [began, *ends.get(step[-1], [Seen(What.COMPLETED, name, aside=aside)])]


def test_one_step_after_another() -> None:
    line = model(START, task("a"), task("b"), END, flows="s>a a>b b>e")
    assert went(line, "a b .").deviation is None
    assert went(line, "a b .").path == ("s", "s-a", "a", "a-b", "b", "b-e", "e")
    assert went(line, "b").deviation == "b started; the model stands at a (ready)"
    assert went(line, "a .").deviation == "the case ended; the model stands at b (ready)"
    assert went(line, "a b b").deviation == "b started; the model has ended"


def test_a_try_in_vain_is_made_again() -> None:
    line = model(START, task("a"), END, flows="s>a a>e")
    assert went(line, "a! a! a .").deviation is None
    assert went(line, "a! a!").tokens[0].stands == "failed"
    assert (
        walk([Seen(What.COMPLETED, "a")], line).deviation
        == "a completed, and was not running; the model stands at a (ready)"
    )


def test_a_fork_ends_with_its_last_token() -> None:
    fork = model(START, FORK, task("a"), task("b"), END, flows="s>f f>a f>b a>e b>e")
    assert went(fork, "b a .").deviation is None
    assert not went(fork, "b").ended


def test_a_wait_ends_when_its_event_has_come() -> None:
    wait = model(START, WAIT, task("a"), END, flows="s>w w>a a>e")
    assert went(wait, "@w ~came a .").deviation is None
    assert went(wait, "@w a").deviation == "a started; the model stands at w (ready)"
    assert went(wait, "@w ~late ~came a").untaken == ("late",)
    assert went(wait, "~came a @w").deviation == "the case waits at w; the model has ended"


def test_a_timer_fires_unless_the_event_has_come() -> None:
    timer = "<boundaryEvent id='o' attachedToRef='w'><timerEventDefinition/></boundaryEvent>"
    wait = model(START, WAIT, timer, task("a"), task("late"), END, flows="s>w w>a o>late a>e late>e")
    assert went(wait, "late .").deviation is None
    assert went(wait, "~came late").deviation == "late started; the model stands at w (ready)"


def aside(leads: str) -> Model:
    due = "<messageEventDefinition messageRef='due'/>"
    event = f"<boundaryEvent id='o' attachedToRef='w' cancelActivity='false'>{due}</boundaryEvent>"
    return model(START, WAIT, event, task("extra"), task("a"), END, flows=f"s>w w>a o>extra extra>{leads} a>e")


def test_what_is_done_on_the_way_leaves_the_wait_alone() -> None:
    assert went(aside("e"), "@w +extra +extra! @w +extra ~came a .").deviation is None
    assert went(aside("e"), "extra").deviation == "extra started; the model stands at w (ready)"
    assert went(aside("a"), "+extra").deviation == "extra was begun on the way, and the model goes on from it"


def scope(inner_end: str, catch: str = "no") -> Model:
    """A fork to ``a`` and ``b`` in a sub-process; ``a`` is followed by its end event ``x``."""
    end = f"<endEvent id='x'>{inner_end}</endEvent>"
    inner = f"<startEvent id='i'/><parallelGateway id='f'/>{task('a')}{task('b')}{end}{_flows('i>f f>a f>b a>x b>x')}"
    error = f"<boundaryEvent id='c' attachedToRef='sub'><errorEventDefinition errorRef='{catch}'/></boundaryEvent>"
    outer = f"<subProcess id='sub'>{inner}</subProcess>{error}"
    return model(START, outer, task("after"), task("caught"), END, flows="s>sub sub>after c>caught after>e caught>e")


def test_a_sub_process_ends_with_its_last_token() -> None:
    assert went(scope(""), "a b after .").deviation is None
    assert went(scope(""), "a after").deviation == "after started; the model stands at b (ready)"


def test_an_error_leaves_the_sub_process_and_what_failed_in_it() -> None:
    error = "<errorEventDefinition errorRef='no'/>"
    assert went(scope(error), "b! a caught .").deviation is None
    assert went(scope(error), "a").deviation == "x is reached while b is ready"
    assert went(scope(error), "b? a").deviation == "x is reached while b is running"
    assert went(scope(error, catch="other"), "b! a").deviation == "nothing catches the error of x"


def test_a_terminating_end_leaves_what_failed() -> None:
    terminate = "<terminateEventDefinition/>"
    assert went(scope(terminate), "b! a after .").deviation is None
    assert went(scope(terminate), "a").deviation == "x is reached while b is ready"
    waits = model(START, FORK, WAIT, task("a"), TERMINATE, flows="s>f f>w f>a a>t")
    assert went(waits, "a .").deviation is None


def test_a_gateway_takes_one_way() -> None:
    ways = "<exclusiveGateway id='g' default='g-b'/>"
    choice = model(START, ways, WHEN, task("a"), task("b"), END, flows="s>g g>b a>e b>e")
    assert went(choice, "b .").deviation is None
    assert went(choice, "a").deviation == "a started; the model stands at b (ready)"


def test_a_gateway_without_a_way_is_named() -> None:
    choice = model(START, task("first"), "<exclusiveGateway id='g'/>", WHEN, task("a"), flows="s>first first>g")
    assert went(choice, "first").deviation == "no condition of g holds"


def test_a_flow_to_nowhere_and_a_second_start_are_refused() -> None:
    with pytest.raises(ValueError, match="s-a leads from or to"):
        model(START, flows="s>a")
    with pytest.raises(ValueError, match="has 2 start events"):
        went(model(START, "<startEvent id='z'/>", flows=""), "a")


# -- what nobody sees --------------------------------------------------------------------------------------------------

DECISION = (
    "<businessRuleTask id='d'><extensionElements><calledDecision xmlns='http://camunda.org/schema/zeebe/1.0' "
    "decisionId='D'/></extensionElements></businessRuleTask>"
)
TOLD = (
    START,
    "<subProcess id='p'><startEvent id='ps'/><serviceTask id='a'/><intermediateThrowEvent id='i'>"
    "<escalationEventDefinition escalationRef='tell'/></intermediateThrowEvent>"
    "<endEvent id='pt'><terminateEventDefinition/></endEvent></subProcess>",
)
CAUGHT = (
    "<boundaryEvent id='c' attachedToRef='p' cancelActivity='false'><escalationEventDefinition escalationRef='tell'/>"
    "</boundaryEvent>"
)


def test_a_decision_of_the_engine_is_no_step_and_holds_nothing_up() -> None:
    beside = model(START, task("a"), FORK, DECISION, END, task("b"), flows="s>a a>f f>d d>e f>b b>e")
    assert beside.steps == {"a", "b"}
    assert went(beside, "a b .").deviation is None
    assert {"d", "d-e"} <= set(went(beside, "a").path)


def test_what_is_told_from_a_sub_process_goes_on_beside_its_end() -> None:
    told = model(*TOLD, CAUGHT, DECISION, task("b"), END, flows="s>p ps>a a>i i>pt c>d d>e p>b b>e")
    assert went(told, "a b .").deviation is None
    assert {"c", "d", "i", "pt"} <= set(went(told, "a").path)


def test_what_nobody_takes_up_is_told_to_nobody() -> None:
    alone = model(*TOLD, task("b"), END, flows="s>p ps>a a>i i>pt p>b b>e")
    assert went(alone, "a b .").deviation is None
