"""Route templates."""

from __future__ import annotations

import pytest

from host.http.paths import split_path
from host.http.routes import Route, RouteTable, compile_template


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("a/b", "/a/b", {}),
        ("a/b", "/A/B/", {}),
        ("a/b", "/a", None),
        ("a/b", "/a/b/c", None),
        ("", "/", {}),
        ("{id}", "/x", {"id": "x"}),
        ("{id?}", "/", {}),
        ("a/{id?}", "/a", {}),
        ("a/{id=7}", "/a", {"id": "7"}),
        ("a/{id:int}", "/a/-12", {"id": "-12"}),
        ("a/{id:int}", "/a/3000000000", None),
        ("a/{id:long}", "/a/3000000000", {"id": "3000000000"}),
        ("a/{id:int?}", "/a", {}),
        ("a/{id:int?}", "/a/x", None),
        ("a/{on:bool}", "/a/True", {"on": "True"}),
        ("a/{id:guid}", "/a/2b4c0f10-2f0b-4b0c-8f3e-0d9d1c1d7f6a", {"id": "2b4c0f10-2f0b-4b0c-8f3e-0d9d1c1d7f6a"}),
        ("a/{id:guid}", "/a/nope", None),
        ("a/{id:alpha}", "/a/ab1", None),
        ("a/{id:length(2)}", "/a/ab", {"id": "ab"}),
        ("a/{id:length(2,3)}", "/a/abcd", None),
        ("a/{id:length(2,0)}", "/a/ab", None),
        ("a/{id:minlength(2):maxlength(3)}", "/a/abc", {"id": "abc"}),
        ("a/{id:range(1,5)}", "/a/6", None),
        ("a/{id:min(3)}", "/a/3", {"id": "3"}),
        ("a/{id:max(3)}", "/a/4", None),
        ("a/{d:datetime}", "/a/2026-01-05", {"d": "2026-01-05"}),
        ("a/{d:decimal}", "/a/1.50", {"d": "1.50"}),
        (r"a/{id:regex(^\d{{3}}$)}", "/a/123", {"id": "123"}),
        (r"a/{id:regex(^\d{{3}}$)}", "/a/1234", None),
        ("f/{name}.{ext}", "/f/x.y.txt", {"name": "x.y", "ext": "txt"}),
        ("f/{name}.{ext?}", "/f/x", {"name": "x"}),
        ("v{major:int}/x", "/v2/x", {"major": "2"}),
        ("{*rest}", "/", {}),
        ("{*rest}", "/a/b%2Fc", {"rest": "a/b%2Fc"}),
        ("a/{**rest}", "/a/b/c", {"rest": "b/c"}),
        ("fhir/Claim/$submit", "/fhir/Claim/$submit", {}),
        ("fhir/Claim/$submit", "/fhir/Claim/%24submit", {}),
        ("fhir/ClaimResponse/{id}/$appeal", "/fhir/ClaimResponse/1/$appeal", {"id": "1"}),
        ("a/{id}", "/a/x%20%C3%A9", {"id": "x é"}),
        ("{{a}}/{b}", "/{a}/1", {"b": "1"}),
    ],
)
def test_match(template: str, path: str, expected: dict[str, str] | None) -> None:
    assert compile_template(template).match(split_path(path)) == expected


