"""Camunda 8 by gRPC: its own engine, self-managed, or SaaS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import grpc
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto.gateway_pb2_grpc import GatewayStub

from adapters.camunda.base import Deployed, Job, Message, Variables
from adapters.outage import Outage
from domain.errors import Conflict, Defect, Unavailable

LIVES: Final = 86_400_000
"""Milliseconds for which a message waits for somebody who awaits it, and for which its id is known."""
WORKER: Final = "mirror"
POLL: Final = 2.0
"""Seconds between two looks for jobs that no stream brought: those from before it, and those that came again."""
PAUSE: Final = 1.0
"""Seconds before a stream of jobs is begun anew."""
MOST: Final = 500
"""Jobs a look."""
_AWAY: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
    }
)
_GONE: Final = grpc.StatusCode.NOT_FOUND
_WRONG: Final = grpc.StatusCode.INVALID_ARGUMENT
_ENTER: Final = "activate instructions"
"""In the text of a refused modification: the element that was to be entered is at fault."""
Take = Callable[[Job], None]


class GrpcCamunda:
    """``Camunda`` over a channel that is made when it is first used (gRPC binds it to the running loop)."""

    def __init__(
        self,
        channel: Callable[[], grpc.aio.Channel],
        refused: Callable[[], None] = lambda: None,
        timeout: float = 10.0,
    ) -> None:
        """``refused`` is called when a sign-in is not taken; ``timeout``: seconds that a command may take."""
        self._make, self._refused = channel, refused
        self._timeout = timeout
        self._outage = Outage("Camunda", "Workflows go on; what it shows catches up later.")
        self._channel: grpc.aio.Channel | None = None

    @property
    def _stub(self) -> Any:
        if self._channel is None:
            self._channel = self._make()
        return GatewayStub(self._channel)

    async def deploy(self, resources: Mapping[str, bytes]) -> Sequence[Deployed]:
        """See ``Camunda.deploy``."""
        files = [pb.Resource(name=name, content=content) for name, content in resources.items()]
        try:
            answer = await self._ask("DeployResource", pb.DeployResourceRequest(resources=files), timeout=60.0)
        except _Refused as refusal:
            hint = ": check the files with python -m processes" if refusal.status is _WRONG else ""
            raise Defect("camunda-deployment", refusal.status.name + hint) from None
        found = [each.process for each in answer.deployments if each.HasField("process")]
        return [Deployed(p.bpmnProcessId, p.processDefinitionKey, p.version) for p in found]

    async def publish(self, message: Message) -> bool:
        """See ``Camunda.publish``."""
        request = pb.PublishMessageRequest(
            name=message.name,
            correlationKey=message.correlation,
            messageId=message.id,
            timeToLive=LIVES,
            variables=json.dumps(dict(message.variables)),
        )
        return await self._did("PublishMessage", request, grpc.StatusCode.ALREADY_EXISTS)

    async def complete(self, job: int, variables: Variables) -> bool:
        """See ``Camunda.complete``."""
        request = pb.CompleteJobRequest(jobKey=job, variables=json.dumps(dict(variables)))
        try:
            return await self._did("CompleteJob", request, _GONE)
        except _Precondition:
            raise Conflict("incident", "the job was failed") from None

    async def fail(self, job: int, code: str) -> bool:
        """See ``Camunda.fail``."""
        request = pb.FailJobRequest(jobKey=job, retries=0, errorMessage=code)
        try:
            return await self._did("FailJob", request, _GONE)
        except _Precondition:
            return True  # it was failed before

    async def move(self, instance: int, leave: int, enter: str, variables: Variables) -> bool:
        """See ``Camunda.move``."""
        kind = pb.ModifyProcessInstanceRequest
        setting = [kind.VariableInstruction(variables=json.dumps(dict(variables)))] if variables else []
        request = kind(
            processInstanceKey=instance,
            activateInstructions=[kind.ActivateInstruction(elementId=enter, variableInstructions=setting)],
            terminateInstructions=[kind.TerminateInstruction(elementInstanceKey=leave)],
        )
        return await self._did("ModifyProcessInstance", request, _GONE, _WRONG)

    async def migrate(self, instance: int, definition: int, elements: Sequence[str]) -> None:
        """See ``Camunda.migrate``."""
        kind = pb.MigrateProcessInstanceRequest
        same = [kind.MappingInstruction(sourceElementId=each, targetElementId=each) for each in elements]
        plan = kind.MigrationPlan(targetProcessDefinitionKey=definition, mappingInstructions=same)
        await self._did("MigrateProcessInstance", kind(processInstanceKey=instance, migrationPlan=plan), _GONE)

    async def show(self, instance: int, variables: Variables) -> bool:
        """See ``Camunda.show``."""
        request = pb.SetVariablesRequest(elementInstanceKey=instance, variables=json.dumps(dict(variables)), local=True)
        return await self._did("SetVariables", request, _GONE)

    async def cancel(self, instance: int) -> bool:
        """See ``Camunda.cancel``."""
        request = pb.CancelProcessInstanceRequest(processInstanceKey=instance)
        return await self._did("CancelProcessInstance", request, _GONE)

    async def jobs(self, kinds: Sequence[str], fetch: Sequence[str], seconds: float) -> AsyncGenerator[Job, None]:
        """See ``Camunda.jobs``. Streams bring new jobs at once; looks find the others."""
        found: asyncio.Queue[Job | None] = asyncio.Queue()
        tasks = [
            asyncio.create_task(way(kind, fetch, seconds, found.put_nowait))
            for kind in kinds
            for way in (self._stream, self._look)
        ]
        for task in tasks:
            task.add_done_callback(lambda _: found.put_nowait(None))
        try:
            while (job := await found.get()) is not None:
                yield job
            for task in tasks:
                if task.done():
                    task.result()  # raises what should not have happened
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def aclose(self) -> None:
        """See ``Camunda.aclose``."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    async def _stream(self, kind: str, fetch: Sequence[str], seconds: float, take: Take) -> None:
        request = pb.StreamActivatedJobsRequest(
            type=kind, worker=WORKER, timeout=round(seconds * 1000), fetchVariable=fetch
        )
        while True:
            with suppress(grpc.aio.AioRpcError):
                async for job in self._stub.StreamActivatedJobs(request):
                    take(_job(job))
            await asyncio.sleep(PAUSE)

    async def _look(self, kind: str, fetch: Sequence[str], seconds: float, take: Take) -> None:
        request = pb.ActivateJobsRequest(
            type=kind,
            worker=WORKER,
            timeout=round(seconds * 1000),
            maxJobsToActivate=MOST,
            fetchVariable=fetch,
            requestTimeout=-1,  # answer at once
        )
        while True:
            full = False
            try:
                async for answer in self._stub.ActivateJobs(request, timeout=self._timeout):
                    for job in answer.jobs:
                        take(_job(job))
                    full = full or bool(answer.jobs)
                self._outage.answered()
            except grpc.aio.AioRpcError as error:
                self._away("ActivateJobs", error)
            if not full:
                await asyncio.sleep(POLL)

    async def _did(self, command: str, request: Any, *before: grpc.StatusCode) -> bool:
        """Whether the command changed something; False for the codes that say that it had been done ``before``."""
        try:
            await self._ask(command, request)
        except _Refused as refusal:
            if refusal.status in before and not refusal.no_way_in:
                return False
            kind = _Precondition if refusal.status is grpc.StatusCode.FAILED_PRECONDITION else Defect
            raise kind(f"camunda-{refusal.status.name.lower().replace('_', '-')}", command) from None
        return True

    async def _ask(self, command: str, request: Any, timeout: float | None = None) -> Any:
        call: Callable[..., Awaitable[Any]] = getattr(self._stub, command)
        try:
            answer = await call(request, timeout=timeout or self._timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _AWAY:
                raise _Refused(error.code(), _ENTER in (error.details() or "")) from None
            raise self._away(command, error) from None
        self._outage.answered()
        return answer

    def _away(self, command: str, error: grpc.aio.AioRpcError) -> Unavailable:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            self._refused()
        return self._outage.failed(Unavailable("camunda", f"{command} got {error.code().name}"))


class _Refused(Exception):
    """Camunda said no. Its text is dropped: it may quote variables."""

    def __init__(self, status: grpc.StatusCode, no_way_in: bool) -> None:
        super().__init__(status.name)
        self.status, self.no_way_in = status, no_way_in


class _Precondition(Defect):
    """The thing is there, and in no state for it."""


def _job(job: pb.ActivatedJob) -> Job:
    return Job(
        key=job.key,
        kind=job.type,
        element=job.elementId,
        element_instance=job.elementInstanceKey,
        instance=job.processInstanceKey,
        definition=job.processDefinitionKey,
        variables=json.loads(job.variables or "{}"),
    )
