"""One request through its workflow while the host dies and answers are lost."""

from __future__ import annotations

import uuid
from typing import Any

from domain.case import resource_id, tracking_number
from samples.client import Client
from tests.faults.ledger import Ledger, Trail
from tests.faults.plant import ASKED, NURSE, REVIEWED, SUBMITTER, Plant, Request
from tests.faults.proxy import Moment
from tests.support.samples import attachment

SATURATION = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}


def walked(plant: Plant, ledger: Ledger, sample: str, moment: Moment) -> Trail:
    """Take one request through its workflow, whatever happens to the host, and tell what it left."""
    request = Request.of(sample, f"gap-{uuid.uuid4().hex[:8]}")
    with Client(plant) as client:
        _act(plant, "/fhir/Claim/$submit", request.bundle, SUBMITTER, moment)
        if sample == REVIEWED:
            task = f"/tasks/{resource_id(request.case, 'review:1')}"
            plant.until(lambda: _stands(client, request.case, "in-review"))
            _act(plant, f"{task}/claim", None, NURSE, moment)
            _act(plant, f"{task}/decision", {"decision": "approve"}, NURSE, moment)
        if sample == ASKED:
            plant.until(lambda: _stands(client, request.case, "information-requested"))
            answer = attachment(tracking_number(request.case), "59408-5", SATURATION)
            _act(plant, "/fhir/$submit-attachment", answer, SUBMITTER, moment)
        plant.until(lambda: client.case(request.case)["standing"]["runtime"] == "Completed")
        assert client.case(request.case)["state"] == "approved"
    return ledger.trails([request.case])[request.case]


def _act(plant: Plant, path: str, body: Any, who: str, moment: Moment) -> None:
    """Send; where the strike came before the write, the sender sends again, else the sweep does what is owed."""
    answer = plant.post(who, path, body)
    if answer is not None and answer.status_code != 503:
        assert answer.status_code == 200, answer.text
        return
    if answer is None:
        plant.app.wait(10)
        plant.revive()
    elif moment == "after":
        plant.sweep()
    if moment != "after":
        again = plant.post(who, path, body)
        assert again is not None
        # 409: the first try was written after all
        assert again.status_code in (200, 409), again.text
        if again.status_code == 409:
            plant.sweep()


def _stands(client: Client, case: str, state: str) -> bool:
    found = client.case(case)
    return bool(found["state"] == state and found["standing"]["waitingFor"] in ("reviewer", "provider"))
