"""The JSON types that cross boundaries."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = Any
"""Any JSON value. ``Any`` and not a recursive union: FHIR resources are walked by key all the time."""

Resource: TypeAlias = dict[str, Any]
"""A FHIR R4 resource as plain JSON, with ``resourceType``."""
