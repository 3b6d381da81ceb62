"""The reviewers' pages: what they show, what they refuse, who is told about it."""

from __future__ import annotations

import base64
import hashlib
import html
import logging
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from adapters.fhir.base import Entry
from domain.cases import CaseState
from domain.errors import Unavailable
from domain.review import decision_kind, owner
from tests.support.samples import attachment, request, resource
from tests.support.world import (
    AUDITOR,
    DIRECTOR,
    NURSE,
    OTHER_DIRECTOR,
    SUBMITTER,
    Reply,
    World,
    case_of,
    world,
)
from triggers.instances import Instances
from triggers.pages import words

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
ADVERSE = {"confirmed": "yes", "reason": "criteria-not-met"}


@pytest.fixture
async def site() -> AsyncIterator[World]:
    async with world() as running:
        yield running


async def _waiting(site: World, name: str = "denied-by-medical-director", **changes: Any) -> tuple[str, str]:
    """A case that waits for a reviewer, and its review."""
    bundle = request(name, **changes)
    await site.submit(bundle)
    await site.settle()
    case = case_of(bundle)
    return case, await site.task(case)


async def _get(site: World, path: str, who: str = DIRECTOR) -> Reply:
    return await site.send("GET", path, who=who, key=None)


async def _post(
    site: World, path: str, fields: Mapping[str, Any] | None = None, who: str = DIRECTOR, headers: Any = OWN_PAGE
) -> Reply:
    body = urlencode(fields or {}, doseq=True).encode()
    reply = await site.send("POST", path, body, who=who, key=None, headers=headers)
    await site.settle()
    return reply


