"""A BPMN model as a graph: what the token game, the checks and the mirror read of a file of ``processes/``.

Source: BPMN 2.0.2 (https://www.omg.org/spec/BPMN/2.0.2), Zeebe's extension elements
(https://github.com/camunda/zeebe-bpmn-moddle). Elements of other kinds than the models use are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final
from xml.etree import ElementTree

from domain.process.conditions import Condition, parse_condition

BPMN: Final = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
ZEEBE: Final = "{http://camunda.org/schema/zeebe/1.0}"
JOBS: Final = frozenset({"serviceTask", "businessRuleTask", "sendTask"})
"""Kinds of elements that are a job in Camunda, completed when the durable step is."""
WAITS: Final = frozenset({"userTask", "receiveTask"})
"""Kinds of elements at which a case waits."""
DUE: Final = ".due"
"""How the names of messages end that say that a step is begun on the way, beside what the case waits for:
``escalate.due`` begins ``escalate``. All others are named by the durable event (up to its colon)."""
_KINDS: Final = (
    JOBS
    | WAITS
    | {"startEvent", "intermediateThrowEvent", "endEvent", "boundaryEvent", "exclusiveGateway", "parallelGateway"}
)
START: Final = ".start"
"""How the names of messages end that start a process: ``appeal.start`` starts ``appeal``."""
_Code = tuple[str | None, str | None]
"""Of a message, an error or an escalation: its name or code, and its correlation."""
_EVENTS: Final = {
    "messageEventDefinition": "message",
    "timerEventDefinition": "timer",
    "errorEventDefinition": "error",
    "escalationEventDefinition": "escalation",
    "terminateEventDefinition": "terminate",
}


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence flow."""

    id: str
    source: str
    target: str
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Element:
    """A node of the graph. Its id is the ``step.id`` of the call or the wait, where it stands for one."""

    id: str
    kind: str
    """Local name of the BPMN element: ``serviceTask``, ``userTask``, ``exclusiveGateway``, ..."""
    name: str = ""
    scope: str | None = None
    """The sub-process that it is in."""
    host: str | None = None
    """What a boundary event is attached to."""
    interrupting: bool = True
    event: str | None = None
    """Of an event: ``message``, ``timer``, ``error``, ``escalation``, ``terminate``; of a wait for one: ``message``."""
    code: str | None = None
    """Message name, error code or escalation code. Of a user task: the durable event that ends it."""
    correlation: str | None = None
    """FEEL: whose value a message carries that is for this instance."""
    job: str | None = None
    """Type of its job."""
    step: str | None = None
    """Its header ``step``, by which the job's worker knows it."""
    listeners: tuple[tuple[str, str], ...] = ()
    """``start`` or ``end``, and the type of the job that is to be completed before the element begins, or is left."""
    decision: str | None = None
    """FEEL: id of the DMN decision that Camunda itself evaluates here. Nobody waits for it."""
    default: str | None = None
    """The flow that a gateway takes when no condition holds."""

    @property
    def is_step(self) -> bool:
        """Whether it stands for a call of the orchestrator."""
        return self.kind in JOBS and self.decision is None


@dataclass(frozen=True)
class Model:
    """One version of one process."""

    process: str
    version: str
    """``zeebe:versionTag``: the orchestrator version."""
    elements: dict[str, Element]
    flows: dict[str, Flow]

    @cached_property
    def start(self) -> Element:
        """Where the process begins."""
        return self.start_of(None)

    def start_of(self, scope: str | None) -> Element:
        """The start event of the process or of a sub-process. Raises ``ValueError`` unless there is exactly one."""
        found = [e for e in self.elements.values() if e.kind == "startEvent" and e.scope == scope]
        if len(found) != 1:
            raise ValueError(f"{scope or self.process} has {len(found)} start events; it needs one")
        return found[0]

    @cached_property
    def _leaving(self) -> dict[str, tuple[Flow, ...]]:
        return {id_: tuple(f for f in self.flows.values() if f.source == id_) for id_ in self.elements}

    def leaving(self, element: str) -> tuple[Flow, ...]:
        """The flows that leave ``element``."""
        return self._leaving[element]

    @cached_property
    def _attached(self) -> dict[str, tuple[Element, ...]]:
        return {id_: tuple(e for e in self.elements.values() if e.host == id_) for id_ in self.elements}

    def attached(self, element: str) -> tuple[Element, ...]:
        """The boundary events of ``element``."""
        return self._attached.get(element, ())

    def within(self, element: str, scope: str) -> bool:
        """Whether ``element`` is in the sub-process ``scope``, however deep."""
        above = self.elements[element].scope
        return above is not None and (above == scope or self.within(above, scope))

    @property
    def steps(self) -> frozenset[str]:
        """Elements that stand for a call."""
        return frozenset(e.id for e in self.elements.values() if e.is_step)


