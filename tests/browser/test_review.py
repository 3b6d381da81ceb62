"""Reviewers work one case of each decision in a real browser, by keyboard, from the queue to the recorded answer."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from selenium.webdriver import Chrome, Keys

from samples.client import Client
from samples.engine import Engine
from samples.response import told
from tests.browser.contrast import FAINT
from tests.browser.reviewer import Reviewer
from tests.support.samples import request, resource

pytestmark = [pytest.mark.integration, pytest.mark.browser]
PROVIDER, NURSE, DIRECTOR, OTHER = "lakeside-ehr", "nurse-rivera", "director-chen", "director-okafor"


class Site:
    """The app with what providers do beside the browser."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sent: dict[str, bytes] = {}

    def submit(self, bundle: dict[str, Any]) -> tuple[str, str]:
        """A request that waits for a reviewer: its case and its review."""
        content = json.dumps(bundle).encode()
        case = str(self._client.send(PROVIDER, "/fhir/Claim/$submit", content).case)
        self._client.wait(case, {"in-review"})
        self._sent[case] = content
        task = self._client.open_task(NURSE, case)
        assert task is not None
        return case, str(task["id"])

    def answer(self, case: str, state: str) -> dict[str, Any]:
        """What the provider is told once the case is in ``state``."""
        assert self._client.wait(case, {state})["state"] == state
        return told(self._client.send(PROVIDER, "/fhir/Claim/$submit", self._sent[case]).body)


@pytest.fixture(scope="module")
def site(app_host: Engine) -> Iterator[Site]:
    with Client(app_host) as client:
        yield Site(client)


@pytest.fixture
def reviewer(browser: Chrome, app_host: Engine) -> Reviewer:
    return Reviewer(browser, app_host.url)


def _request(name: str) -> dict[str, Any]:
    return request(name, number=str(uuid4()))


def _mixed() -> dict[str, Any]:
    """A request with one criterion met, one unmet and one unknown, and a letter."""
    bundle = _request("denied-by-medical-director")
    answers = resource(bundle, "QuestionnaireResponse")
    answers["item"] = [each for each in answers["item"] if each["linkId"] != "cane-or-walker-sufficient"]
    letter = "Seen at home on 5 November 2026.\nThe patient can walk 20 metres and tires quickly."
    attachment = {"contentType": "text/plain", "title": "Visit note", "data": b64encode(letter.encode()).decode()}
    note = {
        "resourceType": "DocumentReference",
        "id": "note",
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11506-3"}], "text": "Progress note"},
        "date": "2026-11-05T15:00:00Z",
        "content": [{"attachment": attachment}],
    }
    bundle["entry"].append({"fullUrl": "http://lakeside.example.org/fhir/DocumentReference/note", "resource": note})
    return bundle


def test_the_queue_shows_the_least_time_first(site: Site, reviewer: Reviewer, pictures: Path) -> None:
    site.submit(_request("modified-by-medical-director"))
    _, mine = site.submit(_request("denied-by-medical-director"))
    site.submit(_request("pended-then-approved"))
    _, urgent = site.submit(request("pended-then-approved", number=str(uuid4()), priority="stat"))
    reviewer.sign_in(NURSE)
    reviewer.open(mine)
    reviewer.press(f"form[action='/review/{mine}/claim'] button")
    reviewer.press("nav[aria-label=Breadcrumb] a")
    reviewer.picture(pictures / "review-queue.png")
    shown = reviewer.run("return [...document.querySelectorAll('tbody time')].map(time => time.dateTime)")
    assert shown == sorted(shown)
    assert reviewer.find(f"a[href='/review/{urgent}']")
    assert "you" in reviewer.text("tbody")
    reviewer.choose("status", "in-progress")
    reviewer.press(".filters button")
    assert reviewer.text("tbody").count("In review") == len(reviewer.browser.find_elements("css selector", "tbody tr"))


def test_a_nurse_claims_and_approves(site: Site, reviewer: Reviewer) -> None:
    case, review = site.submit(_request("pended-then-approved"))
    reviewer.sign_in(NURSE)
    reviewer.open(review)
    assert "no written criterion" in reviewer.text("section[aria-labelledby=why]")
    reviewer.press(f"form[action='/review/{review}/claim'] button")
    assert reviewer.text("[role=status]") == "You have claimed this case."
    reviewer.expand("approve")
    reviewer.write("approve-start", "12/01/2026")
    reviewer.write("approve-end", "02/28/2027")
    reviewer.tick("#approve-confirmed")
    reviewer.press("#approve button")
    assert reviewer.text("[role=status]").startswith("Your approval is recorded.")
    assert "from 2026-12-01, until 2027-02-28" in reviewer.text(".deciding")
    assert site.answer(case, "approved")["actions"] == {"1": "A1"}


