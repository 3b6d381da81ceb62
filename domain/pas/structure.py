"""Structural validation of one resource by fhir.resources (R4B models), with errors that quote no value.

R4B differs from R4 in none of the resources that PAS 2.2.1 uses. https://pypi.org/project/fhir.resources/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import ValidationError

from domain.errors import Problem
from domain.json import Json, Resource

_TEXTS = {
    "missing": ("required", "This element is required."),
    "extra_forbidden": ("structure", "There is no such element here."),
    "value_error": (
        "structure",
        "This breaks a rule of its FHIR type (a choice given twice?).",
    ),
    "model_validation_format": ("structure", "This element has another type in FHIR."),
    "list_type": ("structure", "This element repeats: send an array."),
    "string_type": ("value", "This must be a string."),
    "bool_type": ("value", "This must be a boolean."),
    "int_type": ("value", "This must be a whole number."),
    "decimal_type": ("value", "This must be a number."),
    "string_pattern_mismatch": ("value", "This does not have the form that FHIR asks of its type."),
}
_MOST: Final = 10**15
"""Numbers are below it: what FHIR servers keep of a quantity exactly, and search by."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def structural_problems(resource: Resource, path: str) -> Iterator[Problem]:
    """What FHIR R4 refuses in ``resource``; ``path`` is its FHIRPath."""
    # Imported here: the models take 200 ms to import, which most functions of a worker never need.
    from fhir.resources.R4B import get_fhir_model_class

    yield from _too_large(resource, path)
    name = resource.get("resourceType")
    try:
        model = get_fhir_model_class(name if isinstance(name, str) else "")
    except (LookupError, ValueError):
        yield Problem(path=f"{path}.resourceType", text="This is no resource type of FHIR R4.", code="structure")
        return
    try:
        model.model_validate(resource)
    except ValidationError as error:
        for found in error.errors(include_input=False, include_url=False, include_context=False):
            kind = found["type"]
            if kind == "value_error" and not isinstance(_at(resource, found["loc"]), dict):
                kind = "other"
            code, text = _TEXTS.get(kind, ("value", "This value is not valid for its FHIR type."))
            yield Problem(path=path + _steps(found["loc"]), text=text, code=code)
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError):
        yield Problem(
            path=path,
            text="The resource has a part that is not FHIR R4 (an unknown contained type?).",
            code="structure",
        )


def _too_large(element: Json, path: str) -> Iterator[Problem]:
    """Each number that FHIR allows and no server keeps."""
    if isinstance(element, int | float) and abs(element) >= _MOST:
        yield Problem(path=path, text="Send a number of at most 15 digits.", code="value")
    elif isinstance(element, dict | list):
        for step, child in element.items() if isinstance(element, dict) else enumerate(element):
            yield from _too_large(child, path + _steps([step]))


def _at(element: Json, location: Sequence[int | str]) -> Json:
    for step in location:
        try:
            element = element[step]
        except (KeyError, IndexError, TypeError):
            return None
    return element


def _steps(location: Sequence[int | str]) -> str:
    steps = ""
    for step in location:
        if isinstance(step, int):
            steps += f"[{step}]"
        elif step != "root":
            # A name that is no element name came from the input and is not repeated.
            steps += "." + (step.removesuffix("_fhir") if _NAME.fullmatch(step) else "?")
    return steps
