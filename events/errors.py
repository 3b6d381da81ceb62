"""How the tool complains."""

from __future__ import annotations


class EventsError(Exception):
    """What was asked cannot be done; the message says what is wrong and what to do."""
