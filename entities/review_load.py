"""Who is busy with what: one entity a review queue, derived from the FHIR Tasks and rebuilt from them at any time.

The FHIR Task is the truth of an assignment; this entity only spares a count over all of them.
"""

from __future__ import annotations

from typing import Any

from azure.durable_functions import DurableEntityContext


def apply(state: dict[str, str | None], operation: str, data: dict[str, Any]) -> dict[str, str | None]:
    """The state after an operation. State: open task id -> reviewer id, or ``None`` while nobody has it.

    ``opened {task}``, ``assigned {task, reviewer}``, ``closed {task}``, ``rebuild {tasks}``. Raises ``ValueError`` for
    another operation.
    """
    if operation == "rebuild":
        return dict(data["tasks"])
    task = data["task"]
    if operation == "opened":
        return {task: None, **state}
    if operation == "assigned":
        return {**state, task: data["reviewer"]}
    if operation == "closed":
        return {key: reviewer for key, reviewer in state.items() if key != task}
    raise ValueError(f"review_load has no operation {operation}")


def review_load(context: DurableEntityContext) -> None:
    """The durable entity: its key is the queue's name."""
    state = context.get_state(dict)
    context.set_state(apply(state, context.operation_name, context.get_input()))
