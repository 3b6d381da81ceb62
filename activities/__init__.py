"""One verb a file. The blueprint registers each under its own name; ``step.id`` tells which BPMN element calls it."""

import azure.durable_functions as df

from activities.assess_necessity import assess_necessity
from activities.check_eligibility import check_eligibility
from activities.close_case import close_case
from activities.close_information import close_information
from activities.determine import determine
from activities.escalate import escalate
from activities.notify_provider import notify_provider
from activities.open_case import open_case
from activities.open_review import open_review
from activities.publish_event import publish_event
from activities.record_decision import record_decision
from activities.record_deemed import record_deemed
from activities.request_information import request_information
from activities.set_deadline import set_deadline
from activities.take_decision import take_decision
from activities.withdraw_task import withdraw_task

VERBS = (
    assess_necessity,
    check_eligibility,
    close_case,
    close_information,
    determine,
    escalate,
    notify_provider,
    open_case,
    open_review,
    publish_event,
    record_decision,
    record_deemed,
    request_information,
    set_deadline,
    take_decision,
    withdraw_task,
)

blueprint = df.Blueprint()
for verb in VERBS:
    blueprint.activity_trigger(input_name="envelope", activity=verb.__name__)(verb)
