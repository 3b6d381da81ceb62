"""What Camunda gets of the rulesets' DMN; that it takes it, and what it says then, is shown in test_engine.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from processes.decisions import decisions, deployable, files, resources

TABLE = (
    "<definitions xmlns='https://www.omg.org/spec/DMN/20230324/MODEL/' id=\"d\">"
    '<decision id="First"><decisionTable/></decision>'
    '<decision id="Second"><informationRequirement><requiredDecision href="#First"/></informationRequirement>'
    "<decisionTable hitPolicy='FIRST'/></decision></definitions>"
)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.parents[1].name)
def test_every_ruleset_with_tables_goes_to_camunda_in_its_version(path: Path) -> None:
    text = resources()[f"{path.parents[1].name}-{path.parent.name}.dmn"].decode()
    for id_ in decisions(path.read_text()):
        assert f'id="{id_}_{path.parent.name}"' in text
        assert f'id="{id_}"' not in text


def test_versions_are_decisions_of_their_own_and_find_each_other() -> None:
    text = deployable(TABLE, "1.2.0")
    assert 'id="d_1.2.0"' in text
    assert '<decision id="First_1.2.0">' in text
    assert 'href="#First_1.2.0"' in text
    assert "https://www.omg.org/spec/DMN/20191111/MODEL/" in text


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("hitPolicy='FIRST'", "hitPolicy='PRIORITY'", "Camunda knows no hit policy PRIORITY"),
        ("<decision id", "<decisionService id='s'/><decision id", "s: Camunda knows no decision services"),
        ("<decisionTable/>", "<invocation/>", "First: it is neither a table nor an expression"),
        ("DMN/20230324", "DMN/20191111", "the file is not DMN 1.5"),
        ("</definitions>", "", "the file is not XML"),
    ],
)
def test_what_camunda_does_not_take_is_named(old: str, new: str, problem: str) -> None:
    assert old in TABLE
    with pytest.raises(ValueError, match=problem):
        deployable(TABLE.replace(old, new), "1.0.0")
