"""Records that are made for each turn are as frozen ones to all who do not assign, and quicker to make."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field, replace

import pytest

from host.actions import CallActivity, Decision
from host.call import Call, Outcome
from host.invocation import Invocation
from host.model import Event, InstanceStatus, Parent
from host.quick import quick
from host.store.base import Activity, ActivityKey, Loaded, Message, Timer, Turn

OFTEN: tuple[type, ...] = (Activity, ActivityKey, Call, CallActivity, Decision, Event, InstanceStatus, Invocation)
OFTEN += (Loaded, Message, Outcome, Parent, Timer, Turn)


@quick
@dataclass(frozen=True, slots=True)
class Pair:
    """A record with fields of each kind."""

    first: str
    second: int = 2
    third: list[int] = field(default_factory=list, compare=False, repr=False)
    fourth: str = field(default="four", kw_only=True)


def test_a_record_is_made_as_the_dataclass_says() -> None:
    pair = Pair("a", fourth="b")
    assert (pair.first, pair.second, pair.third, pair.fourth) == ("a", 2, [], "b")
    assert pair.third is not Pair("a").third
    assert repr(pair) == "Pair(first='a', second=2, fourth='b')"
    with pytest.raises(TypeError):
        Pair()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Pair("a", 1, [], "b")  # type: ignore[call-arg]


def test_equal_records_are_one_key() -> None:
    assert Pair("a", third=[1]) == Pair("a", third=[2])
    assert len({Pair("a"), Pair("a"), Pair("b")}) == 2


def test_a_record_is_copied_and_pickled() -> None:
    pair = Pair("a", 3, [1], fourth="b")
    for same in (copy.copy(pair), copy.deepcopy(pair), pickle.loads(pickle.dumps(pair)), replace(pair)):
        assert (same, same.third) == (pair, [1])
    assert replace(pair, second=4) == Pair("a", 4, fourth="b")


@pytest.mark.parametrize("cls", [Pair, *OFTEN])
def test_no_field_is_set_by_way_of_object(cls: type) -> None:
    assert "__setattr__" not in cls.__init__.__code__.co_names  # type: ignore[misc]
