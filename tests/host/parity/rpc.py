"""The messages between a Functions host and its language worker, as protobuf classes: types are checked as on Azure.

Names and types are those of ``FunctionRpc.proto``
(https://github.com/Azure/azure-functions-language-worker-protobuf), of which this is what invocations need. Nothing is
sent, so the numbers of fields are this module's own.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2, message_factory, timestamp_pb2

PACKAGE: Final = "parity"
DURATION: Final = "google.protobuf.Duration"
MESSAGES: Final[dict[str, str]] = {
    "TypedData": "string string, string json, bytes bytes, RpcHttp http, sint64 int, double double, "
    "CollectionBytes collection_bytes, CollectionString collection_string, CollectionSInt64 collection_sint64",
    "CollectionBytes": "bytes* bytes",
    "CollectionString": "string* string",
    "CollectionSInt64": "sint64* sint64",
    "NullableString": "string value",
    "NullableBool": "bool value",
    "NullableDouble": "double value",
    "NullableTimestamp": "google.protobuf.Timestamp value",
    "RpcHttpCookie": "string name, string value, NullableString domain, NullableString path, "
    "NullableTimestamp expires, NullableBool secure, NullableBool http_only, SameSite same_site, "
    "NullableDouble max_age",
    "RpcHttp": "string method, string url, map headers, TypedData body, map params, string status_code, map query, "
    "bool enable_content_negotiation, RpcHttpCookie* cookies",
    "ParameterBinding": "string name, TypedData data",
    "RpcException": "string source, string stack_trace, string message",
    "RpcTraceContext": "string trace_parent, string trace_state, map attributes",
    "RetryContext": "int32 retry_count, int32 max_retry_count, RpcException exception",
    "InvocationRequest": "string invocation_id, string function_id, ParameterBinding* input_data, "
    "datamap trigger_metadata, RpcTraceContext trace_context, RetryContext retry_context",
    "InvocationResponse": "string invocation_id, ParameterBinding* output_data, TypedData return_value, "
    "StatusResult result",
    "StatusResult": "Status status, string result, RpcException exception",
    "BindingInfo": "string type, Direction direction, DataType data_type",
    "RpcRetryOptions": f"int32 max_retry_count, {DURATION} delay_interval, {DURATION} minimum_interval, "
    f"{DURATION} maximum_interval, RetryStrategy retry_strategy",
    "RpcFunctionMetadata": "string name, string function_id, bool managed_dependency_enabled, string directory, "
    "string script_file, string entry_point, bool is_proxy, string language, bindingmap bindings, "
    "string* raw_bindings, RpcRetryOptions retry_options, map properties",
    "FunctionLoadRequest": "string function_id, RpcFunctionMetadata metadata",
    "FunctionLoadResponse": "string function_id, StatusResult result",
    "FunctionMetadataResponse": "bool use_default_metadata_indexing, "
    "RpcFunctionMetadata* function_metadata_results, StatusResult result",
    "WorkerMetadata": "string runtime_name, string runtime_version, string worker_version, string worker_bitness, "
    "map custom_properties",
    "WorkerInitRequest": "string host_version, map capabilities, string function_app_directory",
    "WorkerInitResponse": "map capabilities, WorkerMetadata worker_metadata, StatusResult result",
}
"""Fields by message: ``type name``. ``*``: repeated. ``map``: of strings; ``datamap``, ``bindingmap``: of messages."""
ENUMS: Final = {
    "RpcHttpCookie": ("SameSite", ("None", "Lax", "Strict", "ExplicitNone")),
    "StatusResult": ("Status", ("Failure", "Success", "Cancelled")),
    "RpcRetryOptions": ("RetryStrategy", ("exponential_backoff", "fixed_delay")),
}
BINDING_ENUMS: Final = (
    ("Direction", ("in", "out", "inout")),
    ("DataType", ("undefined", "string", "binary", "stream")),
)
ONE_OF: Final = {"TypedData": "data", "ParameterBinding": "rpc_data"}
"""Messages with one set of alternatives: all fields but ``name`` are."""
_MAPS: Final = {"map": "string", "datamap": "TypedData", "bindingmap": "BindingInfo"}
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "sint64": _Field.TYPE_SINT64,
    "int32": _Field.TYPE_INT32,
    "double": _Field.TYPE_DOUBLE,
    "bool": _Field.TYPE_BOOL,
}


def messages() -> Any:
    """An object with each message class by its name, as the worker library is given them (``protos``)."""
    file = descriptor_pb2.FileDescriptorProto(name="parity.proto", package=PACKAGE, syntax="proto3")
    file.dependency.extend([duration_pb2.DESCRIPTOR.name, timestamp_pb2.DESCRIPTOR.name])
    for name, fields in MESSAGES.items():
        _define(file.message_type.add(name=name), fields)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    found = {name: pool.FindMessageTypeByName(f"{PACKAGE}.{name}") for name in MESSAGES}
    return SimpleNamespace(**{name: message_factory.GetMessageClass(each) for name, each in found.items()})


def _define(message: descriptor_pb2.DescriptorProto, fields: str) -> None:
    enums = BINDING_ENUMS if message.name == "BindingInfo" else tuple(filter(None, (ENUMS.get(message.name),)))
    for name, values in enums:
        enum = message.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    if message.name in ONE_OF:
        message.oneof_decl.add(name=ONE_OF[message.name])
    for number, field in enumerate(fields.split(", "), 1):
        kind, name = field.split(" ")
        repeated = kind.endswith("*") or kind in _MAPS
        made = message.field.add(
            name=name, number=number, label=_Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
        )
        _set_type(message, made, kind.rstrip("*"))
        if message.name in ONE_OF and name != "name":
            made.oneof_index = 0


def _set_type(message: descriptor_pb2.DescriptorProto, field: Any, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    elif kind in _MAPS:
        entry = message.nested_type.add(name=f"{field.name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _define(entry, f"string key, {_MAPS[kind]} value")
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{PACKAGE}.{message.name}.{entry.name}"
    elif any(kind == enum.name for enum in message.enum_type):
        field.type, field.type_name = _Field.TYPE_ENUM, f".{PACKAGE}.{message.name}.{kind}"
    else:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{kind}" if kind.startswith("google.") else f".{PACKAGE}.{kind}"
