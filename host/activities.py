"""Run a scheduled activity: a function of the app, or the host's own HTTP call."""

from __future__ import annotations

from host.actions import HTTP_ACTIVITY
from host.clock import Clock
from host.errors import UnknownFunction
from host.http_activity import HttpActivity
from host.invocation import FunctionFailed, Invocation, Invoker, new_invocation_id
from host.model import Event, EventKind, Failure
from host.store.base import Activity, ActivityKey, Backlog, Store


class Activities:
    """Runs the activities of one app."""

    def __init__(self, invoker: Invoker, http: HttpActivity, clock: Clock) -> None:
        self._invoker = invoker
        self._http = http
        self._clock = clock

    async def run(self, activity: Activity) -> Event:
        """The event that ends the activity.

        Raises:
            UnknownFunction: No function has its name.
            Exception: It was not run to its end.
        """
        task = activity.key.task
        try:
            if activity.name == HTTP_ACTIVITY:
                text = await self._send(activity)
            else:
                text = await self._invoker.invoke(_invocation(activity, self._declared(activity.name)))
        except FunctionFailed as failed:
            # The words of the extension; two spaces come from how it cuts the worker's message.
            reason = f"Activity function '{activity.name}' failed:  {failed.type}: {failed.text}"
            failure = Failure(failed.type, failed.text, failed.frames)
            return Event(kind=EventKind.TASK_FAILED, at=self._clock.now(), task=task, text=reason, failure=failure)
        return Event(kind=EventKind.TASK_COMPLETED, at=self._clock.now(), task=task, text=text)

    async def _send(self, activity: Activity) -> str:
        """The request belongs to the trace, as those of .NET's ``HttpClient`` on Azure."""
        with self._invoker.telemetry.durable_span(_invocation(activity, HTTP_ACTIVITY)) as traceparent:
            state = {"tracestate": activity.tracestate} if activity.tracestate else {}
            trace = {"traceparent": traceparent} | state
            return await self._http.run(activity.input or "{}", activity.key, trace)

    def _declared(self, name: str) -> str:
        known = self._invoker.known("activity")
        if name.lower() not in known:  # an earlier deployment scheduled it
            raise UnknownFunction("activity", name, known.values())
        return known[name.lower()]


def _invocation(activity: Activity, declared: str) -> Invocation:
    return Invocation(
        kind="activity",
        name=declared,
        body="null" if activity.input is None else activity.input,
        instance_id=activity.key.instance,
        invocation_id=new_invocation_id(),
        traceparent=activity.traceparent,
        tracestate=activity.tracestate,
    )


async def have_ended(backlog: Backlog, store: Store) -> frozenset[ActivityKey]:
    """Those whose results wait in an inbox, as an instance that is suspended or blocked takes none of them yet."""
    instances = {activity.key.instance for activity in backlog.activities}.intersection(backlog.targets)
    inboxes = [(await store.waiting(instance)).messages for instance in instances]
    return frozenset(
        ActivityKey(message.target, message.execution or "", message.event.task)
        for inbox in inboxes
        for message in inbox
        if message.event.kind in (EventKind.TASK_COMPLETED, EventKind.TASK_FAILED)
    )
