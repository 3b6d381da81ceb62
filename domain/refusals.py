"""Why a decision was not taken, as a reviewer reads it who made it in another system. Sentences hold no values."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_TELL: Final = "The engine could not use what was sent: decide in the portal, and tell an operator."

SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "finished": "The task was finished by somebody else, or withdrawn, a moment before.",
        "claimed": "Another reviewer has claimed the task in the portal.",
        "changed": "The task was changed meanwhile.",
        "task": "The engine has no such task any more.",
        "medical-director": "Only a medical director may deny or authorize less.",
        "npi": "An adverse decision names its reviewer, and your account has no NPI.",
        "same-reviewer": "An appeal is decided by another reviewer than the first decision.",
        "role": "Your account may not decide reviews.",
        "unknown-person": "It could not be established who decided.",
        "needs-portal": "The request has several services: authorize a quantity for each in the portal.",
        "form-decision": "Choose one of the four decisions.",
        "form-reason": "To deny or authorize less, choose a reason.",
        "form-quantity": "Write the quantity as a number greater than zero.",
        "form-dates": "Write dates as year, month and day; the authorization must not end before it starts.",
        "form-modification": "Say what is authorized instead: a quantity or dates.",
        "form-information": "Name what is missing by LOINC codes, at most 20, with commas between.",
        "malformed": _TELL,
        "not-json": _TELL,
        "body": _TELL,
        "depth": _TELL,
        "mark": _TELL,
        "on-behalf-of": _TELL,
    }
)
"""Code of a refusal of ``POST /tasks/{id}/decision`` or of ``mirror.form`` -> one sentence."""


def sentence(code: str) -> str:
    """What a person is told of a refusal with ``code``."""
    return SENTENCES.get(code, f"The reason has the code {code}.")
