"""What every activity does around its verb: decode, trace, one transaction with its audit, map errors, encode, hint.

An activity's file holds only its verb. It is idempotent: every resource that it writes has an id made of the case and
the step, so a second run writes what the first one wrote.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from opentelemetry import trace
from pydantic import ValidationError

from adapters.connections import Connections, connections
from adapters.fhir.unit import UnitOfWork
from domain.case import resource_id
from domain.envelope import Answer, Envelope, Failure, Message, failure
from domain.errors import Conflict, Defect, Unavailable, WorkflowError
from domain.events.catalog import STEP
from domain.events.cloud_event import CloudEvent
from domain.events.data import StepReported
from domain.events.source import engine

LOG: Final = logging.getLogger("workflow.activities")
TRACER: Final = trace.get_tracer("workflow.activities")
D = TypeVar("D", bound=Message)


@dataclass(frozen=True, slots=True)
class Work(Generic[D]):
    """One call of an activity."""

    envelope: Envelope
    data: D
    to: Connections
    unit: UnitOfWork
    """Reads and writes of this call; written in one transaction, with one AuditEvent, when the verb returns."""

    @property
    def case(self) -> str:
        """The case's instance id."""
        return self.envelope.case.id


Verb = Callable[[Work[D]], Awaitable[Message]]
Activity = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


def step(data: type[D]) -> Callable[[Verb[D]], Activity]:
    """Make an activity of a verb that takes ``data``."""

    def wrap(verb: Verb[D]) -> Activity:
        async def run(envelope: dict[str, Any]) -> dict[str, Any]:
            with TRACER.start_as_current_span(verb.__name__, record_exception=False) as span:
                work = None
                try:
                    work = _decode(envelope, data)
                    span.set_attributes({"case.id": work.case, "step.id": work.envelope.step.id})
                    answer = await _perform(work, verb)
                except Exception as error:
                    failed = _failure(error, verb.__name__)
                    _hint(work, str(failed))
                    raise failed from None
                _hint(work)
                return answer

        run.__name__ = run.__qualname__ = verb.__name__
        run.__doc__ = verb.__doc__
        run.__annotations__ = {"envelope": dict, "return": dict}  # the language worker takes plain types only
        return run

    return wrap


def _decode(raw: dict[str, Any], data: type[D]) -> Work[D]:
    envelope = Envelope.model_validate(raw)
    to = connections()
    unit = UnitOfWork.of(to.fhir, envelope)
    return Work(envelope, data.model_validate(envelope.data), to, unit)


async def _perform(work: Work[D], verb: Verb[D]) -> dict[str, Any]:
    result = await verb(work)
    accessed = await work.unit.finish()
    return Answer(data=result.model_dump(mode="json"), accessed=accessed).model_dump(mode="json")


def _hint(work: Work[Any] | None, code: str | None = None) -> None:
    """Tell projections that the step ran; ``code``: why it failed. Nobody waits for it, and it may be lost."""
    if work is None or not work.to.settings.process_events:
        return
    case, ran = work.envelope.case, work.envelope.step
    outcome = "failed" if code else "completed"
    with suppress(ValidationError):
        data = StepReported(case=case.id, workflow=case.workflow, step=ran.id, n=ran.n, outcome=outcome, code=code)
        event = CloudEvent(
            id=resource_id(case.id, f"step:{ran.id}:{ran.n}:{outcome}"),
            source=engine(work.to.settings.payer_organization),
            type=STEP.name,
            subject=case.record,
            time=work.to.now(),
            dataschema=STEP.schema,
            data=data.model_dump(mode="json", exclude_none=True),
        )
        work.to.events.hint(STEP.topic, case.id, event)


def _failure(error: Exception, name: str) -> Failure:
    """What may enter history: a code. The log gets type and frames of what was not expected, never a value.

    A conflict is tried again like a system that was away: somebody wrote meanwhile, a door or an earlier run of this
    step whose answer was lost, and the next run sees it.
    """
    if isinstance(error, Conflict):
        return failure(Unavailable(error.code))
    if isinstance(error, WorkflowError):
        if not isinstance(error, Unavailable):
            _log(error, name, error.code)
        return failure(error)
    if isinstance(error, ValidationError):
        places = sorted({".".join(map(str, e["loc"])) for e in error.errors(include_input=False, include_url=False)})
        _log(error, name, ",".join(places))
        return failure(Defect("invalid-data"))
    _log(error, name, "unexpected")
    return failure(Defect(re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()))


def _log(error: Exception, name: str, what: str) -> None:
    frames = [f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}:{f.name}" for f in traceback.extract_tb(error.__traceback__)]
    LOG.error("%s: %s (%s) at %s", name, type(error).__name__, what, " < ".join(reversed(frames[-6:])))