def _text(reply: Reply) -> str:
    """What a person reads, on one line."""
    body = re.sub(r"<style>.*?</style>", "", reply.text, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


async def test_who_is_signed_out_signs_in_and_comes_back(site: World) -> None:
    reply = await site.send("GET", "/review/abc")
    assert (reply.status, reply.headers["Location"]) == (302, "/.auth/login/dev?post_login_redirect_uri=/review/abc")
    sent = await site.send("POST", "/review/abc/claim", b"", headers=OWN_PAGE)
    assert (sent.status, "Sign in first" in _text(sent)) == (401, True)


@pytest.mark.parametrize("who", [SUBMITTER, AUDITOR])
async def test_only_reviewers_see_clinical_data(site: World, who: str) -> None:
    _, review = await _waiting(site)
    for path in ("/review", f"/review/{review}"):
        reply = await _get(site, path, who)
        assert (reply.status, "Cedar" in reply.text) == (403, False)
        assert "needs the role reviewer" in _text(reply)


async def test_pages_load_nothing_and_are_not_kept(site: World) -> None:
    reply = await _get(site, "/review")
    (style,) = re.findall(r"<style>(.*?)</style>", reply.text, flags=re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = reply.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "frame-ancestors 'none'" in policy
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "same-origin"
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_the_queue_shows_the_least_time_first(site: World) -> None:
    await _waiting(site, number="slow")
    await _waiting(site, number="fast", priority="stat")
    text = _text(await _get(site, "/review"))
    assert re.search(r"3 d 0 h left .* Sample Cedar-Sample born 1949-11-23 K0823 Expedited Waiting nobody yet", text)
    assert text.index("3 d 0 h left") < text.index("7 d 13 h left")


async def test_the_queue_is_filtered_and_paged(site: World) -> None:
    for number in ("a", "b", "c"):
        await _waiting(site, number=number)
    assert "No case is here." in _text(await _get(site, "/review?queue=appeals"))
    assert "No case is here." in _text(await _get(site, "/review?status=completed&queue="))
    first = await _get(site, "/review?queue=clinical-review&count=2")
    assert first.text.count('scope="row"') == 2
    (following,) = re.findall(r'href="(/review\?[^"]+)" rel="next"', first.text)
    second = await _get(site, html.unescape(following))
    assert second.text.count('scope="row"') == 1
    assert 'href="/review?queue=clinical-review">First page' in second.text


@pytest.mark.parametrize("query", ["status=sleeping", "member=M1000003", "page=forged", "count=0"])
async def test_the_queue_refuses_what_it_does_not_know(site: World, query: str) -> None:
    reply = await _get(site, f"/review?{query}")
    assert (reply.status, 'role="alert"' in reply.text) == (400, True)


async def test_a_case_says_why_it_is_here_and_shows_its_evidence(site: World) -> None:
    _, review = await _waiting(site)
    reply = await _get(site, f"/review/{review}")
    text = _text(reply)
    assert (
        "Sample Cedar-Sample 7 d 13 h left Born 1949-11-23 Member id M1000003 Provider Lakeside Sample Clinic" in text
    )
    assert words.REASONS["criterion-unmet"] in text
    assert "Item 1: K0823 Quantity 1 Service date 2026-12-01 Diagnoses G20.A1" in text
    assert "Not met A criterion of the test. MN-K0823-3 Manual wheelchair sufficient: Yes" in text
    assert "Mobility examination: Yes Questionnaire answers, 2026-11-05" in text
    assert "Deadline Mon 30 Nov 2026, 23:59 EST" in text


async def test_a_measured_value_has_its_unit_and_date(site: World) -> None:
    bundle = request("approved-expedited")
    resource(bundle, "Observation")["valueQuantity"]["value"] = 93.5
    await site.submit(bundle)
    await site.settle()
    text = _text(await _get(site, f"/review/{await site.task(case_of(bundle))}"))
    assert "Not met A criterion of the test. MN-E1390-2 59408-5: 93.5 % Observation, 2026-11-19" in text


async def test_words_of_a_submitter_are_never_markup(site: World) -> None:
    bundle = request("denied-by-medical-director")
    words_ = base64.b64encode(b"He said <b>stop</b>.").decode()
    document = {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "description": "<script>alert(1)</script>",
        "content": [
            {"attachment": {"contentType": "text/plain", "data": words_, "title": "Letter"}},
            {"attachment": {"contentType": "text/html", "data": words_, "title": "Page"}},
        ],
    }
    bundle["entry"].append(
        {"fullUrl": "http://lakeside.example.org/fhir/DocumentReference/letter", "resource": document}
    )
    await site.submit(bundle)
    await site.settle()
    review = await site.task(case_of(bundle))
    reply = await _get(site, f"/review/{review}")
    assert "<script" not in reply.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in reply.text
    assert "Letter (text/plain) Download Letter He said <b>stop</b>." in _text(reply)
    for number, kind in ((0, "text/plain"), (1, "application/octet-stream")):
        file = await _get(site, f"/review/{review}/documents/{number}")
        assert (file.status, file.text) == (200, "He said <b>stop</b>.")
        assert file.headers["Content-Type"].startswith(kind)
        assert file.headers["Content-Disposition"] == f'attachment; filename="document-{number}"'
        assert file.headers["Content-Security-Policy"] == "sandbox"
    for absent in ("2", "-1", "x", "²"):
        assert (await _get(site, f"/review/{review}/documents/{absent}")).status == 404
    assert (await _get(site, f"/review/{review}/documents/0", SUBMITTER)).status == 403


async def test_whoever_looks_is_audited_and_nothing_is_logged(site: World, caplog: pytest.LogCaptureFixture) -> None:
    _, review = await _waiting(site)
    before = {each["id"] for each in await site.all("AuditEvent")}
    with caplog.at_level(logging.DEBUG):
        await _get(site, f"/review/{review}", NURSE)
        await _get(site, "/review", NURSE)
    case_view, queue_view = sorted(
        (each for each in await site.all("AuditEvent") if each["id"] not in before),
        key=lambda each: -len(each["entity"]),
    )
    for event, wanted in (
        (case_view, {"Patient", "Claim", "QuestionnaireResponse"}),
        (queue_view, {"Patient", "Claim"}),
    ):
        read = {each["what"]["reference"].split("/")[0] for each in event["entity"] if "reference" in each["what"]}
        assert wanted <= read
        assert event["action"] == "R"
        assert event["agent"][0]["who"]["identifier"]["value"] == NURSE
    assert "Cedar" not in caplog.text


async def test_a_claimed_case_is_mine_and_no_longer_anybody_elses(site: World) -> None:
    _, review = await _waiting(site)
    claimed = await _post(site, f"/review/{review}/claim", who=NURSE)
    assert (claimed.status, claimed.headers["Location"]) == (303, f"/review/{review}?done=claim#content")
    assert "You have claimed this case." in _text(await _get(site, f"/review/{review}?done=claim", NURSE))
    assert "In review you" in _text(await _get(site, "/review", NURSE))
    other = await _get(site, f"/review/{review}", DIRECTOR)
    assert "nurse-rivera has claimed this case." in _text(other)
    assert "<form" not in other.text
    for path, fields in (("claim", {}), ("decision", {"decision": "approve", "confirmed": "yes"})):
        refused = await _post(site, f"/review/{review}/{path}", fields, DIRECTOR)
        assert (refused.status, "Another reviewer has claimed this task." in _text(refused)) == (409, True)
    assert owner(await site.fhir.read(f"Task/{review}")) == NURSE


@pytest.mark.parametrize(
    ("name", "who", "fields", "state"),
    [
        ("denied-by-medical-director", NURSE, {"decision": "approve", "confirmed": "yes"}, CaseState.APPROVED),
        ("denied-by-medical-director", DIRECTOR, {"decision": "deny", **ADVERSE}, CaseState.DENIED),
        (
            "modified-by-medical-director",
            DIRECTOR,
            {"decision": "modify", "item-1-quantity": "3", **ADVERSE},
            CaseState.MODIFIED,
        ),
        (
            "pended-then-approved",
            NURSE,
            {"decision": "request-information", "other": "11506-3, 59408-5"},
            CaseState.INFORMATION_REQUESTED,
        ),
    ],
)
async def test_each_decision_is_recorded(
    site: World, name: str, who: str, fields: dict[str, str], state: CaseState
) -> None:
    case, review = await _waiting(site, name)
    reply = await _post(site, f"/review/{review}/decision", {"note": "", **fields}, who)
    assert (reply.status, reply.headers["Location"]) == (303, f"/review/{review}?done={fields['decision']}#content")
    assert (await site.record(case)).state == state
    page = _text(await _get(site, reply.headers["Location"], who))
    assert words.DONE[fields["decision"]] in page
    assert "This review is finished." in page


async def test_items_of_one_request_may_be_decided_differently(site: World) -> None:
    bundle = request("modified-by-medical-director")
    items = resource(bundle, "Claim")["item"]
    items += [{**items[0], "sequence": 2}, {**items[0], "sequence": 3}]
    await site.submit(bundle)
    await site.settle()
    case = case_of(bundle)
    fields = {"decision": "modify", "item-1-quantity": "3", "item-2-decision": "approve", "item-3-decision": "deny"}
    reply = await _post(site, f"/review/{await site.task(case)}/decision", {**fields, **ADVERSE})
    assert reply.status == 303
    codes = [item["adjudication"][0]["extension"][0]["extension"] for item in (await site.response(case))["item"]]
    actions = [part["valueCodeableConcept"]["coding"][0]["code"] for parts in codes for part in parts
               if part["url"].endswith("reviewActionCode")]  # fmt: skip
    assert actions == ["A6", "A1", "A3"]


async def test_a_decision_stands_when_the_instance_is_told_later(site: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(*_: Any) -> None:
        raise Unavailable("durable", "the task hub did not take the event")

    _, review = await _waiting(site)
    monkeypatch.setattr(Instances, "raise_event", lost)
    reply = await _post(site, f"/review/{review}/decision", {"decision": "approve", "confirmed": "yes"})
    assert reply.status == 303
    assert decision_kind(await site.fhir.read(f"Task/{review}")) == "approve"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (Unavailable("fhir"), 503, "what you wrote is still there"),
        (ValueError("Cedar-Sample"), 500, "Tell an operator"),
    ],
)
async def test_a_failure_says_what_to_do_and_quotes_nothing(
    site: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    said: str,
) -> None:
    async def failing(*_: Any) -> None:
        raise error

    _, review = await _waiting(site)
    monkeypatch.setattr(site.fhir, "read_many", failing)
    reply = await _post(site, f"/review/{review}/decision", {"decision": "approve", "confirmed": "yes"})
    assert (reply.status, said in _text(reply), "Cedar" in reply.text + caplog.text) == (status, True, False)


async def test_an_overdue_case_still_needs_a_decision(site: World) -> None:
    case, review = await _waiting(site)
    await site.advance(days=8)
    assert (await site.record(case)).state == CaseState.DEEMED
    assert "10 h 0 min overdue" in _text(await _get(site, "/review"))
    assert "The deadline passed without a decision" in _text(await _get(site, f"/review/{review}"))


async def test_everything_wrong_with_a_form_is_said_at_once_and_what_was_written_stays(site: World) -> None:
    _, review = await _waiting(site)
    fields = {"decision": "deny", "note": "Not <yet>", "criteria": ["MN-K0823-1"]}
    reply = await _post(site, f"/review/{review}/decision", fields)
    assert reply.status == 400
    assert '<details class="card decision" id="deny" open>' in reply.text
    assert 'href="#deny-reason">Choose a reason.' in reply.text
    assert 'href="#deny-confirmed">Tick the box' in reply.text
    assert re.search(r'id="deny-reason"[^>]* aria-describedby="deny-reason-problem" aria-invalid="true"', reply.text)
    assert ">Not &lt;yet&gt;</textarea>" in reply.text
    assert re.findall(r'value="(\S+)" checked', reply.text.split('id="deny"')[1].split("</details>")[0]) == [
        "MN-K0823-1"
    ]
    assert "Waiting nobody yet" in _text(await _get(site, "/review"))
    assert (await site.fhir.read(f"Task/{review}"))["status"] == "requested"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"decision": "approve", "confirmed": "yes", "start": "soon"}, "approve-start"),
        ({"decision": "approve", "confirmed": "yes", "start": "2026-12-02", "end": "2026-12-01"}, "approve-end"),
        ({"decision": "modify", **ADVERSE}, "modify-items"),
        ({"decision": "modify", **ADVERSE, "item-1-quantity": "many"}, "modify-item-1-quantity"),
        (
            {"decision": "modify", **ADVERSE, "item-1-start": "2026-12-02", "item-1-end": "2026-12-01"},
            "modify-items",
        ),
        ({"decision": "request-information"}, "request-information-information"),
        ({"decision": "request-information", "other": "a letter"}, "request-information-information"),
        ({"decision": "deny", **ADVERSE, "note": "x" * 4001}, "deny-note"),
    ],
)
async def test_a_problem_stands_beside_its_field(site: World, fields: dict[str, str], field: str) -> None:
    _, review = await _waiting(site)
    reply = await _post(site, f"/review/{review}/decision", fields)
    assert reply.status == 400
    assert f'id="{field}"' in reply.text
    assert f'id="{field}-problem"' in reply.text
    assert f'href="#{field}"' in reply.text


