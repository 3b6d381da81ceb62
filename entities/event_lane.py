"""What waits behind a dead letter: one entity a topic and key, in being while something waits."""

from __future__ import annotations

from azure.durable_functions import DurableEntityContext

from domain.events.lane import Lane, after


def event_lane(context: DurableEntityContext) -> None:
    """The durable entity: its key is ``domain.events.lane.lane_key``, its operations are those of ``after``."""
    lane = after(Lane.model_validate(context.get_state(dict)), context.operation_name, context.get_input())
    if lane == Lane():
        context.destruct_on_exit()
    else:
        context.set_state(lane.model_dump(mode="json"))
