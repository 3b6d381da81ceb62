"""The rules service itself: what it refuses, how versions live side by side, and that nothing of the facts leaks."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.build import built
from stack.java import find_jdk
from tests.rules.service import ROOT, RULESETS, Service, next_version, problems, publish, running

pytestmark = pytest.mark.integration

CANARY = "Zebedee-1931"
REQUEST = {"receivedOn": "2026-11-02"}
MEMBER = {"matches": 1, "active": True, "birthDateAgrees": True}
COVERAGE = {"reference": "Coverage/1", "status": "active", "start": "2026-01-01", "lineOfBusiness": "medicaid"}
FACTS = {"Request": REQUEST, "Member": MEMBER, "Coverage": [COVERAGE]}
INPUTS = {
    "eligibility": "eligible",
    "requirement": "required",
    "met": 1,
    "unmet": 0,
    "unknown": 0,
    "informationRequested": False,
}


def outcome(service: Service, version: str, facts: Any = FACTS) -> Any:
    (result,) = service.judge("eligibility", version, facts)["results"]["Eligibility"]
    return result


def test_lists_every_ruleset_with_its_current_version_and_hash(rules_service: Service) -> None:
    listed = rules_service.get("/v1/rulesets")
    names = ["clock-policy", "determination", "eligibility", "medical-necessity"]
    assert [ruleset["name"] for ruleset in listed] == names
    for ruleset in listed:
        (version,) = (v for v in ruleset["versions"] if v["version"] == ruleset["current"])
        assert len(version["contentHash"]) == 64
        assert version["effective"]
        assert version["owner"]
    necessity = listed[3]["versions"][0]
    assert necessity["valueSets"]["diabetes"] == "2026.1"


def test_every_rule_has_a_sentence(rules_service: Service) -> None:
    for name in ("clock-policy", "determination", "eligibility", "medical-necessity"):
        for rule in rules_service.get(f"/v1/rulesets/{name}/versions/1.0.0/rules"):
            assert rule["text"][0].isupper(), rule
            assert rule["text"][-1] in ".?", rule


def test_a_new_version_serves_beside_the_old_and_becomes_current_by_the_file(service: Service, folder: Path) -> None:
    next_version(folder, "eligibility", "1.1.0", ("eligibility.drl", '"71"', '"58"'))
    differs = FACTS | {"Member": MEMBER | {"birthDateAgrees": False}}
    assert service.post("eligibility", "1.1.0", {"facts": differs}).status_code == 404
    assert publish(service, "eligibility", "1.1.0").status_code == 200
    assert outcome(service, "1.0.0", differs)["rejectCode"] == "71"
    assert outcome(service, "1.1.0", differs)["rejectCode"] == "58"

    def current() -> Any:
        return next(r["current"] for r in service.get("/v1/rulesets") if r["name"] == "eligibility")

    assert current() == "1.0.0"
    (folder / "eligibility" / "current").write_text("9.9.9\n")
    assert current() == "1.0.0"
    (folder / "eligibility" / "current").write_text("1.1.0\n")
    assert current() == "1.1.0"
    (folder / "eligibility" / "current").write_text("1.0.0\n")


def test_a_published_version_cannot_change(service: Service, folder: Path) -> None:
    copy = next_version(folder, "eligibility", "1.2.0")
    first = publish(service, "eligibility", "1.2.0").json()
    (copy / "tests" / "more.yaml").write_text("scenarios: []")
    assert publish(service, "eligibility", "1.2.0").json() == first, "scenarios are no part of the content"
    drl = copy / "eligibility.drl"
    drl.write_text(drl.read_text().replace('"75"', '"72"'))
    refused = publish(service, "eligibility", "1.2.0")
    assert refused.status_code == 409
    assert refused.json()["code"] == "version-published"
    nobody = FACTS | {"Member": {"matches": 0}}
    assert outcome(service, "1.2.0", nobody)["rejectCode"] == "75"


DRL_FAULTS = {
    "unknown field": ("Member(matches == 0)", "Member(hits == 0)", "hits"),
    "number that absence would make 0": (
        "matches : Integer = null",
        "matches : Integer",
        "Member.matches: write '= null'",
    ),
    "primitive": ("matches : Integer = null", "matches : int", "Member.matches: use the wrapper type"),
    "no id": ('@id("EL-10") ', "", "has no @id"),
    "no sentence": ('@text("No member of this plan carries the member number that was sent.")', "", "has no @text"),
    "id twice": ('@id("EL-11")', '@id("EL-10")', "the id is taken"),
    "negation of what may be absent": ("Member(matches > 1)", "Member(matches != 1)", "'matches' is negated"),
    "negated list": ("Member(matches > 1)", "Member(matches not in (0, 1))", "'matches' is negated"),
    "consequence that is no Java": (
        'insert(new Eligibility("ineligible", "75", null));',
        "insert(new None());",
        "None",
    ),
}


@pytest.mark.parametrize("fault", DRL_FAULTS)
def test_a_faulty_drl_file_is_refused_with_its_line(fault: str, service: Service, folder: Path) -> None:
    old, new, text = DRL_FAULTS[fault]
    version = f"2.0.{list(DRL_FAULTS).index(fault)}"
    next_version(folder, "eligibility", version, ("eligibility.drl", old, new))
    original = (folder / "eligibility" / "1.0.0" / "eligibility.drl").read_text()
    changed = original[: original.index(old)].count("\n") + 1
    found = [p for p in problems(publish(service, "eligibility", version)) if text in p["text"]]
    assert {p["file"] for p in found} == {"eligibility.drl"}
    assert min(abs(int(p["place"]) - changed) for p in found) <= 8, "the line is that of the rule or the type"
    assert service.post("eligibility", version, {"facts": FACTS}).status_code == 404
    assert outcome(service, "1.0.0")["outcome"] == "eligible"


MANIFEST_FAULTS = {
    "another version": ('"version": "3.', '"version": "8.', "version"),
    "type that is not declared": ('"Coverage": "0..*"', '"Covering": "0..*"', "facts.Covering"),
    "unknown cardinality": ('"Coverage": "0..*"', '"Coverage": "many"', "facts.Coverage"),
    "no owner": ('"owner": "enrollment"', '"owner": ""', "owner"),
    "no JSON": ('"owner": "enrollment",', "owner", "6"),
}


@pytest.mark.parametrize("fault", MANIFEST_FAULTS)
def test_a_faulty_manifest_is_refused(fault: str, service: Service, folder: Path) -> None:
    old, new, place = MANIFEST_FAULTS[fault]
    version = f"3.0.{list(MANIFEST_FAULTS).index(fault)}"
    next_version(folder, "eligibility", version, ("ruleset.json", old, new))
    (problem,) = problems(publish(service, "eligibility", version))
    assert (problem["file"], problem["place"]) == ("ruleset.json", place)


def entries(*texts: str) -> str:
    """Neighbouring cells of a row."""
    return "".join(f"<inputEntry><text>{text}</text></inputEntry>" for text in texts)


DMN_FAULTS = {
    "gap": (entries("&lt;= 0", "&gt; 0"), entries("&lt;= 0", "&gt; 1"), "DECISION_TABLE_GAP"),
    "overlap": (entries("&gt; 0", "&lt;= 0"), entries("-", "&lt;= 0"), "DECISION_TABLE_OVERLAP"),
    "output outside the allowed": ('<text>"approve"</text>', '<text>"approved"</text>', "'approved'"),
    "FEEL that does not compile": ("<text>met</text>", "<text>meet</text>", "ERR_COMPILING_FEEL"),
    "row without a sentence": ("<text>Every criterion is met.</text>", "<text></text>", "a sentence"),
    "no XML": ("</definitions>", "", "FAILED_XML_VALIDATION"),
}


@pytest.mark.parametrize("fault", DMN_FAULTS)
def test_a_faulty_decision_table_is_refused(fault: str, service: Service, folder: Path) -> None:
    old, new, text = DMN_FAULTS[fault]
    version = f"2.0.{list(DMN_FAULTS).index(fault)}"
    next_version(folder, "determination", version, ("determination.dmn", old, new))
    found = problems(publish(service, "determination", version))
    assert any(text in problem["text"] for problem in found), found


REFUSED_FACTS = {
    "no facts": ({}, "facts"),
    "fact that is missing": ({"facts": {"Request": REQUEST}}, "Member"),
    "fact that is given twice": ({"facts": FACTS | {"Member": [MEMBER, MEMBER]}}, "Member"),
    "unknown fact type": ({"facts": FACTS | {"Person": {}}}, "Person"),
    "result as a fact": ({"facts": FACTS | {"Eligibility": {"outcome": "eligible"}}}, "Eligibility"),
    "unknown field": ({"facts": FACTS | {"Member": MEMBER | {"nickname": CANARY}}}, "Member.nickname"),
    "text for a date": ({"facts": FACTS | {"Request": {"receivedOn": CANARY}}}, "Request.receivedOn"),
    "text for a number": ({"facts": FACTS | {"Member": {"matches": "1"}}}, "Member.matches"),
    "fraction for a whole number": ({"facts": FACTS | {"Member": {"matches": 1.5}}}, "Member.matches"),
    "text for yes or no": ({"facts": FACTS | {"Member": {"active": "true"}}}, "Member.active"),
    "fact that is no object": ({"facts": FACTS | {"Member": CANARY}}, "Member"),
    "a value as a name": ({"facts": {f"{CANARY} 4711": {}}}, "(unreadable name)"),
}


@pytest.mark.parametrize("fault", REFUSED_FACTS)
def test_facts_that_the_rules_do_not_know_are_refused_without_a_value(fault: str, service: Service) -> None:
    body, place = REFUSED_FACTS[fault]
    response = service.post("eligibility", "1.0.0", body)
    (problem,) = problems(response)
    assert problem["place"] == place
    assert CANARY not in response.text
    assert CANARY not in service.log.read_text()


REFUSED_INPUTS = {
    "missing": ({k: v for k, v in INPUTS.items() if k != "met"}, "met"),
    "unknown": (INPUTS | {"age": CANARY}, "age"),
    "outside the list": (INPUTS | {"requirement": CANARY}, "requirement"),
    "text for a number": (INPUTS | {"met": "1"}, "met"),
    "below zero": (INPUTS | {"met": -1}, "met"),
    "null that no row answers": (INPUTS | {"met": None}, "Determination"),
}


@pytest.mark.parametrize("fault", REFUSED_INPUTS)
def test_inputs_that_the_table_does_not_know_are_refused_without_a_value(fault: str, service: Service) -> None:
    inputs, place = REFUSED_INPUTS[fault]
    response = service.post("determination", "1.0.0", {"dmn": inputs})
    (problem,) = problems(response)
    assert problem["place"] == place
    assert CANARY not in response.text


def test_an_unknown_field_is_answered_with_the_known_ones(service: Service) -> None:
    (problem,) = problems(service.post("eligibility", "1.0.0", {"facts": FACTS | {"Member": {"alive": True}}}))
    assert "[active, birthDateAgrees, deceased, deceasedOn, matches]" in problem["text"]


def test_an_absent_field_is_the_same_as_null(service: Service) -> None:
    nulls = {"status": "active", "start": None, "end": None, "lineOfBusiness": None, "reference": "Coverage/1"}
    absent = {key: value for key, value in nulls.items() if value is not None}
    member = {"matches": 1, "active": True, "birthDateAgrees": True, "deceased": None, "deceasedOn": None}
    first = service.judge("eligibility", "1.0.0", {"Request": REQUEST, "Member": member, "Coverage": [nulls]})
    second = service.judge("eligibility", "1.0.0", {"Request": REQUEST, "Member": MEMBER, "Coverage": [absent]})
    assert first == second


def test_a_body_that_is_no_json_and_a_ruleset_that_is_not_there(service: Service) -> None:
    url = f"{service.url}/v1/rulesets/eligibility/versions"
    assert httpx.post(f"{url}/1.0.0/evaluate", content=CANARY.encode()).status_code == 400
    assert httpx.post(f"{url}/7.0.0/evaluate", json={}).status_code == 404
    assert httpx.put(f"{url}/7.0.0").status_code == 404
    assert httpx.put(f"{url}/..%2F..%2Fdetermination").status_code in (400, 404)
    assert httpx.get(f"{service.url}/v2/rulesets").status_code == 404


def test_a_body_over_the_limit_is_refused(service: Service) -> None:
    response = service.post("eligibility", "1.0.0", {"facts": {"Request": {"receivedOn": "x" * 8_000_001}}})
    assert response.status_code == 413


def test_a_batch_is_judged_one_by_one(service: Service) -> None:
    nobody = FACTS | {"Member": {"matches": 0}}
    answer = service.post("eligibility", "1.0.0", {"batch": [{"facts": FACTS}, {"facts": nobody}]}).json()
    assert [one["results"]["Eligibility"][0]["outcome"] for one in answer["batch"]] == ["eligible", "ineligible"]
    assert answer["contentHash"]


def test_concurrent_answers_do_not_mix(service: Service) -> None:
    asked = [INPUTS | {"unmet": n % 2} for n in range(200)]

    def ask(inputs: dict[str, Any]) -> str:
        answer = service.judge("determination", "1.0.0", inputs)
        (fired,) = answer["fired"]
        assert answer["results"]["Determination"]["outcome"] == ("pend" if inputs["unmet"] else "approve")
        return str(fired["id"])

    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(ask, asked))
    assert rows == ["DET-05" if inputs["unmet"] else "DET-08" for inputs in asked]


def test_a_taken_port_and_a_missing_folder_are_told_in_one_sentence(service: Service, folder: Path) -> None:
    jar = built("rules", "rules service", ROOT / "rules" / "service")
    port = service.url.rsplit(":", 1)[1]
    for settings in ([f"-Dport={port}", f"-Ddirectory={folder}"], [f"-Ddirectory={folder / 'nothing'}"], ["-Dport=x"]):
        ended = subprocess.run([find_jdk().java, *settings, "-jar", jar], capture_output=True, text=True, timeout=60)
        assert ended.returncode == 1
        assert "the rules service cannot start: " in ended.stderr
        assert "Exception" not in ended.stderr


LOOP = """package loop;
declare Counter
  n : Integer = null
