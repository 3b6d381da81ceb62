"""Who acts, and with what: all that submitting, attaching and deciding need, whatever the channel."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.connections import Connections
from domain.errors import Forbidden
from domain.principal import Principal
from triggers.instances import Instances


@dataclass(frozen=True, slots=True)
class Desk:
    """What a request by HTTP and an event have in common."""

    who: Principal
    to: Connections
    instances: Instances
    accessed: tuple[str, ...] = ()
    """Versions that were read on the way here: the AuditEvent of what is written names them."""
    mark: str | None = None
    """What is acted on and may come again (``domain.events.mark``); ``None`` for a request that is made once."""
    passed_on_by: str | None = None
    """Id of the principal that brings what ``who`` decided elsewhere."""
    dry: bool = False
    """Judge only: write, start and raise nothing."""

    @property
    def organization(self) -> str:
        """The organization that the principal acts for. Raises ``Forbidden('organization')`` without one."""
        if not self.who.organization:
            raise Forbidden("organization", "the principal must belong to an organization")
        return self.who.organization
