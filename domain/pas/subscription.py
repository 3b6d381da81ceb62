"""Who wants to be told: a submitter's Subscription to the PAS topic.

http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-subscription (2.2.1): rest-hook, full-resource only.
"""

from __future__ import annotations

from typing import Final

from domain import fhir
from domain.codes import PAS_TOPIC
from domain.json import Resource

FILTER: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria"
_ORGANIZATION: Final = ("org-identifier=", "orgIdentifier=")
"""The IG's text and its example spell the filter differently."""


def subscribes(subscription: Resource, organization: str) -> bool:
    """Whether an active ``subscription`` asks for the requests of ``organization``."""
    filters = [str(each.get("valueString", "")) for each in fhir.extensions(subscription.get("_criteria"), FILTER)]
    wanted = {value for text in filters if text.startswith(_ORGANIZATION) for value in text.split("=", 1)[1].split(",")}
    return subscription.get("status") == "active" and subscription["criteria"] == PAS_TOPIC and organization in wanted
