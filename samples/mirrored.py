"""Whether Camunda shows a case as it went: its durable history over its model, beside what the engine reports."""

from __future__ import annotations

from collections import Counter

from domain.process.conformance import Walk
from domain.process.model import Model
from domain.process.moves import Kind
from samples.witness import Shown


def exact(shown: Shown, walked: Walk, shape: Model) -> bool:
    """Whether the process instance took each way of the case as often as the case did, and stands where it does."""
    if (shown.ended == "completed") is not walked.ended or shown.ended == "terminated":
        return False
    stands = Counter(token.element for token in walked.tokens)
    return as_one(shown.flows, shape) == as_one(flows(walked, shape), shape) and not stands - shown.active


def flows(walked: Walk, shape: Model) -> Counter[str]:
    """The sequence flows that Camunda should have taken: those of the walk, without the ones of times that were up,
    which are made by modification."""
    taken = Counter(each for each in walked.path if each in shape.flows)
    for move in walked.moves:
        if move.kind is Kind.TIMER:
            taken.subtract(flow.id for flow in shape.leaving(move.name))
    return +taken


def as_one(taken: Counter[str], shape: Model) -> Counter[str]:
    """``taken`` with each review that ended in the portal as if it had ended in Tasklist: in durable history, one is as
    the other."""
    elsewhere = _elsewhere(shape)
    one: Counter[str] = Counter()
    for id_, times in taken.items():
        one[elsewhere.get(id_, id_)] += times
    return +one


def _elsewhere(shape: Model) -> dict[str, str]:
    """Flow of the event by which a user task ends elsewhere -> flow by which it ends itself."""
    found = {}
    for event in shape.elements.values():
        host = shape.elements.get(event.host or "")
        if host is not None and host.kind == "userTask" and event.code == host.code:
            (own,), (other,) = shape.leaving(host.id), shape.leaving(event.id)
            found[other.id] = own.id
    return found
