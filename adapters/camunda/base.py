"""What the mirror asks of Camunda 8. Every command may be sent again after a doubt: the second one changes nothing.

Source: the gateway protocol of Zeebe 8.6 (https://docs.camunda.io/docs/8.6/apis-tools/zeebe-api/gateway-service/).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Variables = Mapping[str, Any]
"""What the mirror lets Camunda see: ids, codes, instants and counts."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job that waits for its worker."""

    key: int
    kind: str
    """Its type."""
    element: str
    """Id of the BPMN element."""
    element_instance: int
    """Key of the element's instance."""
    instance: int
    """Key of the process instance."""
    definition: int
    """Key of the process definition, that is of one version of one process."""
    variables: Variables
    """Those that were asked for, as they were when the job was handed out."""


@dataclass(frozen=True, slots=True)
class Message:
    """Starts a process, or is awaited by one."""

    name: str
    correlation: str
    id: str
    """A second message of this id, name and correlation is not taken, as long as the first one lives."""
    variables: Variables = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployed:
    """One process definition."""

    process: str
    key: int
    version: int
    """Camunda's own count."""


class Camunda(Protocol):
    """The engine. Raises ``Unavailable('camunda')`` when it does not answer or has too much to do, and ``Defect`` when
    it does not understand."""

    async def deploy(self, resources: Mapping[str, bytes]) -> Sequence[Deployed]:
        """Deploy files by name, all or none. Where one has changed since it was deployed last, each process gets a new
        version and key; else all keep theirs. Raises ``Defect('camunda-deployment')`` for what it does not take."""

    async def publish(self, message: Message) -> bool:
        """Whether the message was taken now; else it was before. It waits a day for somebody who awaits it; one that
        starts a process waits while another instance of that process, started with the same correlation, goes on."""

    async def complete(self, job: int, variables: Variables) -> bool:
        """Whether the job was open. Raises ``Conflict('incident')`` for one that was failed. Give no variables with the
        job of a listener: they would be its element's alone."""

    async def fail(self, job: int, code: str) -> bool:
        """Show the job as an incident with ``code``. Whether it was open."""

    async def move(self, instance: int, leave: int, enter: str, variables: Variables) -> bool:
        """Leave the element instance ``leave`` and enter the element ``enter`` at once. False, and nothing happens,
        when ``leave`` is not there any more. Raises ``Defect`` where the process has no element ``enter``."""

    async def migrate(self, instance: int, definition: int, elements: Sequence[str]) -> None:
        """Let the instance, which stands at ``elements`` only, go on as an instance of ``definition``; one that is gone
        stays so. Raises ``Defect`` where it stands elsewhere too."""

    async def show(self, instance: int, variables: Variables) -> bool:
        """Set variables of the instance. Whether it is still there."""

    async def cancel(self, instance: int) -> bool:
        """End the instance. Whether it was there."""

    def jobs(self, kinds: Sequence[str], fetch: Sequence[str], seconds: float) -> AsyncIterator[Job]:
        """Jobs of these types, as they come and as they are, for ever. One that is not ended comes again after
        ``seconds``. Outages are waited out."""

    async def aclose(self) -> None:
        """Let go of the connection."""
