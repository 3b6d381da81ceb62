"""A recorded history as a file, and its replay over code as it is now.

``{"format": 1, "name", "version", "instanceId", "input", "compat", "timerSpans", "history": [wire events]}``: events in
the JSON of the 1.x protocol, so that recordings of Azure fit too. The replay gives the plain orchestrator each turn as
it was and compares what it asks for. ``timerSpans``: whether timers over six days were split (absent: no).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import azure.durable_functions as df
from azure.functions.decorators.function_app import FunctionBuilder

from host import codec_v1 as codec
from host import sdk
from host.actions import AskEntity, CallActivity, CallChild, CreateTimer, Leaf
from host.determinism import described, matches, named_leaf
from host.invocation import FunctionFailed
from host.model import Event, EventKind, InstanceStatus, Status
from host.replay import CREATED
from host.replay import replay as walk
from host.rewind import HOST_ERROR
from host.wire_v1 import unwire

FORMAT = 1
ENDINGS = frozenset({EventKind.EXECUTION_COMPLETED, EventKind.CONTINUED_AS_NEW, EventKind.EXECUTION_TERMINATED})


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where code and recording part."""

    turn: int
    """1-based."""
    text: str

    def __str__(self) -> str:
        return f"turn {self.turn}: {self.text}"


def export(
    history: Sequence[Mapping[str, Any]], status: InstanceStatus, compat: str, *, timer_spans: bool = False
) -> dict[str, Any]:
    """The content of the file. ``history``: as ``TaskHub.history`` gives it."""
    return {
        "format": FORMAT,
        "name": status.name,
        "version": status.version,
        "instanceId": status.instance_id,
        "input": status.input,
        "compat": compat,
        "timerSpans": timer_spans,
        "history": list(history),
    }


def replay(recorded: Mapping[str, Any], orchestrator: Callable[..., Any]) -> list[Divergence]:
    """Drive ``orchestrator`` (the generator function, or what the SDK's decorator made of it) over a recording.

    [] means that it still fits.

    The list ends with the first turn that diverges: what follows would only be a consequence. Inputs are compared too;
    that one says more than the recorded one (a member is new) is no divergence.
    """
    if recorded.get("format") != FORMAT:
        raise ValueError(f"The recording has format {recorded.get('format')}; this host reads {FORMAT}.")
    events = [unwire(event) for event in recorded["history"]]
    handle = _handle(orchestrator)
    sdk.read_instants_fast()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK warns of events that came before their wait
        return _first(recorded, handle, events)


def _handle(orchestrator: Any) -> Callable[[str], str]:
    """What the SDK makes of an orchestrator; the decorator's knows the type of the input, too."""
    if isinstance(orchestrator, FunctionBuilder):  # what @app.orchestration_trigger leaves under the function's name
        orchestrator = orchestrator._function.get_user_function()
    made = hasattr(orchestrator, "orchestrator_function")
    handle: Callable[[str], str] = orchestrator if made else df.Orchestrator.create(orchestrator)
    return handle


def bodies(recorded: Mapping[str, Any]) -> Iterator[str]:
    """What the orchestrator was invoked with, turn by turn: JSON texts of the 1.x orchestration context."""
    for before, new, _ in _turns([unwire(event) for event in recorded["history"]]):
        yield _body(recorded, [*before, *new])


def _first(recorded: Mapping[str, Any], handle: Callable[[str], str], events: Sequence[Event]) -> list[Divergence]:
    rewound = max((place for place, event in enumerate(events) if event.kind is EventKind.REWOUND), default=-1)
    for number, (before, new, created) in enumerate(_turns(events), 1):
        cut = len(before) + len(new) <= rewound
        texts = list(_compare(recorded, handle, [*before, *new], created, cut=cut))
        if texts:
            return [Divergence(number, text) for text in texts]
    return []


def _turns(events: Sequence[Event]) -> Iterator[tuple[list[Event], list[Event], list[Event]]]:
    """Per turn: everything before it, what was new in it, what it recorded."""
    before: list[Event] = []
    new: list[Event] = []
    made: list[Event] = []
    for event in events:
        if event.kind is EventKind.TURN_COMPLETED:
            if not any(map(_not_asked, new)) and not any(map(_by_host, made)):
                yield list(before), list(new), list(made)
            before += [*new, *made, event]
            new, made = [], []
        elif event.kind in CREATED or event.kind in ENDINGS - {EventKind.EXECUTION_TERMINATED}:
            made.append(event)
        else:
            new.append(event)