GUID = "2b4c0f10-2f0b-4b0c-8f3e-0d9d1c1d7f6a"


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("int", "0 -2147483648 +7 007", "2147483648 \u0661\u0662 1_0 1.0 1,000 0x1"),
        ("long", "9223372036854775807", f"9223372036854775808 \u0663 1_0 {'9' * 30}"),
        ("min(1)", "1", "0 \u0661"),
        (
            "double",
            "1.234 -1,001.01e8 1,001.2 1. .5 1E-3 Infinity -infinity NaN nan 1e999",
            "inf 1_0 . ,1 1e 0x1 \u0661",
        ),
        ("float", "1.234 -1,001.01e8", "inf 1_0"),
        ("decimal", f"49.99 1,000.50 -1 1- .5 {2**96 - 1}", f"NaN Infinity 1_000 1e5 -1- ,1 \u0661 {2**96}"),
        (
            "datetime",
            "2016-12-31 2016-12-31_7:32pm 2016-12-31_7:32_PM 12-31-2016 1-5-2016 2016-2-29 "
            "2016-12-31T23:59:59.1234567Z 2016-12-31T23:59+01:00 2016-12-31_7pm",
            "20161231 2016-W01-1 31-12-2016 2016-13-01 2015-02-29 2016-12-31_13:00pm 2016-12-31_24:30 "
            "2016-12-31_7 2016-12-31x \u0662016-12-31 x",
        ),
        (
            "guid",
            f"{GUID} {GUID.upper()} {GUID.replace('-', '')} {{{GUID}}} ({GUID})",
            f"urn:uuid:{GUID} {{{GUID} {{{GUID}) {GUID[:-1]} {{{GUID.replace('-', '')}}} {GUID[:4]}-{GUID[4:]}",
        ),
        ("file", "a.txt .gitignore a..b", "a a. a... ..."),
        ("nonfile", "a a. a...", "a.txt .gitignore"),
    ],
)
def test_constraints_are_those_of_asp_net(name: str, taken: str, refused: str) -> None:
    template = compile_template(f"a/{{x:{name}}}")
    for texts, expected in ((taken, True), (refused, False)):
        for text in (each.replace("_", " ") if name == "datetime" else each for each in texts.split()):
            assert (template.match(["a", text]) is not None) is expected, text


@pytest.mark.parametrize(("path", "matches"), [("/a/b.c/d.txt", True), ("/a/b.c/d", False), ("/a/b.c/", False)])
def test_file_is_about_the_last_segment(path: str, matches: bool) -> None:
    assert (compile_template("{*rest:file}").match(split_path(path)) is not None) is matches


@pytest.mark.parametrize(
    ("template", "words"),
    [("x/{a}{b}", "nothing stands between the parameters 'a' and 'b'"), ("x-{*a}", "'a' must be a segment of its own")],
)
def test_segments_that_cannot_be_parted_are_refused(template: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        compile_template(template)


@pytest.mark.parametrize("template", ["a/{id:unknown}", "{*rest}/a", "{id}/{ID}", "a/{", "a/}b"])
def test_malformed_templates_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        compile_template(template)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("regex([)", r"the regular expression '\[' is malformed"),
        ("regex(a{{99999999999}})", "is malformed"),
        ("range(1)", r"'range\(1\)' takes 2 whole numbers"),
        ("range(1,2,3)", "takes 2 whole numbers"),
        ("length(x)", r"'length\(x\)' takes 1 or 2 whole numbers"),
        ("length(1,2,3)", "takes 1 or 2 whole numbers"),
        ("min(1.5)", "takes 1 whole number$"),
        ("maxlength(1,2)", "takes 1 whole number$"),
    ],
)
def test_malformed_constraints_say_what_they_take(rule: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile_template(f"x/{{a:{rule}}}")


ORDER = ["a/b", "a/{id:int}", "a/{id}", "a/{*rest}", "{x}/b", "{*rest}"]


@pytest.mark.parametrize(
    ("path", "winner"),
    [("/a/b", 0), ("/a/1", 1), ("/a/x", 2), ("/a/x/y", 3), ("/z/b", 4), ("/z/y", 5), ("/a", 3)],
)
def test_most_specific_wins_in_any_order(path: str, winner: int) -> None:
    for templates in (ORDER, list(reversed(ORDER))):
        table = RouteTable(Route(compile_template(text), None, text) for text in templates)
        match = table.find("GET", path)
        assert match.route is not None
        assert match.route.target == ORDER[winner]


def test_methods_choose_among_matches() -> None:
    table = RouteTable(
        [
            Route(compile_template("a/b"), frozenset({"GET"}), "get"),
            Route(compile_template("a/{x}"), frozenset({"POST"}), "post"),
        ]
    )
    match = table.find("POST", "/a/b")
    assert match.route is not None
    assert match.route.target == "post"
    assert table.find("PUT", "/a/b").allowed == {"GET", "POST"}
    assert table.find("GET", "/c").allowed == frozenset()
