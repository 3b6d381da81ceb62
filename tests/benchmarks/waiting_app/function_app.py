"""An app of the shape of prior authorization: five activities, then an event raced against a deadline of seven days."""

from datetime import timedelta

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.orchestration_trigger(context_name="context")
def case(context):
    answers = []
    for step in range(5):
        envelope = {"case": context.instance_id, "step": step}
        answers += yield context.call_activity("answer", envelope)
    context.set_custom_status({"step": "clinical-review", "waitingFor": "reviewer"})
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=5))
    decided = context.wait_for_external_event("decided")
    winner = yield context.task_any([decided, timer])
    if winner is decided:
        timer.cancel()
    return len(answers)


@app.activity_trigger(input_name="envelope")
def answer(envelope: dict) -> list:
    return [{"criterion": f"C-{envelope['step']}-{n}", "status": "met"} for n in range(10)]


@app.route(route="start/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    await client.start_new("case", instance_id=req.route_params["id"])
    return func.HttpResponse(status_code=202)