@pytest.mark.parametrize("decision", ["deny", "modify"])
async def test_a_nurse_can_neither_deny_nor_modify(site: World, decision: str) -> None:
    case, review = await _waiting(site)
    page = await _get(site, f"/review/{review}", NURSE)
    assert page.text.count('<fieldset class="bare" disabled') == 2
    assert "Only a medical director may deny" in _text(page)
    fields = {"decision": decision, "item-1-quantity": "1", **ADVERSE}
    reply = await _post(site, f"/review/{review}/decision", fields, NURSE)
    assert (reply.status, "Only a medical director may deny or authorize less." in _text(reply)) == (403, True)
    assert (await site.record(case)).state == CaseState.IN_REVIEW


async def test_a_finished_review_shows_its_decision_and_takes_no_other(site: World) -> None:
    _, review = await _waiting(site)
    fields = {"decision": "deny", "note": "A cane will do.", "criteria": "MN-K0823-3", **ADVERSE}
    await _post(site, f"/review/{review}/decision", fields)
    reply = await _post(site, f"/review/{review}/decision", {"decision": "approve", "confirmed": "yes"})
    assert reply.status == 409
    text = _text(reply)
    assert "This task is finished; a decision is changed by an appeal only." in text
    assert "Deny by director-chen, Mon 23 Nov 2026, 10:00 EST Item 1: Denied, a criterion is not met" in text
    assert "A cane will do." in text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:7071"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://elsewhere.example.org"},
        {"Origin": "null"},
    ],
)
async def test_forms_of_other_sites_change_nothing(site: World, headers: dict[str, str]) -> None:
    _, review = await _waiting(site)
    fields = {"decision": "approve", "confirmed": "yes"}
    for path in ("claim", "decision"):
        reply = await _post(site, f"/review/{review}/{path}", fields, headers=headers)
        assert (reply.status, "from the pages of this site only" in _text(reply)) == (403, True)
    assert (await site.fhir.read(f"Task/{review}"))["status"] == "requested"


