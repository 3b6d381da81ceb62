"""Any change of any part of a request is read or is malformed; nothing else happens, whatever was put there."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Malformed, TooLarge
from domain.pas.inquiry import parse_inquiry
from domain.pas.request import parse
from tests.domain.pas.examples import sample, taken_in

BUNDLE = sample()
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.just(10**400)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["reference", "coding", "value", "code", "url", "resourceType", "x"]), children
        )
    ),
    max_leaves=6,
)


def places(element: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every part."""
    if isinstance(element, dict):
        return [p for k, v in element.items() for p in [(*path, k), *places(v, (*path, k))]]
    if isinstance(element, list):
        return [p for i, v in enumerate(element) for p in [(*path, i), *places(v, (*path, i))]]
    return []


PLACES = places(BUNDLE)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), values | st.just("__delete__")), min_size=1, max_size=3))
def test_a_changed_request_is_read_or_malformed(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    bundle = copy.deepcopy(BUNDLE)
    for place, value in changes:
        _change(bundle, place, value)
    body = json.dumps(bundle).encode()
    refused = (Malformed, TooLarge)
    with suppress(*refused):
        parse_inquiry(body)
    with suppress(*refused):
        request = parse(body)
        request.services(date(2026, 11, 23))
        request.evidence()
        taken_in(bundle)


def _change(bundle: Any, place: tuple[Any, ...], value: Any) -> None:
    element = bundle
    for step in place[:-1]:
        try:
            element = element[step]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(element, list) and isinstance(place[-1], int) and place[-1] >= len(element):
        return
    if not isinstance(element, dict | list) or isinstance(element, list) != isinstance(place[-1], int):
        return
    if value == "__delete__":
        element.pop(place[-1], None) if isinstance(element, dict) else element.pop(place[-1])
    else:
        element[place[-1]] = value
