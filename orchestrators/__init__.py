"""Workflows as plain generators. The decorator is applied here, so that a test drives the plain function."""

import azure.durable_functions as df

from orchestrators.appeal import appeal
from orchestrators.prior_authorization import prior_authorization

blueprint = df.Blueprint()
blueprint.orchestration_trigger(context_name="context", orchestration="prior-authorization")(prior_authorization)
blueprint.orchestration_trigger(context_name="context", orchestration="appeal")(appeal)
