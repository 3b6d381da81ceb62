"""``prior-authorization.attachments``: what a provider was asked for comes in. As ``POST /fhir/$submit-attachment``."""

from __future__ import annotations

import azure.durable_functions as df

from domain.events.catalog import ATTACHMENT, Topic
from domain.events.data import AttachmentReceived
from domain.principal import Role
from triggers.attach import inform
from triggers.body import read_json
from triggers.claim_check import claim, desk_of, once
from triggers.consumer import consumer
from triggers.deliver import handles
from triggers.event import Event, Outcome

blueprint = df.Blueprint()
consumer(blueprint, Topic.ATTACHMENTS)


@handles(ATTACHMENT)
async def attachment_received(event: Event) -> Outcome:
    """Store the attachments and let the case go on. Where nothing is asked: ``Conflict('nothing-asked')``."""
    data: AttachmentReceived = event.data
    desk = desk_of(event, Role.SUBMITTER, organization=data.organization)

    async def act() -> str:
        reader, body = await claim(desk, data.attachment, f"Organization/{data.organization}")
        return await inform(reader, read_json(body, desk.to.settings))

    return await once(desk, act)
