"""What ``$submit`` refuses: each with its status, its word, its place and a text that helps."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from domain.errors import Rejected
from tests.support.samples import SAMPLES, identities, request, resource
from tests.support.world import OTHER_SUBMITTER, SUBMITTER, Reply, World, case_of, world

SUBMIT = "/fhir/Claim/$submit"
EXPECTED = {one["case"]: one["expect"] for one in json.loads((SAMPLES / "expected.json").read_text())}
Issue = tuple[str, str, str | None]
"""Word, sentence and place."""


def _issues(reply: Reply) -> list[Issue]:
    """The issues of an answer that is an OperationOutcome."""
    assert reply.headers["Content-Type"].startswith("application/fhir+json")
    assert reply.json["resourceType"] == "OperationOutcome"
    issues = reply.json["issue"]
    assert {issue["severity"] for issue in issues} == {"error"}
    return [
        (each["details"]["coding"][0]["code"], each["details"]["text"], (each.get("expression") or [None])[0])
        for each in issues
    ]


@pytest.mark.parametrize(
    ("body", "issue"),
    [
        (b"{nonsense", ("not-json", "The body is not JSON (line 1, column 2).", None)),
        (b"", ("not-json", "The body is not JSON (line 1, column 1).", None)),
        (b'{"a": "\xff"}', ("not-json", "The body is not JSON in UTF-8.", None)),
        (b'{"resourceType": "Claim"}', ("not-a-bundle", "The body is not a FHIR Bundle.", None)),
        (b"[]", ("not-a-bundle", "The body is not a FHIR Bundle.", None)),
        (b'{"a":' * 50 + b"1" + b"}" * 50, ("depth", "Nest at most 40 levels.", None)),
        (b"[" * 100_000, ("depth", "Nest at most 40 levels.", None)),
    ],
    ids=["no json", "empty", "not utf-8", "a claim", "a list", "too deep", "absurdly deep"],
)
async def test_a_body_that_is_no_bundle(door: World, body: bytes, issue: Issue) -> None:
    reply = await door.send("POST", SUBMIT, body, who=SUBMITTER)
    assert reply.status == (413 if issue[0] == "depth" else 400)
    assert _issues(reply) == [issue]


def _patient_first(bundle: dict[str, Any]) -> None:
    bundle["entry"].sort(key=lambda entry: entry["resource"]["resourceType"] != "Patient")


def _no_claim(bundle: dict[str, Any]) -> None:
    bundle["entry"] = bundle["entry"][1:]


def _no_entries(bundle: dict[str, Any]) -> None:
    bundle["entry"] = []


def _no_patient(bundle: dict[str, Any]) -> None:
    bundle["entry"] = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] != "Patient"]


def _other_use(bundle: dict[str, Any]) -> None:
    resource(bundle, "Claim")["use"] = "claim"


def _endless(bundle: dict[str, Any]) -> None:
    resource(bundle, "Claim")["item"][0]["quantity"]["value"] = 10**400


CLAIM = "Bundle.entry[0].resource"
NO_CLAIM = ("malformed", "The first entry must be a Claim.", CLAIM)
UNRESOLVED = "The reference resolves to no entry of this Bundle; include the resource."


@pytest.mark.parametrize(
    ("spoil", "issue"),
    [
        (_patient_first, NO_CLAIM),
        (_no_claim, NO_CLAIM),
        (_no_entries, ("malformed", "Send at least one entry, a Claim first.", "Bundle.entry")),
        (_no_patient, ("malformed", UNRESOLVED, f"{CLAIM}.patient")),
        (_endless, ("malformed", "Send a number of at most 15 digits.", f"{CLAIM}.item[0].quantity.value")),
        (_other_use, ("malformed", "The use of the Claim must be 'preauthorization'.", f"{CLAIM}.use")),
    ],
)
async def test_a_bundle_that_is_no_request(door: World, spoil: Callable[[dict[str, Any]], None], issue: Issue) -> None:
    bundle = request("approved-at-once")
    spoil(bundle)
    reply = await door.submit(bundle)
    assert reply.status == 400
    assert issue in _issues(reply)
    assert await door.all("Claim") == []


async def test_every_problem_is_told_at_once(door: World) -> None:
    reply = await door.submit(json.loads((SAMPLES / "cases" / "malformed.json").read_text()))
    assert reply.status == 400
    assert sorted(str(place) for _, _, place in _issues(reply)) == EXPECTED["malformed"]["problems"]


async def test_a_body_over_the_limit() -> None:
    async with world(max_body_bytes=20_000) as door:
        reply = await door.submit({**request("approved-at-once"), "padding": "x" * 20_000})
        assert reply.status == 413
        assert [(word, place) for word, _, place in _issues(reply)] == [("body", None)]
        assert "20000 bytes" in _issues(reply)[0][1]
        assert await door.all("Claim") == []


async def test_too_many_entries() -> None:
    async with world(max_entries=5) as door:
        reply = await door.submit(request("approved-at-once"))
        assert reply.status == 413
        assert _issues(reply) == [("entries", "Send at most 5 entries in a Bundle.", None)]


async def test_what_the_fhir_server_refuses_is_told_and_opens_no_case(
    door: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Rejected("fhir-refused", "the FHIR server refuses the content")

    bundle = request("approved-at-once")
    with monkeypatch.context() as server:
        server.setattr(door.fhir, "transaction", refuse)
        reply = await door.submit(bundle)
    assert reply.status == 400
    assert _issues(reply) == [("fhir-refused", "the FHIR server refuses the content", None)]
    assert reply.json["issue"][0]["code"] == "processing"
    assert await door.host.durable.hub.status(case_of(bundle)) is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_a_wrong_method(door: World, method: str) -> None:
    reply = await door.send(method, SUBMIT, who=SUBMITTER)
    assert (reply.status, reply.headers["Allow"]) == (405, "OPTIONS, POST")


@pytest.mark.parametrize("operation", [SUBMIT, "/fhir/Claim/$inquire", "/fhir/$submit-attachment"])
async def test_keys_and_sign_in(door: World, operation: str) -> None:
    bundle = request("approved-at-once")
    assert (await door.send("POST", operation, bundle, who=SUBMITTER, key=None)).status == 401
    assert (await door.send("POST", operation, bundle, who=SUBMITTER, key="wrong")).status == 401
    assert (await door.send("POST", operation, bundle, who="nobody-we-know")).status == 401
    signed_out = await door.send("POST", operation, bundle)
    assert signed_out.status == 401
    text = "sign in, or send the bearer token of a registered client"
    assert _issues(signed_out) == [("signed-out", text, None)]
    for who in ("nurse-rivera", "operator-park", "manager-lind", "auditor-vale"):
        wrong = await door.send("POST", operation, bundle, who=who)
        assert (wrong.status, _issues(wrong)) == (403, [("role", "this needs the role submitter", None)])
    assert await door.all("Claim") == []


async def test_a_principal_header_from_outside_counts_for_nothing(door: World) -> None:
    forged = next(each for each in identities() if each.id == SUBMITTER).headers()
    bundle = request("approved-at-once")
    assert (await door.send("POST", SUBMIT, bundle, headers=forged)).status == 401
    reply = await door.send("POST", SUBMIT, bundle, who=OTHER_SUBMITTER, headers=forged)
    assert reply.status == 200
    assert (await door.record(case_of(bundle, "hillview-supply"))).submitter == "hillview-supply"


async def test_a_submitter_can_overwrite_nothing_of_the_payer(door: World) -> None:
    bundle = request("approved-at-once")
    resource(bundle, "Patient")["name"] = [{"family": "Changed"}]
    text = json.dumps(bundle).replace("Patient/patient", "Patient/member-ash").replace('"patient"', '"member-ash"')
    text = text.replace('"member-ash": {"reference"', '"patient": {"reference"')
    reply = await door.send("POST", SUBMIT, text.encode(), who=SUBMITTER)
    assert reply.status == 200
    assert len(await door.fhir.history("Patient/member-ash")) == 1
    assert (await door.record(case_of(bundle))).patient == "Patient/member-ash"
