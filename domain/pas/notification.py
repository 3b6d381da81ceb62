"""R4-backport event notifications of PAS: what a submitter's hook receives.

http://hl7.org/fhir/us/davinci-pas/SubscriptionTopic/PASSubscriptionTopic; rest-hook with the full resource.
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/notifications.html
"""

from __future__ import annotations

from datetime import datetime

from domain import fhir
from domain.codes import PAS_TOPIC
from domain.json import Resource


def notification(subscription: str, number: int, at: datetime, response: Resource, base: str, id_: str) -> Resource:
    """The Bundle of type ``history``: the status Parameters, then the PAS response Bundle as the focus.

    ``subscription``: ``Subscription/<id>``; ``number``: counts the events of the subscription from 1; ``response``: a
    PAS response Bundle; ``base``: our FHIR base URL; ``id_``: of this notification (the receiver's idempotency key).
    """
    focus = f"{base}/Bundle/{id_}"
    event = [
        {"name": "event-number", "valueString": str(number)},
        {"name": "timestamp", "valueInstant": fhir.instant(at)},
        {"name": "focus", "valueReference": {"reference": focus}},
    ]
    status = {
        "resourceType": "Parameters",
        "id": f"{id_}-status",
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": f"{base}/{subscription}"}},
            {"name": "topic", "valueCanonical": PAS_TOPIC},
            {"name": "status", "valueCode": "active"},
            {"name": "type", "valueCode": "event-notification"},
            {"name": "notification-event", "part": event},
        ],
    }
    return {
        "resourceType": "Bundle",
        "id": f"{id_}-notice",
        "type": "history",
        "timestamp": fhir.instant(at),
        "entry": [
            {
                "fullUrl": f"{base}/Parameters/{id_}-status",
                "resource": status,
                "request": {"method": "GET", "url": f"{base}/{subscription}/$status"},
                "response": {"status": "200"},
            },
            {
                "fullUrl": focus,
                "resource": {**response, "id": id_},
                "request": {"method": "PUT", "url": f"Bundle/{id_}"},
                "response": {"status": "200"},
            },
        ],
    }