end
rule "counts on" @id("LOOP-1") @text("Counts for ever.")
when $c : Counter(n != null) then modify($c) { setN($c.getN() + 1) } end
"""


def loop(folder: Path, version: str) -> None:
    package = folder / "loop" / version
    package.mkdir(parents=True)
    (package / "loop.drl").write_text(LOOP)
    manifest = {"name": "loop", "version": version, "package": "loop", "effective": "2026-01-01", "owner": "tests"}
    types = {"text": "Counts.", "facts": {"Counter": "1"}, "results": ["Counter"]}
    (package / "ruleset.json").write_text(json.dumps(manifest | types))


def test_an_evaluation_that_does_not_end_is_stopped(service: Service, folder: Path) -> None:
    loop(folder, "1.0.0")
    assert publish(service, "loop", "1.0.0").status_code == 200
    response = service.post("loop", "1.0.0", {"facts": {"Counter": {"n": 0}}})
    assert response.status_code == 503
    assert response.json()["code"] == "timeout"
    assert outcome(service, "1.0.0")["outcome"] == "eligible"


def test_nothing_is_answered_in_part_while_packages_load(tmp_path: Path) -> None:
    """A client would take the rulesets that are not listed yet for absent, and pin the others."""
    with running(RULESETS, tmp_path / "service.log", wait=False) as service:
        listed, seen = None, set()
        while listed is None or not listed.is_success:
            try:
                listed = httpx.get(f"{service.url}/v1/rulesets", timeout=5)
                seen.add(listed.status_code)
            except httpx.TransportError:
                time.sleep(0.01)
        assert seen <= {200, 503}
        assert {each["name"] for each in listed.json()} == {each.name for each in RULESETS.iterdir()}


def test_a_broken_package_makes_the_service_not_ready_while_the_others_serve(tmp_path: Path) -> None:
    folder = tmp_path / "rulesets"
    shutil.copytree(RULESETS / "eligibility", folder / "eligibility")
    next_version(folder, "eligibility", "1.1.0", ("eligibility.drl", "matches == 0", "hits == 0"))
    loop(folder, "1.0.0")
    (folder / "loop" / "current").write_text("1.0.0")
    with running(folder, tmp_path / "service.log", "fireLimit=100", ready=False) as service:
        answer = httpx.get(f"{service.url}/health/ready")
        assert answer.status_code == 503
        assert answer.json()["missing"] == ["eligibility 1.1.0 does not load"]
        assert httpx.get(f"{service.url}/health/live").status_code == 200
        assert outcome(service, "1.0.0")["outcome"] == "eligible"
        assert "eligibility.drl:" in service.log.read_text()
        response = service.post("loop", "1.0.0", {"facts": {"Counter": {"n": 0}}})
        assert (response.status_code, response.json()["code"]) == (422, "fire-limit")
