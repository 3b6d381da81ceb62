"""What DMN tables in Camunda judge again beside a step: the inputs that Drools had, and what it said of them.

Codes, numbers and flags only. A step that does not say what it had judged (its answer is an older one) is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.determination import inputs
from domain.envelope import Envelope
from domain.facts import ClockInput, Facts
from domain.messages import DeadlineSet, DetermineAnswer, DetermineInput, SetDeadlineInput
from domain.process.conditions import Value

DETERMINATION: Final = "determination"
CLOCK_POLICY: Final = "clock-policy"
Judged = tuple[Facts, Facts]
"""What was given, and what was said."""


def determinations(envelope: Envelope, answer: Mapping[str, Any]) -> Value:
    """Of *determine*: one judgement an item."""
    given = inputs(DetermineInput.model_validate(envelope.data))
    said = {item.sequence: item.determination for item in DetermineAnswer.model_validate(answer).items}
    judged = [(facts, said[sequence]) for sequence, facts in given.items() if sequence in said]
    return _shadow(envelope, DETERMINATION, judged)


def clock_policies(envelope: Envelope, answer: Mapping[str, Any]) -> Value:
    """Of *set-deadline*: one judgement."""
    data, said = SetDeadlineInput.model_validate(envelope.data), DeadlineSet.model_validate(answer)
    if said.state is None:
        return _shadow(envelope, CLOCK_POLICY, [])
    given = ClockInput(line_of_business=data.line_of_business, urgency=data.urgency, state=said.state, kind=data.kind)
    return _shadow(envelope, CLOCK_POLICY, [(given, said.policy)])


def _shadow(envelope: Envelope, ruleset: str, judged: Sequence[Judged]) -> Value:
    version = envelope.case.rules.get(ruleset)
    return {
        "version": version or "",
        "items": [{"given": _codes(given), "said": _codes(said)} for given, said in judged] if version else [],
    }


def _codes(facts: Facts) -> Value:
    codes: Value = facts.model_dump(mode="json", by_alias=True)
    return codes
