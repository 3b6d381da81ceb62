"""Which instances this deployment may run.

https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-orchestration-versioning
"""

from __future__ import annotations

import re

from host.options import HubOptions

_NUMBERS = re.compile(r"\d+(\.\d+){1,3}$")


def compare(one: str, other: str) -> int:
    """Negative, 0 or positive. Empty is oldest; then as ``System.Version``; else case-insensitive text."""
    if not one or not other:
        return bool(one) - bool(other)
    if _NUMBERS.match(one) and _NUMBERS.match(other):
        left, right = (tuple(map(int, text.split("."))) for text in (one, other))
        return (left > right) - (left < right)
    return (one.lower() > other.lower()) - (one.lower() < other.lower())


def mismatch(version: str, options: HubOptions) -> str | None:
    """Why an instance of that version can't run here, in one sentence; None: it can."""
    here = options.default_version
    if options.version_match == "None":
        return None
    order = compare(version, here)
    if order == 0 or (order < 0 and options.version_match == "CurrentOrOlder"):
        return None
    return (
        f"The instance has version '{version}', this host runs version '{here}' with versionMatchStrategy "
        f"{options.version_match}: deploy a version that may run it."
    )
