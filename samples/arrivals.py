"""Sample cases that come as events: other systems say what happened, the engine takes it from the broker."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from domain.case import tracking_number
from domain.events.catalog import ATTACHMENT, COVERAGE_CHANGED, DECISION_TAKEN, REQUESTED, Topic
from domain.pas.request import parse
from samples.client import Client
from samples.engine import SAMPLES
from samples.outcome import Outcome, check, compare

CHANNEL: Final = "event"
WAITS: Final = {"in-review", "information-requested"}
"""States in which a case may be told something."""
PATIENCE: Final = 60.0
"""Seconds within which an event must show."""


def arrive(client: Client, sample: dict[str, Any]) -> Outcome:
    """Have one sample arrive, and what else its steps tell; tell what came out."""
    outcome = _poison(client, sample) if "content" in sample["event"] else _Request(client, sample).arrive()
    outcome.channel = CHANNEL
    return outcome


def content(sample: dict[str, Any]) -> bytes:
    """The Bundle of a sample: that of its file, by another number where one is given."""
    bundle = json.loads((SAMPLES / str(sample["file"])).read_text())
    if number := sample["event"].get("number"):
        bundle["identifier"]["value"] = bundle["entry"][0]["resource"]["identifier"][0]["value"] = number
    return json.dumps(bundle).encode()


class _Request:
    """A request on its way, with what is told of it later."""

    def __init__(self, client: Client, sample: dict[str, Any]) -> None:
        self._client, self._outside, self._sample = client, client.outside, sample
        self._organization = str(sample["event"]["organization"])
        self._body = content(sample)
        self._request = parse(self._body)
        self._case = self._request.key(self._organization).instance_id()
        self._number = tracking_number(self._case)
        self._steps = {"decision": self._decide, "attachment": self._attach, "coverage": self._change_coverage}

    def arrive(self) -> Outcome:
        """Publish it, take the steps that are owed, compare. The same request by the other door tells how it stands."""
        client, expected = self._client, str(self._sample["expect"]["state"])
        before = client.find(self._case)
        seconds = self._publish(WAITS | {expected})
        for step in self._sample["steps"]:
            if (state := client.case(self._case)["state"]) != expected:
                self._steps[step["event"]](step)
                client.wait(self._case, WAITS - {state} | {expected}, PATIENCE)
        read = self._outside.wait_read(Topic.REQUESTS, PATIENCE)
        answered = replace(client.send(self._sample["as"], "/fhir/Claim/$submit", self._body), seconds=seconds)
        outcome = compare(client, self._sample, answered, answered)
        check(outcome, "case", self._case, answered.case)
        check(outcome, "read by the engine", True, read)
        check(outcome, "cases of its number", 1, client.count(self._number))
        if before:
            check(outcome, "received", before["received"], client.case(self._case)["received"])
        return outcome

    def _publish(self, states: set[str]) -> float:
        """Publish the request; seconds until its case is in one of ``states``."""
        held = self._outside.hold(self._sample["case"], self._body, f"Organization/{self._organization}")
        data = {"organization": self._organization, "request": held}
        source, key = self._sample["event"]["source"], self._request.claim_identifier.value
        begin = time.monotonic()
        self._outside.publish(REQUESTED, source, self._sample["case"], key, data)
        self._client.wait(self._case, states, PATIENCE)
        return time.monotonic() - begin

    def _decide(self, step: Mapping[str, Any]) -> None:
        """A delegated reviewer decides the review that waits."""
        if task := self._client.open_task("nurse-rivera", self._case):
            name = f"Task/{task['id']}"
            held = self._outside.hold(f"{name} decision", json.dumps(step["decision"]).encode(), name)
            self._outside.publish(DECISION_TAKEN, step["source"], name, name, {"task": name, "decision": held})

    def _attach(self, step: Mapping[str, Any]) -> None:
        """The portal sends what its provider was asked for."""
        parameters = json.loads((SAMPLES / str(step["file"])).read_text())
        parameters["parameter"][0]["valueIdentifier"]["value"] = self._number
        body, owner = json.dumps(parameters).encode(), f"Organization/{self._organization}"
        data = {"organization": self._organization, "attachment": self._outside.hold(self._number, body, owner)}
        self._outside.publish(ATTACHMENT, self._sample["event"]["source"], self._number, self._number, data)

    def _change_coverage(self, step: Mapping[str, Any]) -> None:
        """The membership system ends a Coverage."""
        name = step["coverage"]
        coverage = self._outside.read(name)
        self._outside.put({**coverage, "period": {**coverage["period"], "end": step["end"]}})
        self._outside.publish(COVERAGE_CHANGED, step["source"], f"{self._case} {name}", name, {"coverage": name})


def _poison(client: Client, sample: dict[str, Any]) -> Outcome:
    """An event that nobody can take. One letter is enough: on a second run it is there already."""
    event, reason = sample["event"], sample["expect"]["reason"]
    begin = time.monotonic()
    letters = client.letters(Topic.REQUESTS, reason)
    if not letters:
        client.outside.publish(REQUESTED, event["source"], sample["case"], sample["case"], event["content"])
    while not letters and time.monotonic() - begin < PATIENCE:
        time.sleep(0.1)
        letters = client.letters(Topic.REQUESTS, reason)
    seconds = time.monotonic() - begin
    outcome = Outcome(sample["case"], "dead-letter" if letters else "lost", reason, "", seconds, "")
    check(outcome, "dead letter", True, bool(letters))
    return outcome
