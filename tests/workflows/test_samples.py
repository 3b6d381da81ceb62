"""Every sample ends as ``samples/expected.json`` says, with rules in memory and in both modes of the host."""

from __future__ import annotations

from typing import Any

import pytest

from domain import fhir
from domain.codes import X12_REJECT
from tests.support.recordings import SAMPLE_CASES, sample
from tests.support.world import World, action_of


@pytest.mark.parametrize("one", SAMPLE_CASES, ids=lambda one: one["case"])
async def test_a_sample_ends_as_expected(app: World, one: dict[str, Any]) -> None:
    expect = one["expect"]
    case = await sample(one)(app)
    await app.settle()
    response = await app.response(case)
    assert (await app.record(case)).state == expect["state"]
    assert response["outcome"] == expect["outcome"]
    assert {str(item["itemSequence"]): action_of(item) for item in response.get("item", [])} == expect["actions"]
    assert [fhir.code(error["code"], X12_REJECT) for error in response.get("error", [])] == expect.get("reject", [])
    added = {str(each["itemSequence"][0]): each["quantity"]["value"] for each in response.get("addItem", [])}
    assert added == expect.get("added", {})
