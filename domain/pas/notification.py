"""R4-backport event notifications of PAS: what a submitter's hook receives.

http://hl7.org/fhir/us/davinci-pas/SubscriptionTopic/PASSubscriptionTopic; rest-hook with the full resource.
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/notifications.html
"""

from __future__ import annotations

from datetime import datetime

from domain import fhir
from domain.codes import PAS_TOPIC
from domain.json import Resource

_FILTER = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria"


def subscribes(subscription: Resource, organization: str) -> bool:
    """Whether the Subscription asks for the answers to ``organization``: its filter names it in ``org-identifier``
    (``orgIdentifier`` in the IG's example), alone or as ``system|value``."""
    for extension in fhir.extensions(subscription.get("_criteria"), _FILTER):
        name, _, values = str(extension.get("valueString", "")).partition("=")
        named = {value.rpartition("|")[2] for value in values.split(",")}
        if name in ("org-identifier", "orgIdentifier") and organization in named:
            return True
    return False


def notification(subscription: Resource, answer: Resource, notice: str, number: int, at: datetime) -> Resource:
    """The Bundle of type ``history``: the status Parameters, then ``answer`` (a PAS response Bundle with an id).

    ``notice``: id of this notification, the receiver's idempotency key; ``number``: the event's number; ``at``: UTC.
    """
    base = answer["entry"][0]["fullUrl"].rsplit("/", 2)[0]
    own, focus = f"{base}/{fhir.name(subscription)}", f"{base}/{fhir.name(answer)}"
    event = [
        {"name": "event-number", "valueString": str(number)},
        {"name": "timestamp", "valueInstant": fhir.instant(at)},
        {"name": "focus", "valueReference": {"reference": focus}},
    ]
    status = {
        "resourceType": "Parameters",
        "id": f"{notice}-status",
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": own}},
            {"name": "topic", "valueCanonical": PAS_TOPIC},
            {"name": "status", "valueCode": "active"},
            {"name": "type", "valueCode": "event-notification"},
            {"name": "notification-event", "part": event},
        ],
    }
    return {
        "resourceType": "Bundle",
        "id": notice,
        "type": "history",
        "timestamp": fhir.instant(at),
        "entry": [
            {
                "fullUrl": f"{base}/{fhir.name(status)}",
                "resource": status,
                "request": {"method": "GET", "url": f"{own}/$status"},
                "response": {"status": "200"},
            },
            {
                "fullUrl": focus,
                "resource": answer,
                "request": {"method": "PUT", "url": fhir.name(answer)},
                "response": {"status": "200"},
            },
        ],
    }
