"""Durable entities: state that outlives one workflow."""

import azure.durable_functions as df

from entities.review_load import NAME, review_load

blueprint = df.Blueprint()
blueprint.entity_trigger(context_name="context", entity_name=NAME)(review_load)
