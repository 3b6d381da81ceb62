"""The workloads of the peers benchmark as an app of Durable Functions."""

from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

from tests.benchmarks.peers import activity

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.orchestration_trigger(context_name="context")
def steps(context):
    for step in range(context.get_input()):
        yield context.call_activity("work", {"instance": context.instance_id, "step": step})
    return "done"


@app.orchestration_trigger(context_name="context")
def fan(context):
    calls = [{"instance": context.instance_id, "step": step} for step in range(context.get_input())]
    answers = yield context.task_all([context.call_activity("work", call) for call in calls])
    return len(answers)


@app.orchestration_trigger(context_name="context")
def task(context):
    deadline = context.create_timer(context.current_utc_datetime + timedelta(seconds=activity.DEADLINE))
    approved = context.wait_for_external_event("approved")
    activity.reached(context.instance_id)
    winner = yield context.task_any([approved, deadline])
    if winner is approved:
        deadline.cancel()
    return winner is approved


@app.activity_trigger(input_name="call")
def work(call: dict) -> dict:
    return activity.work(call["instance"], call["step"])