async def test_an_older_browser_names_the_origin_alone(site: World) -> None:
    _, review = await _waiting(site)
    own = str(site.settings.public_url).rstrip("/")
    assert (await _post(site, f"/review/{review}/claim", headers={"Origin": own})).status == 303


async def test_what_is_no_form_is_refused(site: World) -> None:
    _, review = await _waiting(site)
    for body, status in (("decision=é".encode(), 400), (b"a=1&" * 501, 400)):
        reply = await site.send("POST", f"/review/{review}/decision", body, who=NURSE, headers=OWN_PAGE)
        assert (reply.status, reply.headers["Content-Type"].startswith("text/html")) == (status, True)
    unknown = await _post(site, f"/review/{review}/decision", {"decision": "postpone"})
    assert (unknown.status, "This decision was not recorded." in _text(unknown)) == (400, True)


async def test_a_form_over_the_limit_is_refused() -> None:
    async with world(max_body_bytes=1_000) as site:
        reply = await _post(site, "/review/none/decision", {"note": "x" * 1_000}, NURSE)
    assert (reply.status, "send at most 1000 bytes" in _text(reply).lower()) == (413, True)


@pytest.mark.parametrize("review", ["none", "a b", "a!b"])
async def test_an_unknown_review_is_not_found(site: World, review: str) -> None:
    reply = await _get(site, f"/review/{review}")
    assert (reply.status, "There is no review of this id." in _text(reply)) == (404, True)


