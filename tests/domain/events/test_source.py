"""As whom a source of events acts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from domain.errors import Forbidden
from domain.events.source import Source
from domain.principal import Role
from tests.support.incoming import SOURCES

CLEARING = Source.model_validate({"roles": ["submitter"], "organizations": ["a", "b"]})


def test_it_acts_for_the_organizations_that_are_listed() -> None:
    assert [CLEARING.principal("s", each).organization for each in ("a", "b", None)] == ["a", "b", None]
    with pytest.raises(Forbidden, match="organization"):
        CLEARING.principal("s", "c")


def test_it_has_the_roles_and_the_reviewer_that_are_listed() -> None:
    reviewer = Source.model_validate({"roles": ["reviewer"], "npi": "1999002011", "specialty": "207R00000X"})
    who = reviewer.principal("s")
    assert (who.id, who.roles, who.npi, who.specialty) == ("s", frozenset({Role.REVIEWER}), "1999002011", "207R00000X")
    assert Source().principal("s").roles == frozenset()


@pytest.mark.parametrize("wrong", [{"role": ["submitter"]}, {"roles": ["admin"]}, {"organizations": "a"}])
def test_a_list_with_a_mistake_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Source.model_validate(wrong)


def test_the_sources_of_the_samples_are_well_formed() -> None:
    assert len({name: Source.model_validate(each) for name, each in SOURCES.items()}) == 4