def test_a_director_denies_after_correcting_the_form(site: Site, reviewer: Reviewer, pictures: Path) -> None:
    case, review = site.submit(_mixed())
    reviewer.sign_in(DIRECTOR)
    reviewer.open(review)
    reviewer.press(f"form[action='/review/{review}/claim'] button")
    assert "Manual wheelchair sufficient: Yes" in reviewer.text(".criterion.unmet")
    assert "2026-11-05" in reviewer.text(".criterion.unmet")
    assert "No evidence on file for cane-or-walker-sufficient" in reviewer.text(".criterion.unknown")
    assert "can walk 20 metres" in reviewer.text("pre")
    reviewer.expand("deny")
    reviewer.picture(pictures / "review-case.png")
    reviewer.write("deny-note", "A manual wheelchair is sufficient at home.")
    reviewer.press("#deny button")
    assert reviewer.find("#deny-reason").get_attribute("aria-invalid") == "true"
    assert reviewer.find("#deny-note").get_attribute("value") == "A manual wheelchair is sufficient at home."
    reviewer.picture(pictures / "review-problem.png")
    reviewer.choose("deny-reason", "criteria-not-met")
    reviewer.tick("#deny-confirmed")
    reviewer.press("#deny button")
    assert "MN-K0823-3" in reviewer.text(".deciding")
    answer = site.answer(case, "denied")
    assert (answer["actions"], answer["reasons"]) == ({"1": "A3"}, {"1": "0F"})
    assert answer["reviewer"]["npi"] == "1999001021"


def test_a_director_authorizes_less(site: Site, reviewer: Reviewer) -> None:
    case, review = site.submit(_request("modified-by-medical-director"))
    reviewer.sign_in(OTHER)
    reviewer.open(review)
    assert "Requested quantity" in reviewer.text(".criterion.unmet")
    reviewer.expand("modify")
    reviewer.write("modify-item-1-quantity", "3")
    reviewer.choose("modify-reason", "criteria-not-met")
    reviewer.tick("#modify-confirmed")
    reviewer.press("#modify button")
    assert "quantity 3" in reviewer.text(".deciding")
    answer = site.answer(case, "modified")
    assert (answer["actions"], answer["added"]) == ({"1": "A6"}, {"1": 3})


def test_a_nurse_asks_for_what_no_criterion_found(site: Site, reviewer: Reviewer) -> None:
    case, review = site.submit(_mixed())
    reviewer.sign_in(NURSE)
    reviewer.open(review)
    reviewer.expand("deny")
    assert reviewer.text("#deny-obstacle").startswith("Only a medical director")
    assert not reviewer.find("#deny button").is_enabled()
    reviewer.expand("request-information")
    assert reviewer.find("input[name=information]").is_selected()
    reviewer.write("request-information-other", "11506-3")
    reviewer.press("#request-information button")
    assert reviewer.text("[role=status]").startswith("Your question is recorded.")
    answer = site.answer(case, "information-requested")
    assert answer["actions"] == {"1": "A4"}
    assert sorted(answer["asked"]["1"]) == ["11506-3", "34117-2"]


def test_the_first_tab_skips_to_the_content(reviewer: Reviewer) -> None:
    reviewer.sign_in(NURSE)
    focus = reviewer.browser.switch_to.active_element
    focus.send_keys(Keys.TAB)
    skip = reviewer.browser.switch_to.active_element
    assert skip.text == "Skip to the content"
    assert reviewer.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    skip.send_keys(Keys.ENTER)
    assert reviewer.browser.switch_to.active_element.get_attribute("id") == "content"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_is_legible_and_nothing_overflows(
    site: Site, reviewer: Reviewer, pictures: Path, scheme: str
) -> None:
    _, review = site.submit(_request("denied-by-medical-director"))
    reviewer.scheme(scheme)
    reviewer.sign_in(DIRECTOR)
    for page in ("/review", f"/review/{review}", f"/review/{review}?done=claim", "/review/none", "/review?status=x"):
        reviewer.browser.get(reviewer.url + page)
        for decision in reviewer.browser.find_elements("css selector", "summary"):
            decision.send_keys(Keys.ENTER)
        assert reviewer.run(FAINT) == [], page
        reviewer.size(320)
        assert reviewer.run("const root = document.documentElement; return root.scrollWidth - root.clientWidth") == 0, (
            page
        )
        reviewer.size(1280)
    reviewer.browser.get(f"{reviewer.url}/review/{review}")
    reviewer.picture(pictures / f"review-case-{scheme}-320.png", 320)


def test_the_browser_finds_nothing_to_complain_about(site: Site, reviewer: Reviewer) -> None:
    reviewer.browser.get_log("browser")
    _, review = site.submit(_request("pended-then-approved"))
    reviewer.sign_in(NURSE)
    reviewer.open(review)
    assert [each["message"] for each in reviewer.browser.get_log("browser")] == []