def _not_asked(event: Event) -> bool:
    return event.kind in (EventKind.SUSPENDED, EventKind.EXECUTION_TERMINATED)


def _by_host(event: Event) -> bool:
    """Whether the host ended the instance: what the code asked for in that turn is not recorded."""
    return event.failure is not None and event.failure.type == HOST_ERROR


def _compare(
    recorded: Mapping[str, Any], handle: Callable[[str], str], events: list[Event], made: list[Event], *, cut: bool
) -> Iterator[str]:
    """``cut``: the turn was before a rewind, which took out of the history what it undid."""
    try:
        decision = codec.decision(handle(_body(recorded, events)))
    except Exception as error:
        decision = codec.decision_of_failure(FunctionFailed(type(error).__name__, str(error)))
    greedy = recorded.get("compat") == "fixed"
    position = walk(decision.actions, events, greedy=greedy)
    known = {event.id for event in events if event.kind in CREATED}
    expected = {event.id: event for event in made if event.kind in CREATED}
    actual = {number: leaf for number, leaf in position.started.items() if number not in known}
    for number in sorted(expected if cut else expected.keys() | actual.keys()):
        yield from _differ(number, expected.get(number), actual.get(number))
    if cut:
        return
    waiting = bool(position.open) or (position.stuck and not greedy)
    yield from _endings(decision.error, (decision.done or decision.error is not None) and not waiting, made)


def _body(recorded: Mapping[str, Any], events: list[Event]) -> str:
    spans = bool(recorded.get("timerSpans"))
    return codec.context(_instance(recorded, events), events, replaying=False, timer_spans=spans)


def _differ(number: int, event: Event | None, leaf: Leaf | None) -> Iterator[str]:
    if event is None and leaf is not None:
        yield f"task {number}: the code now starts {named_leaf(leaf)}, the recording has nothing"
    elif leaf is None and event is not None:
        yield f"task {number}: the recording has {described(event)}, the code now starts nothing"
    elif event is not None and leaf is not None:
        if not matches(event, leaf):
            yield f"task {number}: the recording has {described(event)}, the code now starts {named_leaf(leaf)}"
        elif not _same_content(event, leaf):
            yield f"task {number}: {named_leaf(leaf)} gets another input or due time than in the recording"


def _same_content(event: Event, leaf: Leaf) -> bool:
    match leaf:
        case CreateTimer():
            return event.due == leaf.due
        case CallActivity() | CallChild() | AskEntity():
            return _says_all(_value(leaf.input), _value(event.text))


def _value(text: str | None) -> Any:
    """The JSON value of an input, with the JSON texts that it holds."""
    try:
        value = json.loads(text or "null")
    except ValueError:
        return text
    if isinstance(value, list):
        return [_value(each) if isinstance(each, str) else each for each in value]
    return _value(value) if isinstance(value, str) else value


def _says_all(new: Any, old: Any) -> bool:
    """Whether ``new`` says at least what ``old`` says: messages in histories may grow."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(name in new and _says_all(new[name], value) for name, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_says_all, new, old))
    return bool(new == old)


def _endings(error: str | None, ended: bool, made: Sequence[Event]) -> Iterator[str]:
    ending = next((event for event in made if event.kind in ENDINGS), None)
    if ending is None and ended:
        yield f"the code now ends here{' with an error' if error else ''}, the recording goes on"
    elif ending is not None and not ended:
        yield "the recording ends here, the code now goes on"
    elif ending is not None and (ending.status is Status.FAILED) != (error is not None):
        yield f"the recording ends {ending.status}, the code now {'fails' if error else 'completes'}"


def _instance(recorded: Mapping[str, Any], events: Sequence[Event]) -> InstanceStatus:
    start = next(event for event in events if event.kind is EventKind.EXECUTION_STARTED)
    return InstanceStatus(
        instance_id=recorded["instanceId"],
        execution_id=start.execution or "",
        name=recorded["name"],
        version=recorded["version"],
        status=Status.RUNNING,
        created=start.at,
        updated=start.at,
        input=recorded["input"],
        parent=start.parent,
    )
