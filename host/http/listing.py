"""The list of instances: orchestrations by time of creation, then entities by id, page by page.

On Azure an entity is an instance too: the orchestration that keeps it, which is always running (``EntityQuery`` of the
Durable extension is a query of instances whose ids begin with ``@``, by time of creation).
"""

from __future__ import annotations

from typing import Any

from host.entities import ENTITY
from host.http.views import instance_view, scheduler_view
from host.hub import TaskHub
from host.model import EntityPage, EntityQuery, InstanceQuery, Page, Status

View = dict[str, Any]


class InstanceList:
    """Of one hub. A token that begins with ``@`` leads to entities, any other to orchestrations."""

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub

    async def page(self, wanted: InstanceQuery, *, show_input: bool) -> tuple[list[View], str | None]:
        """The page that ``wanted.token`` leads to, and the token of the next; None: it is the last.

        Raises:
            ValueError: The token is none of this list.
        """
        token = wanted.token or ""
        begun = token.startswith(ENTITY)
        instances = Page(()) if begun else await self._hub.query(wanted)
        views = [instance_view(status, show_input) for status in instances.items]
        if instances.token is not None or not _has_entities(wanted):
            return views, instances.token
        room = None if wanted.top is None else wanted.top - len(views)
        entities = await self._entities(wanted, room, token.removeprefix(ENTITY) if begun else "")
        if room == 0:
            return views, ENTITY if entities.items else None
        views += [scheduler_view(entity, show_input) for entity in entities.items]
        return views, None if entities.token is None else f"{ENTITY}{entities.token}"

    async def _entities(self, wanted: InstanceQuery, room: int | None, token: str) -> EntityPage:
        """``room`` 0: whether there are any, by one of them."""
        query = EntityQuery(
            prefix=wanted.prefix,
            updated_from=wanted.created_from,
            updated_to=wanted.created_to,
            top=1 if room == 0 else room,
            token=token or None,
        )
        return await self._hub.list_entities(query)


def _has_entities(wanted: InstanceQuery) -> bool:
    return (not wanted.statuses or Status.RUNNING in wanted.statuses) and (
        not wanted.prefix or wanted.prefix.startswith(ENTITY)
    )