async def test_another_kind_of_task_is_no_review(site: World) -> None:
    case, _ = await _waiting(site)
    assert (await _get(site, f"/review/{(await site.record(case)).reference.removeprefix('Task/')}")).status == 404


async def test_the_next_round_shows_the_question_and_the_answer(site: World) -> None:
    case, first = await _waiting(site, "pended-then-approved")
    fields = {"decision": "request-information", "other": "59408-5", "note": "Send the last oximetry."}
    await _post(site, f"/review/{first}/decision", fields, NURSE)
    quantity = {"value": 85, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    tracking = (await site.record(case)).tracking_number
    sent = attachment(tracking, "59408-5", {"valueQuantity": quantity})
    assert (await site.send("POST", "/fhir/$submit-attachment", sent, who=SUBMITTER)).status == 200
    await site.settle()
    text = _text(await _get(site, f"/review/{await site.task(case)}", NURSE))
    assert "Earlier reviews Request information by nurse-rivera" in text
    assert "Item 1: Pended, asked for 59408-5 Send the last oximetry." in text
    assert "59408-5 Observation, 2026-11-20 59408-5 85 %" in text


async def test_an_appeal_is_closed_to_who_decided_and_shows_what_was_decided(site: World) -> None:
    case, review = await _waiting(site)
    await _post(site, f"/review/{review}/decision", {"decision": "deny", "note": "Not now.", **ADVERSE})
    response = await site.response(case)
    filed = await site.send("POST", f"/fhir/ClaimResponse/{response['id']}/$appeal", {}, who=SUBMITTER)
    assert filed.status == 202
    await site.settle()
    listed = await _get(site, "/review?queue=appeals", OTHER_DIRECTOR)
    (appeal,) = re.findall(r'href="/review/([^"?]+)"', listed.text)
    closed = _text(await _get(site, f"/review/{appeal}", DIRECTOR))
    assert "You decided what is appealed here." in closed
    page = _text(await _get(site, f"/review/{appeal}", OTHER_DIRECTOR))
    assert words.REASONS["appeal"] in page
    assert "Earlier reviews Deny by director-chen" in page
    assert "Not now." in page
    fields = {"decision": "approve", "confirmed": "yes"}
    assert (await _post(site, f"/review/{appeal}/decision", fields, DIRECTOR)).status == 403
    assert (await _post(site, f"/review/{appeal}/decision", fields, OTHER_DIRECTOR)).status == 303
    assert decision_kind(await site.fhir.read(f"Task/{appeal}")) == "approve"


async def test_a_person_who_is_no_known_member_is_shown_as_submitted(site: World) -> None:
    (coverage,) = (each for each in await site.all("Coverage") if each.get("subscriberId") == "M1000003")
    twin = {key: value for key, value in coverage.items() if key != "meta"} | {"id": "twin"}
    patient = {"resourceType": "Patient", "id": "twin", "identifier": [], "active": True}
    twin["beneficiary"] = {"reference": "Patient/twin"}
    await site.fhir.transaction([Entry("PUT", "Patient/twin", patient), Entry("PUT", "Coverage/twin", twin)])
    _, review = await _waiting(site)
    text = _text(await _get(site, f"/review/{review}"))
    assert "could not be matched to a member" in text
    assert words.REASONS["eligibility-unknown"] in text
