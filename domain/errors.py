"""Every error that the engine raises on purpose.

    WorkflowError
    ├── Rejected              the caller's fault: answered, never retried
    │   ├── Malformed         400  the body is not what the operation takes; carries every problem with its path
    │   ├── TooLarge          413  over a size, depth or entry limit
    │   ├── Unauthenticated   401  no principal
    │   ├── Forbidden         403  the principal may not do this
    │   ├── NotFound          404  no such case, task or resource (also: not yours)
    │   └── Conflict          409  the state no longer allows it (duplicate, finished, changed meanwhile)
    ├── Unavailable           a dependency's fault: retried with backoff, then parked
    └── Defect                ours: fails loudly

No message quotes a value of the input: values may be protected health information, and messages reach logs and history.
A message names the place (a path, a code, a reference) and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Problem(BaseModel):
    """One thing that is wrong with an input, as an OperationOutcome issue tells it."""

    model_config = ConfigDict(frozen=True)

    path: str
    """FHIRPath or JSON pointer of the place, for example ``Bundle.entry[0].resource``."""
    text: str
    """What is wrong and what to send instead; quotes no value."""
    code: str = "invalid"
    """A code of http://hl7.org/fhir/issue-type."""


class WorkflowError(Exception):
    """Base of all. ``code`` is a stable kebab-case word that clients may branch on."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "The request failed"

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code
        self.text = text or self.title


class Rejected(WorkflowError):
    """The caller's fault."""

    status = 400
    title = "The request was rejected"


class Malformed(Rejected):
    """The input has problems; all of them are listed."""

    status = 400
    title = "The request is not well formed"

    def __init__(self, problems: Sequence[Problem], code: str = "malformed") -> None:
        super().__init__(code, f"{len(problems)} problem(s), first at {problems[0].path}" if problems else "")
        self.problems = tuple(problems)


class TooLarge(Rejected):
    """The input is over a limit."""

    status = 413
    title = "The request is too large"


class Unauthenticated(Rejected):
    """Nobody is signed in."""

    status = 401
    title = "Sign in first"


class Forbidden(Rejected):
    """The principal lacks the role or the relation."""

    status = 403
    title = "You may not do this"


class NotFound(Rejected):
    """There is no such thing, or it is not yours to see."""

    status = 404
    title = "Not found"


class Conflict(Rejected):
    """The state no longer allows it."""

    status = 409
    title = "The state does not allow this"


class Unavailable(WorkflowError):
    """A dependency did not answer; ``code`` names it (``fhir``, ``rules``, ``hook``)."""

    status = 503
    title = "A system that this needs does not answer; try again later"


class Defect(WorkflowError):
    """Ours. The code names the broken expectation."""

    status = 500
    title = "An internal error"
