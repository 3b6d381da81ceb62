"""Durable entities: state that outlives one workflow."""

import azure.durable_functions as df

from domain.events.lane import EVENT_LANE
from domain.load import REVIEW_LOAD
from entities.event_lane import event_lane
from entities.review_load import review_load

blueprint = df.Blueprint()
blueprint.entity_trigger(context_name="context", entity_name=REVIEW_LOAD)(review_load)
blueprint.entity_trigger(context_name="context", entity_name=EVENT_LANE)(event_lane)
