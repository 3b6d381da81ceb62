"""The AsyncAPI document is valid, complete and up to date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from domain.events.catalog import EVENTS, INCOMING, Topic
from events import asyncapi, spec

HERE = Path(__file__).parent
FOLDER = asyncapi.FILE.parent


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    """The JSON Schema that AsyncAPI publishes for its version 3.0.0."""
    return Draft7Validator(json.loads((HERE / "asyncapi-3.0.0.json").read_text()))


@pytest.fixture
def document() -> Any:
    return yaml.safe_load(asyncapi.FILE.read_text())


def test_the_file_is_up_to_date() -> None:
    assert asyncapi.FILE.read_text() == asyncapi.text()


def test_the_official_schema_takes_it(official: Draft7Validator, document: Any) -> None:
    assert [f"{error.json_path}: {error.message[:200]}" for error in official.iter_errors(document)] == []


def test_the_official_schema_can_refuse(official: Draft7Validator, document: Any) -> None:
    document["channels"][Topic.STEPS]["bindings"]["kafka"]["partitions"] = 0
    document["operations"][f"send-{Topic.STEPS}"]["action"] = "shout"
    assert len(list(official.iter_errors(document))) == 2


def test_every_topic_and_every_event_stands_in_it(document: Any) -> None:
    assert set(document["channels"]) == set(spec.read().topics)
    assert set(document["components"]["messages"]) == {event.name for event in EVENTS}


def test_others_send_what_we_receive(document: Any) -> None:
    received = {
        each["channel"]["$ref"].removeprefix("#/channels/")
        for each in document["operations"].values()
        if each["action"] == "receive"
    }
    assert received == set(INCOMING)


def test_references_lead_somewhere(document: Any) -> None:
    for reference in _references(document):
        if reference.startswith("#/"):
            node = document
            for part in reference.removeprefix("#/").split("/"):
                node = node[part]
        else:
            assert (FOLDER / reference).is_file()


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for each in node for found in _references(each)] if isinstance(node, list) else []
