"""Who may say what happened: the sources of events that this payer trusts, as its operators list them.

A topic's access list says who may write to it; this list says for which organizations, and in which role, each speaks.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from domain.codes import ENGINE
from domain.errors import Forbidden
from domain.principal import Principal, Role


def engine(organization: str) -> str:
    """CloudEvents ``source`` of what the engine says of cases; ``organization``: the payer's."""
    return ENGINE + organization


class Source(BaseModel):
    """One system that writes events, named by their ``source``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: frozenset[Role] = frozenset()
    organizations: tuple[str, ...] = ()
    """For which Organizations it may submit: one for a portal, many for a clearing house."""
    npi: str | None = None
    """By whom its adverse decisions are named; without it, it takes none."""
    specialty: str | None = None
    """NUCC provider taxonomy code of that person."""

    def principal(self, source: str, organization: str | None = None) -> Principal:
        """The principal that acts in an event of this source. Raises ``Forbidden('organization')`` for an organization
        that it may not speak for."""
        if organization is not None and organization not in self.organizations:
            raise Forbidden("organization", "the source of the event may not speak for this organization")
        return Principal(id=source, roles=self.roles, organization=organization, npi=self.npi, specialty=self.specialty)
