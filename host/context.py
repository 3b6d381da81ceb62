"""What a function is given beside its trigger: ``context`` and output parameters, as the Python worker has them."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from host.call import Call
from host.functions import Function

this_thread = threading.local()
"""``context.thread_local_storage``."""


class Context:
    """The ``context`` parameter: https://learn.microsoft.com/python/api/azure-functions/azure.functions.context."""

    def __init__(self, function: Function, call: Call) -> None:
        self._function = function
        self._call = call

    @property
    def invocation_id(self) -> str:
        return self._call.invocation_id

    @property
    def function_name(self) -> str:
        return self._function.name

    @property
    def function_directory(self) -> str:
        return self._function.directory

    @property
    def thread_local_storage(self) -> Any:
        return this_thread

    @property
    def trace_context(self) -> Any:
        parent, state = self._call.traceparent or "", self._call.tracestate or ""
        old_names = {"Traceparent": parent, "Tracestate": state, "Attributes": {}}
        return SimpleNamespace(trace_parent=parent, trace_state=state, attributes={}, **old_names)

    @property
    def retry_context(self) -> Any:
        # ``exception``, as azure.functions declares it, is called otherwise by the worker.
        error = SimpleNamespace(source="", stack_trace="", message="")
        count, limit = self._call.retry_count, self._call.max_retry_count
        return SimpleNamespace(retry_count=count, max_retry_count=limit, rpc_exception=error)


class Out:
    """An output parameter, as ``azure.functions.Out``."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        self._value = val

    def get(self) -> Any:
        return self._value
