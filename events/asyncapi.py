"""The AsyncAPI 3.0 document: what may be sent to the engine, and what it tells, made of the catalog and the topics.

https://www.asyncapi.com/docs/reference/specification/v3.0.0, with Kafka's bindings 0.5.0
(https://github.com/asyncapi/bindings/tree/master/kafka).
"""

from __future__ import annotations

import argparse
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

import yaml

from domain.events.catalog import EVENTS, INCOMING, EventType
from events import spec
from events.connection import LOCAL_REGISTRY
from events.local import LOCAL_BROKERS
from events.spec import Catalog, TopicSpec

FILE: Final = Path(__file__).parent / "asyncapi.yaml"
_BINDING: Final = {"bindingVersion": "0.5.0"}
_CLOUD_EVENT: Final = {
    "ce_specversion": "1.0.",
    "ce_id": "With ce_source it names the event, over all its copies.",
    "ce_source": "Who says it: the engine takes those alone that its operators listed.",
    "ce_type": "What happened.",
    "ce_time": "When, in RFC 3339.",
    "ce_subject": "What it is about.",
    "ce_dataschema": "The version of the schema that the data was written with.",
    "ce_traceparent": "W3C trace context.",
    "content-type": "application/json.",
}
_REQUIRED: Final = ["ce_specversion", "ce_id", "ce_source", "ce_type"]


def arguments(_: argparse.ArgumentParser) -> None:
    """What the verb ``asyncapi`` takes: nothing."""


def run(_: argparse.Namespace) -> int:
    """write asyncapi.yaml"""
    FILE.write_text(text())
    print(f"wrote {FILE.relative_to(FILE.parent.parent)}")
    return 0


def text() -> str:
    """The document as YAML."""
    return "# Made by `python -m events asyncapi`.\n" + yaml.safe_dump(
        document(spec.read()), sort_keys=False, allow_unicode=True, width=120
    )


def document(topics: Catalog) -> dict[str, Any]:
    """The document, for topics that are kept so."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Workflow Orchestration Engine: events",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in Kafka's binary mode: attributes in headers, JSON in the value. Data are "
            "references and codes; what they name is read from the FHIR server.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {name: _channel(name, kept, topics) for name, kept in topics.topics.items()},
        "operations": {_operation(name): _what_we_do(name) for name in topics.topics},
        "components": {
            "messages": {event.name: _message(event) for event in EVENTS},
            "messageTraits": {"cloudEvent": _trait()},
            "securitySchemes": {"sasl": {"type": "plain", "description": "SASL over TLS."}},
        },
    }


def _servers() -> dict[str, Any]:
    registry = {"schemaRegistryUrl": LOCAL_REGISTRY, "schemaRegistryVendor": "apicurio", **_BINDING}
    return {
        "local": {
            "host": LOCAL_BROKERS,
            "protocol": "kafka",
            "description": "The local stack.",
            "bindings": {"kafka": registry},
        },
        "cloud": {
            "host": "{brokers}",
            "protocol": "kafka-secure",
            "description": "Event Hubs' Kafka endpoint, or Confluent Cloud.",
            "variables": {"brokers": {"description": "host:port", "examples": ["name.servicebus.windows.net:9093"]}},
            "security": [{"$ref": "#/components/securitySchemes/sasl"}],
        },
    }


def _channel(name: str, kept: TopicSpec, topics: Catalog) -> dict[str, Any]:
    configs = topics.wanted(name, replication=1)
    return {
        "address": name,
        "description": f"{kept.about} Written by: {kept.owner}. Keyed by {kept.key}.{_tombstones(kept)}",
        "messages": {
            event.name: {"$ref": f"#/components/messages/{event.name}"}
            for event in EVENTS
            if fnmatch(name, event.topic)
        },
        "bindings": {
            "kafka": {
                "topic": name,
                "partitions": kept.partitions,
                "topicConfiguration": {
                    "cleanup.policy": kept.cleanup.split(","),
                    "retention.ms": int(configs["retention.ms"]),
                    "max.message.bytes": int(configs["max.message.bytes"]),
                },
                **_BINDING,
            }
        },
    }


def _tombstones(kept: TopicSpec) -> str:
    return " A record without a value closes its key." if "compact" in kept.cleanup else ""


def _operation(name: str) -> str:
    return f"{'receive' if name in INCOMING else 'send'}-{name}"


def _what_we_do(name: str) -> dict[str, Any]:
    """From the engine's point of view, as AsyncAPI has it."""
    if name not in INCOMING:
        return {"action": "send", "channel": _channel_ref(name)}
    group = {"type": "string", "default": "workflow-engine"}
    return {
        "action": "receive",
        "channel": _channel_ref(name),
        "bindings": {"kafka": {"groupId": group, **_BINDING}},
    }


def _channel_ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{name}"}


def _message(event: EventType) -> dict[str, Any]:
    return {
        "name": event.name,
        "title": event.data.__name__,
        "summary": event.about,
        "headers": {
            "type": "object",
            "properties": {"ce_type": {"const": event.name}, "ce_dataschema": {"examples": [event.schema]}},
        },
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-07",
            "schema": {"$ref": f"./schemas/{event.name}/{event.version}.json"},
        },
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
    }


def _trait() -> dict[str, Any]:
    headers = {name: {"type": "string", "description": about} for name, about in _CLOUD_EVENT.items()}
    return {
        "contentType": "application/json",
        "headers": {"type": "object", "required": _REQUIRED, "properties": headers},
        "bindings": {"kafka": {"key": {"type": "string", "description": "See the channel."}, **_BINDING}},
    }
