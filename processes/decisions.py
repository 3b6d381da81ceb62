"""Decisions of the rulesets as Camunda takes them: DMN tables that judge in shadow, beside Drools.

Camunda always evaluates the latest version of a decision, and cases keep the version that they pinned. So each version
is a decision of its own there: ``Determination_1.0.0``. The namespace becomes that of DMN 1.3, which its viewer knows;
what we use of DMN 1.5 means the same in it (https://www.omg.org/spec/DMN).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from processes import FOLDER

RULESETS: Final = FOLDER.parent / "rules" / "rulesets"
_OURS: Final = "https://www.omg.org/spec/DMN/20230324"
_THEIRS: Final = "https://www.omg.org/spec/DMN/20191111"
_HIT_POLICIES: Final = frozenset({"UNIQUE", "FIRST", "ANY", "COLLECT", "RULE ORDER"})
"""Those that Camunda knows (https://docs.camunda.io/docs/8.6/components/modeler/dmn/decision-table-hit-policy/)."""
_LOGIC: Final = ("decisionTable", "literalExpression")


def files() -> list[Path]:
    """Every ruleset's tables, by ruleset and version."""
    return sorted(RULESETS.glob("*/*/*.dmn"))


def resources() -> dict[str, bytes]:
    """What is deployed: file name -> DMN. Raises ``ValueError`` for what Camunda does not take."""
    return {f"{_name(path)}.dmn": deployable(path.read_text(), _version(path)).encode() for path in files()}


def decisions(text: str) -> list[str]:
    """Ids of the decisions in a DMN file. Raises ``ValueError``."""
    return [str(each.get("id")) for each in _root(text).iter(_tag("decision"))]


def deployable(text: str, version: str) -> str:
    """A ruleset's DMN for Camunda: the ids of its decisions, and of their diagram, end in ``_<version>``.

    Raises ``ValueError`` when Camunda does not take it; the text says what.
    """
    root = _root(text)
    for problem in _problems(root):
        raise ValueError(problem)
    for id_ in (str(root.get("id")), *decisions(text)):
        text = re.sub(f'(\\bid="|\\bhref="#){re.escape(id_)}"', rf'\g<1>{id_}_{version}"', text)
    return text.replace(_OURS, _THEIRS)


def _root(text: str) -> ElementTree.Element:
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  (our own file)
    except ElementTree.ParseError as error:
        raise ValueError(f"the file is not XML: {error}") from None
    if root.tag != _tag("definitions"):
        raise ValueError("the file is not DMN 1.5")
    return root


def _problems(root: ElementTree.Element) -> list[str]:
    found = [f"{each.get('id')}: Camunda knows no decision services" for each in root.iter(_tag("decisionService"))]
    found += [
        f"{each.get('id')}: Camunda knows no hit policy {each.get('hitPolicy')}"
        for each in root.iter(_tag("decisionTable"))
        if each.get("hitPolicy", "UNIQUE") not in _HIT_POLICIES
    ]
    for each in root.iter(_tag("decision")):
        if all(each.find(_tag(logic)) is None for logic in _LOGIC):
            found.append(f"{each.get('id')}: it is neither a table nor an expression")
    return found


def _tag(name: str) -> str:
    return f"{{{_OURS}/MODEL/}}{name}"


def _version(path: Path) -> str:
    return path.parent.name


def _name(path: Path) -> str:
    return f"{path.parents[1].name}-{_version(path)}"