def parse_model(text: str) -> Model:
    """The model of a BPMN file with one process.

    Raises ``ValueError`` for what is not BPMN, an element that no model here uses, or a flow to nowhere.
    """
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  (our own file)
    except ElementTree.ParseError as error:
        raise ValueError(f"the file is not XML: {error}") from None
    process = root.find(f"{BPMN}process")
    if process is None:
        raise ValueError("the file has no process")
    tag = process.find(f"{BPMN}extensionElements/{ZEEBE}versionTag")
    codes = {e.get("id", ""): (e.get("name"), _correlation(e)) for e in root.iter(f"{BPMN}message")}
    for kind in ("error", "escalation"):
        codes |= {e.get("id", ""): (e.get(f"{kind}Code"), None) for e in root.iter(f"{BPMN}{kind}")}
    elements: dict[str, Element] = {}
    flows: dict[str, Flow] = {}
    _collect(process, None, codes, elements, flows)
    for flow in flows.values():
        if not {flow.source, flow.target} <= elements.keys():
            raise ValueError(f"the flow {flow.id} leads from or to an element that is not there")
    return Model(process.get("id", ""), tag.get("value", "") if tag is not None else "", elements, flows)


def _correlation(message: ElementTree.Element) -> str | None:
    subscription = message.find(f"{BPMN}extensionElements/{ZEEBE}subscription")
    return subscription.get("correlationKey") if subscription is not None else None


def _collect(
    parent: ElementTree.Element,
    scope: str | None,
    codes: dict[str, _Code],
    elements: dict[str, Element],
    flows: dict[str, Flow],
) -> None:
    for node in parent:
        kind, id_ = node.tag.removeprefix(BPMN), node.get("id", "")
        if kind == "sequenceFlow":
            written = node.findtext(f"{BPMN}conditionExpression")
            condition = parse_condition(written) if written else None
            flows[id_] = Flow(id_, node.get("sourceRef", ""), node.get("targetRef", ""), condition)
        elif kind == "subProcess":
            elements[id_] = Element(id_, kind, node.get("name", ""), scope)
            _collect(node, id_, codes, elements, flows)
        elif kind in _KINDS:
            elements[id_] = _element(node, kind, id_, scope, codes)
        elif kind not in ("extensionElements", "incoming", "outgoing", "documentation"):
            raise ValueError(f"{id_ or kind}: the token game knows no {kind}")


def _element(node: ElementTree.Element, kind: str, id_: str, scope: str | None, codes: dict[str, _Code]) -> Element:
    definitions = [(_EVENTS[tag], child) for child in node if (tag := child.tag.removeprefix(BPMN)) in _EVENTS]
    event, definition = definitions[0] if definitions else (None, node)
    if node.get("messageRef"):
        event = "message"
    headers = {h.get("key"): h.get("value") for h in node.iter(f"{ZEEBE}header")}
    task = node.find(f"{BPMN}extensionElements/{ZEEBE}taskDefinition")
    called = node.find(f"{BPMN}extensionElements/{ZEEBE}calledDecision")
    references = (definition.get(f"{kind}Ref") for kind in ("message", "error", "escalation"))
    code, correlation = codes.get(next(filter(None, references), ""), (None, None))
    return Element(
        id=id_,
        kind=kind,
        name=node.get("name", ""),
        scope=scope,
        host=node.get("attachedToRef"),
        interrupting=node.get("cancelActivity") != "false",
        event=event,
        code=code or headers.get("event"),
        correlation=correlation,
        job=task.get("type") if task is not None else None,
        step=headers.get("step"),
        listeners=tuple((e.get("eventType", ""), e.get("type", "")) for e in node.iter(f"{ZEEBE}executionListener")),
        decision=called.get("decisionId") if called is not None else None,
        default=node.get("default"),
    )
