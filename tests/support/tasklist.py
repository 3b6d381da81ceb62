"""Decisions that persons make in Camunda's Tasklist, as the mirror passes them on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.support.world import DIRECTOR, NURSE, OTHER_DIRECTOR, Reply, World

MIRROR: Final = "camunda-mirror"
PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "rivera": {"id": NURSE, "roles": ["reviewer"], "npi": "1999001013", "specialty": "163W00000X"},
    "chen@payer.example.org": {
        "id": DIRECTOR,
        "roles": ["reviewer", "medical-director"],
        "npi": "1999001021",
        "specialty": "207RP1001X",
    },
    "okafør": {"id": OTHER_DIRECTOR, "roles": ["medical-director"]},
    "clerk": {"id": "clerk", "roles": ["operator"]},
}
"""User name in Camunda -> who that is. Director Okafor has no NPI here."""
RIVERA, CHEN = "rivera", "chen@payer.example.org"


async def passed_on(
    app: World,
    task: str,
    person: str,
    body: object,
    *,
    mark: str = "camunda:1",
    who: str = MIRROR,
    settle: bool = True,
    **headers: str,
) -> Reply:
    """What the mirror sends when ``person`` has completed a user task. ``mark``: one for each completion."""
    given: Mapping[str, str] = {"x-workflow-on-behalf-of": person, "x-workflow-mark": mark, **headers}
    reply = await app.send("POST", f"/tasks/{task}/decision", body, who=who, headers=given)
    if settle:
        await app.settle()
    return reply
