"""The kind of process that the first mirror was measured on: five jobs or so, a review, a loop (``simple.bpmn``)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from domain.process.conformance import Walk, walk
from domain.process.model import Model, parse_model
from domain.process.seen import What
from mirror.deploy import Release
from mirror.source import Step, seen
from tests.mirror.simulated import Simulated

NAME: Final = "simple"
TEXT: Final = (Path(__file__).parent / "simple.bpmn").read_bytes()


class Simple(Simulated):
    """A case of this process."""

    def expected(self) -> Walk:
        """See ``Simulated.expected``."""
        return walk(seen(self.steps[: self.happened]), shape())


@cache
def shape() -> Model:
    """Its model."""
    return parse_model(TEXT.decode())


def release() -> Release:
    """What is deployed."""
    return Release(NAME, shape().version, f"{NAME}-{shape().version}.bpmn", TEXT)


def simple(id_: str, number: int) -> Simulated:
    """A case that has ended: half of them are reviewed, and of all one in three is reviewed again."""
    random = Random(number)
    reviewed = random.random() < 0.5
    steps = _done("check-eligibility", outcome="review" if reviewed else "automatic", task=f"{id_}-t1")
    again = 0
    while True:
        if reviewed:
            steps.append(Step(what=What.EVENT, step="decided"))
        reviewed = again < 3 and random.random() < 0.33
        again += 1
        steps += _done("record-decision") + _done("notify-provider")
        steps += _done("process-appeal", stopped=reviewed, task=f"{id_}-t{again + 1}")
        if not reviewed:
            break
    steps.append(Step(what=What.ENDED))
    case = Simple(id_, NAME, steps, {})
    case.happens(len(steps))
    return case


def _done(step: str, **variables: str | bool) -> list[Step]:
    return [Step(what=What.STARTED, step=step), Step(what=What.COMPLETED, step=step, variables=dict(variables))]
