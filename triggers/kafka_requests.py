"""``prior-authorization.requests``: a portal or a clearing house sends a PAS request. As ``POST /fhir/Claim/$submit``,
but nobody waits for the answer: it is notified."""

from __future__ import annotations

import azure.durable_functions as df

from domain.errors import Rejected
from domain.events.catalog import REQUESTED, Topic
from domain.events.data import Requested
from domain.pas.request import parse
from domain.principal import Role
from triggers.body import limits
from triggers.claim_check import claim, desk_of
from triggers.consumer import consumer
from triggers.deliver import handles
from triggers.event import Event, Kind, Outcome
from triggers.submit import take_in

blueprint = df.Blueprint()
consumer(blueprint, Topic.REQUESTS)


@handles(REQUESTED)
async def requested(event: Event) -> Outcome:
    """Take the request in and start its instance. The clock starts when the broker took the event, however late it is
    read. Raises ``Rejected('updates-unsupported')`` and what ``$submit`` refuses."""
    data: Requested = event.data
    desk = desk_of(event, Role.SUBMITTER, organization=data.organization)
    desk, body = await claim(desk, data.request, f"Organization/{data.organization}")
    request = parse(body, limits(desk.to.settings))
    if request.is_update:
        raise Rejected("updates-unsupported", "updates and cancellations of requests are not taken yet")
    taken = await take_in(desk, request, event.appended)
    return Outcome(Kind.STARTED if taken.started else Kind.EXISTS, taken.record.id)
