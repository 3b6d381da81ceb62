"""What the mirror is connected to, made of its settings."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

import grpc
from pyzeebe import create_insecure_channel, create_secure_channel

import processes
from adapters.camunda.grpc import GrpcCamunda
from adapters.camunda.people import Nobody, People, SearchedPeople
from adapters.camunda.sign_in import Client, Signature, Tokens
from domain.process.model import Model, parse_model
from mirror.deploy import Release
from mirror.settings import MirrorSettings
from processes import decisions

CHANNEL: Final = (("grpc.max_reconnect_backoff_ms", 10_000),)
"""An engine that comes back is found within this time; by itself gRPC would wait up to two minutes."""


def camunda(values: MirrorSettings) -> GrpcCamunda:
    """The engine. Nothing is called yet."""
    tokens = _tokens(values)

    def channel() -> grpc.aio.Channel:
        credentials = _credentials(values, tokens)
        if credentials is None:
            return create_insecure_channel(grpc_address=values.camunda_grpc, channel_options=CHANNEL)
        return create_secure_channel(
            grpc_address=values.camunda_grpc, channel_credentials=credentials, channel_options=CHANNEL
        )

    return GrpcCamunda(channel, tokens.refused) if tokens else GrpcCamunda(channel)


def people(values: MirrorSettings) -> People:
    """Who works in Camunda."""
    if values.camunda_rest is None:
        return Nobody()
    return SearchedPeople(str(values.camunda_rest), _tokens(values), _trusted(values))


def _credentials(values: MirrorSettings, tokens: Tokens | None) -> grpc.ChannelCredentials | None:
    """Of a channel; ``None`` for one without TLS."""
    if not (tokens or values.camunda_tls or values.camunda_ca):
        return None
    roots = values.camunda_ca.read_bytes() if values.camunda_ca else None
    encrypted = grpc.ssl_channel_credentials(root_certificates=roots)
    if tokens is None:
        return encrypted
    return grpc.composite_channel_credentials(encrypted, grpc.metadata_call_credentials(Signature(tokens)))


def _tokens(values: MirrorSettings) -> Tokens | None:
    if not values.camunda_client_id:
        return None
    client = Client(
        id=values.camunda_client_id,
        secret=values.camunda_client_secret.get_secret_value(),
        token_url=str(values.camunda_token_url),
        audience=values.camunda_audience,
    )
    return Tokens(client, _trusted(values))


def _trusted(values: MirrorSettings) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=values.camunda_ca) if values.camunda_ca else None


def releases() -> list[Release]:
    """Every version of every model."""
    return [
        Release(path.parent.name, path.stem, f"{path.parent.name}-{path.stem}.bpmn", path.read_bytes())
        for path in processes.files()
    ]


def models(given: list[Release]) -> dict[tuple[str, str], Model]:
    """By workflow and version."""
    return {(each.process, each.version): parse_model(each.text.decode()) for each in given}


def beside() -> Mapping[str, bytes]:
    """Forms and decisions, which go along with every model."""
    return {path.name: path.read_bytes() for path in processes.forms()} | decisions.resources()
