"""What the mirror is connected to, made of its settings."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
import requests
from pyzeebe import (
    create_insecure_channel,
    create_oauth2_client_credentials_channel,
    create_secure_channel,
)

import processes
from adapters.camunda.grpc import GrpcCamunda
from adapters.camunda.people import Nobody, People, SearchedPeople, signed_in
from domain.process.model import Model, parse_model
from mirror.deploy import Release
from mirror.settings import MirrorSettings
from processes import decisions


def camunda(values: MirrorSettings) -> GrpcCamunda:
    """The engine. Nothing is called yet."""

    def channel() -> grpc.aio.Channel:
        if values.camunda_client_id:
            return create_oauth2_client_credentials_channel(
                grpc_address=values.camunda_grpc,
                client_id=values.camunda_client_id,
                client_secret=values.camunda_client_secret.get_secret_value(),
                authorization_server=values.camunda_token_url,
                audience=values.camunda_audience,
            )
        if values.camunda_tls:
            return create_secure_channel(grpc_address=values.camunda_grpc)
        return create_insecure_channel(grpc_address=values.camunda_grpc)

    return GrpcCamunda(channel)


def people(values: MirrorSettings) -> People:
    """Who works in Camunda."""
    if values.camunda_rest is None:
        return Nobody()
    session = (
        signed_in(
            values.camunda_client_id,
            values.camunda_client_secret.get_secret_value(),
            values.camunda_token_url,
            values.camunda_audience,
        )
        if values.camunda_client_id
        else requests.Session()
    )
    session.trust_env = False
    return SearchedPeople(str(values.camunda_rest), session)


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
