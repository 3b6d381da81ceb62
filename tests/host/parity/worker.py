"""The language worker of Azure in this process: azure-functions-runtime, spoken to as the Functions host does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure_functions_runtime import handle_event
from azure_functions_runtime.utils.threadpool import start_threadpool_executor, stop_threadpool_executor

from host.call import Call, HttpRequest
from host.functions import Function, Kind
from host.message import Message, Value
from tests.host.parity.answers import Answered, Cookie, Http
from tests.host.parity.rpc import messages


class Worker:
    """One app in the worker library. ``metadata``: what it told of each function, by name."""

    def __init__(self, protos: Any, metadata: Mapping[str, Any]) -> None:
        self._protos = protos
        self.metadata = metadata

    def info(self, name: str) -> Any:
        """``FunctionInfo`` of the library."""
        return handle_event._functions.get_function(self.metadata[name].function_id)

    async def invoke(self, function: Function, call: Call) -> Answered:
        """One invocation, as the host's own ``Call`` has it."""
        protos = self._protos
        inputs = [protos.ParameterBinding(name=function.trigger_param, data=self._data(function, call))]
        client = protos.TypedData(string=call.client)
        inputs += [protos.ParameterBinding(name=name, data=client) for name in function.client_params]
        metadata = call.body.metadata if isinstance(call.body, Message) else {}
        request = protos.InvocationRequest(
            invocation_id=call.invocation_id,
            function_id=self.metadata[function.name].function_id,
            input_data=inputs,
            trigger_metadata={name: self._value(value) for name, value in metadata.items()},
            trace_context=protos.RpcTraceContext(trace_parent=call.traceparent, trace_state=call.tracestate),
            retry_context=protos.RetryContext(retry_count=call.retry_count, max_retry_count=call.max_retry_count),
        )
        response = await handle_event.invocation_request(_request(invocation_request=request))
        assert response.invocation_id == call.invocation_id
        if response.result.status != protos.StatusResult.Success:
            return Answered(None, {}, response.result.exception.message)
        return self._answered(function, response)

    def _data(self, function: Function, call: Call) -> Any:
        if isinstance(call.body, Message):
            return self._value(call.body.data)
        if isinstance(call.body, HttpRequest):
            return self._protos.TypedData(http=self._http(call.body))
        kind = "string" if function.kind is Kind.ORCHESTRATION else "json"
        return self._protos.TypedData(**{kind: call.body})

    def _http(self, request: HttpRequest) -> Any:
        body = self._protos.TypedData(bytes=request.body)
        return self._protos.RpcHttp(
            method=request.method,
            url=request.url,
            headers=request.headers,
            query=request.query,
            params=request.params,
            body=body if request.body else None,
        )

    def _value(self, value: Value | None) -> Any:
        if value is None:
            return self._protos.TypedData()
        kind: str = value.type
        if kind.startswith("collection_"):
            return self._protos.TypedData(**{kind: {kind.removeprefix("collection_"): value.value}})
        return self._protos.TypedData(**{kind: value.value})

    def _answered(self, function: Function, response: Any) -> Answered:
        outputs = {each.name: each.data for each in response.output_data}
        answers = [response.return_value] if response.HasField("return_value") else []
        answers += [data for name, data in outputs.items() if function.outputs[name].binding == "http"]
        sent = {name: _plain(data) for name, data in outputs.items() if function.outputs[name].binding != "http"}
        if "$return" in function.event_hub_outputs and answers:
            sent["$return"] = _plain(answers[0])
        if function.kind is Kind.HTTP:
            return Answered(_http(answers[0]) if answers else Http(204, {}, [], b""), sent)
        return Answered(_plain(answers[0]) if answers else "null", sent)


def _request(**content: Any) -> Any:
    return SimpleNamespace(request=SimpleNamespace(**content), properties={})


def _plain(data: Any) -> Any:
    kind = data.WhichOneof("data")
    return getattr(data, kind) if kind else None


def _http(data: Any) -> Http:
    """What the Functions host answers. A bare text is ``text/plain``."""
    if data.WhichOneof("data") == "string":
        return Http(200, {"content-type": "text/plain; charset=utf-8"}, [], data.string.encode())
    http = data.http
    headers = {name.lower(): value for name, value in http.headers.items()}
    return Http(int(http.status_code), headers, [_cookie(each) for each in http.cookies], http.body.bytes)


def _cookie(cookie: Any) -> Cookie:
    return Cookie(
        cookie.name,
        cookie.value,
        cookie.domain.value,
        cookie.path.value,
        cookie.expires.value.seconds if cookie.HasField("expires") else None,
        cookie.max_age.value if cookie.HasField("max_age") else None,
        cookie.secure.value,
        cookie.http_only.value,
        ("", "Lax", "Strict", "None")[cookie.same_site],
    )


@contextmanager
def worker(directory: Path, script: str) -> Iterator[Worker]:
    """The library with the app of ``directory`` loaded, whose module is taken from there anew."""
    protos = messages()
    module = Path(script).stem
    sys.modules.pop(module, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHON_SCRIPT_FILE_NAME", script)
        patch.syspath_prepend(str(directory))
        start_threadpool_executor()
        try:
            yield Worker(protos, asyncio.run(_load(protos, directory)))
        finally:
            stop_threadpool_executor()
            sys.modules.pop(module, None)


async def _load(protos: Any, directory: Path) -> dict[str, Any]:
    init = protos.WorkerInitRequest(host_version="4.0", function_app_directory=str(directory))
    request = _request(worker_init_request=init)
    request.properties = {"host": "127.0.0.1", "protos": protos}
    started = await handle_event.worker_init_request(request)
    assert started.result.status == protos.StatusResult.Success, started.result.exception.message
    listed = await handle_event.functions_metadata_request(_request())
    for each in listed.function_metadata_results:
        load = protos.FunctionLoadRequest(function_id=each.function_id, metadata=each)
        loaded = await handle_event.function_load_request(_request(function_load_request=load))
        assert loaded.result.status == protos.StatusResult.Success
    return {each.name: each for each in listed.function_metadata_results}
