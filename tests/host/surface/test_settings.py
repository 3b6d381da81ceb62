"""host.json and local.settings.json."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from host.app import load_app
from host.options import HubOptions
from host.settings import (
    StartupError,
    apply_local_settings,
    ignored_keys,
    is_disabled,
    read_host_json,
    resolve,
)
from host.timespan import parse_timespan


def write(folder: Path, text: str, name: str = "host.json") -> Path:
    (folder / name).write_text(text)
    return folder


def test_defaults_are_those_of_the_platform(tmp_path: Path) -> None:
    found = read_host_json(write(tmp_path, '{"version": "2.0"}'))
    assert found.route_prefix == "api"
    assert found.timeout == timedelta(minutes=30)
    assert HubOptions.from_host_json(found.raw) == HubOptions()


def test_known_keys_are_read_and_others_ignored(tmp_path: Path) -> None:
    text = """{"version": "2.0", "functionTimeout": "00:05:00", "logging": {"x": 1}, "extensions": {"kafka": {},
        "http": {"routePrefix": "/v1/"}, "durableTask": {"hubName": "H", "defaultVersion": "1.0.0",
        "versionMatchStrategy": "Strict", "maxConcurrentActivityFunctions": 3,
        "extendedSessionIdleTimeoutInSeconds": 5}}}"""
    found = read_host_json(write(tmp_path, text))
    assert (found.route_prefix, found.timeout) == ("v1", timedelta(minutes=5))
    options = HubOptions.from_host_json(found.raw, "fixed")
    assert (options.hub_name, options.default_version, options.max_activities) == ("H", "1.0.0", 3)
    assert options.session_idle == 5
    assert options.version_match == "Strict"


def test_every_key_of_the_task_hub_arrives(tmp_path: Path) -> None:
    text = """{"version": "2.0", "extensions": {"durabletask": {"hubName": "x%HUB%", "maxOrchestrationActions": 7,
        "OverridableExistingInstanceStates": "AnyState", "storageProvider": {"type": "AzureStorage"},
        "httpSettings": {"defaultAsyncRequestSleepTimeMilliseconds": 5}}}}"""
    found = read_host_json(write(tmp_path, text), {"HUB": "y"})
    assert HubOptions.from_host_json(found.raw) == HubOptions(
        hub_name="xy", max_actions=7, any_state=True, http_poll_ms=5, send_timer_spans=True
    )
    with pytest.raises(StartupError, match=r"hubName of host.json refers to the app setting HUB, which is not set"):
        read_host_json(tmp_path)


def test_words_are_matched_in_any_case(tmp_path: Path) -> None:
    text = """{"version": "2.0", "extensions": {"durableTask": {"versionMatchStrategy": "strict",
        "versionFailureStrategy": "FAIL", "overridableExistingInstanceStates": "anystate"}}}"""
    options = HubOptions.from_host_json(read_host_json(write(tmp_path, text)).raw)
    assert (options.version_match, options.version_failure, options.any_state) == ("Strict", "Fail", True)


def test_app_settings_override_host_json(tmp_path: Path) -> None:
    text = '{"version": "2.0", "extensions": {"http": {"routePrefix": "v1"}, "durableTask": {"hubName": "H"}}}'
    environ = {
        "AzureFunctionsJobHost__extensions__http__routePrefix": "v2",
        "azurefunctionsjobhost__Extensions__DurableTask__MaxConcurrentActivityFunctions": "3",
        "AzureFunctionsJobHost__functionTimeout": "00:01:00",
        "AzureFunctionsJobHost__extensions__kafka__commitOnFailure": "false",
        "AzureFunctionsJobHost__": "x",
    }
    found = read_host_json(write(tmp_path, text), environ)
    assert (found.route_prefix, found.durable.max_activities, found.durable.hub_name) == ("v2", 3, "H")
    assert found.timeout == timedelta(minutes=1)
    assert not found.kafka.commit_on_failure
    environ["AzureFunctionsJobHost__extensions__durableTask__maxOrchestrationActions"] = "many"
    with pytest.raises(StartupError, match="maxOrchestrationActions"):
        read_host_json(tmp_path, environ)


def test_keys_that_nobody_reads_are_listed(tmp_path: Path) -> None:
    text = """{"$schema": "s", "Version": "2.0", "logging": {"x": 1}, "extensions": {
        "http": {"routePrefix": "", "hsts": {"isEnabled": true}, "customHeaders": {"X": "y"}},
        "Kafka": {"maxRetries": 1, "no": 1}, "queues": {},
        "durableTask": {"hubName": "H", "storageProvider": {"type": "x", "partitionCount": 3}}}}"""
    assert ignored_keys(write(tmp_path, text)) == (
        "logging.x",
        "extensions.http.hsts",
        "extensions.Kafka.no",
        "extensions.queues",
        "extensions.durableTask.storageProvider.partitionCount",
    )


@pytest.mark.parametrize(
    ("logging", "level"),
    [
        ({}, "info"),
        ({"logLevel": {"Default": "WARNING", "Function": "Trace"}}, "warning"),
        ({"logLevel": {"default": "None"}}, "none"),
    ],
)
def test_what_functions_log_is_shown_from_the_level_of_host_json_on(
    tmp_path: Path, logging: dict[str, object], level: str
) -> None:
    text = json.dumps({"version": "2.0", "logging": logging})
    assert read_host_json(write(tmp_path, text)).log_level == level


@pytest.mark.parametrize("key", ["logging", "extensions"])
def test_a_section_that_is_null_is_as_absent(tmp_path: Path, key: str) -> None:
    defaults = read_host_json(write(tmp_path, '{"version": "2.0"}'))
    assert read_host_json(write(tmp_path, f'{{"version": "2.0", "{key}": null}}')) == defaults


@pytest.mark.parametrize(
    "text",
    [
        '{"logging": {"logLevel": null}}',
        '{"logging": {"LogLevel": {"Default": null}}}',
        '{"extensions": {"http": null, "kafka": null, "eventHubs": null, "durableTask": null}}',
        '{"extensions": {"http": {"routePrefix": null}, "durableTask": {"httpSettings": null, "maxActions": null}}}',
    ],
)
def test_a_key_that_is_null_is_as_absent(tmp_path: Path, text: str) -> None:
    assert read_host_json(write(tmp_path, text)) == read_host_json(write(tmp_path, "{}"))


def test_null_is_a_value_where_it_means_something(tmp_path: Path) -> None:
    assert read_host_json(write(tmp_path, '{"version": "2.0", "functionTimeout": null}')).timeout is None


COMMENTED = r"""// at the top
{ /* before "a key" */ "version": /**/ "2.0", // "version": "1.0"
  "extensions": {"http": {"routePrefix": "a//b/*c*/", "customHeaders": {"X": "\\" /* " */, "Y": "\"//"}}},
  /* over
     // lines **/ "functionTimeout": "00:01:00"
} // at the end"""


def test_comments_are_allowed_and_strings_stay_whole(tmp_path: Path) -> None:
    found = read_host_json(write(tmp_path, COMMENTED))
    assert found.route_prefix == "a//b/*c*"
    assert found.extensions.http.custom_headers == {"X": "\\", "Y": '"//'}
    assert found.timeout == timedelta(minutes=1)
    environ = dict[str, str]()
    apply_local_settings(write(tmp_path, '{"Values": {"A": "http://b" /* c */} } //', "local.settings.json"), environ)
    assert environ == {"A": "http://b"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{ /* a */ "b" 1}', "line 1, column 15"),
        ('{ /* a\n\n */ "b" 1}', "line 3, column 9"),
        ('{ // a\r\n "b" 1}', "line 2, column 6"),
        ('{"b": /* 1}', "line 1, column 7"),
        ('{"b // 1}\n', "line 1, column 10"),
        ('{"b": "c', "line 1, column 7"),
        ('{"b": 1/**/2}', "line 1, column 12"),
        ('{"b": / 1}', "line 1, column 7"),
    ],
)
def test_places_are_told_as_if_there_were_no_comments(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(StartupError, match=f"is not JSON: {place}:"):
        read_host_json(write(tmp_path, text))


@pytest.mark.parametrize("limit", ['"-1"', "-1"])
def test_no_time_limit(tmp_path: Path, limit: str) -> None:
    assert read_host_json(write(tmp_path, f'{{"version": "2.0", "functionTimeout": {limit}}}')).timeout is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON: line 1, column 2"),
        ("[]", "must hold a JSON object"),
        ('{"version": "2.0", "logging": {"logLevel": {"default": "loud"}}}', "logging.logLevel.default"),
        (
            '{"version": "2.0", "extensions": {"durableTask": {"overridableExistingInstanceStates": "x"}}}',
            "overridable",
        ),
        ('{"version": "1.0"}', 'version must be "2.0"'),
        ('{"version": "2.0", "functionTimeout": "soon"}', "functionTimeout"),
        ('{"version": "2.0", "functionTimeout": "00:00:00"}', "functionTimeout: must be 00:00:01 or more"),
        ('{"version": "2.0", "functionTimeout": "-00:05:00"}', "functionTimeout: must be 00:00:01 or more"),
        ('{"version": "2.0", "extensions": {"http": {"maxConcurrentRequests": -2}}}', "maxConcurrentRequests"),
        ('{"version": "2.0", "extensions": {"http": {"customHeaders": {"X Y": "z"}}}}', "'X Y'"),
        ('{"version": "2.0", "extensions": {"http": {"customHeaders": {"X": "a\\nb"}}}}', "'X'"),
        ('{"version": "2.0", "extensions": {"durableTask": {"versionMatchStrategy": "x"}}}', "versionMatchStrategy"),
        ('{"version": "2.0", "extensions": {"durableTask": {"maxConcurrentActivityFunctions": "a"}}}', "Activity"),
    ],
)
def test_malformed_files_say_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StartupError, match=message):
        read_host_json(write(tmp_path, text))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="is missing"):
        read_host_json(tmp_path)


def test_local_settings_never_override(tmp_path: Path) -> None:
    write(tmp_path, '{"Values": {"A": "file", "B": "file", "C": null}}', "local.settings.json")
    environ = {"A": "set"}
    apply_local_settings(tmp_path, environ)
    assert environ == {"A": "set", "B": "file", "C": ""}


def test_local_settings_may_be_numbers_and_truth_values(tmp_path: Path) -> None:
    write(tmp_path, '{"Values": {"A": 8080, "B": true, "C": 1.5, "D": "x"}}', "local.settings.json")
    environ = dict[str, str]()
    apply_local_settings(tmp_path, environ)
    assert environ == {"A": "8080", "B": "true", "C": "1.5", "D": "x"}
    write(tmp_path, '{"Values": {"A": {"B": 1}}}', "local.settings.json")
    with pytest.raises(StartupError, match=r"local\.settings\.json: Values\.A"):
        apply_local_settings(tmp_path, environ)


def test_local_settings_that_are_encrypted_are_refused(tmp_path: Path) -> None:
    write(tmp_path, '{"IsEncrypted": true, "Values": {"A": "x"}}', "local.settings.json")
    with pytest.raises(StartupError, match=r"local\.settings\.json: IsEncrypted: Input should be False"):
        apply_local_settings(tmp_path, {})


@pytest.mark.parametrize("name", ["host.json", "local.settings.json"])
def test_files_that_are_not_utf_8(tmp_path: Path, name: str) -> None:
    write(tmp_path, '{"version": "2.0"}')
    (tmp_path / name).write_bytes('{"version": "ü"}'.encode("latin-1"))
    with pytest.raises(StartupError, match=rf"{name} is not UTF-8 \(byte 14\): save it in that encoding\."):
        load_app(tmp_path, {})


def test_references_to_settings() -> None:
    assert resolve("x %A% %b%", {"a": "1", "B": "2"}, "The route of f") == "x 1 2"
    assert resolve("100 % sure", {}, "-") == "100 % sure"
    with pytest.raises(StartupError, match="The route of f refers to the app setting NONE"):
        resolve("%NONE%", {}, "The route of f")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("AzureWebJobs.f.Disabled", "true", True), ("AzureWebJobs_f_Disabled", "1", True),
     ("azurewebjobs.F.DISABLED", "True", True), ("AZUREWEBJOBS_F_DISABLED", "1", True),
     ("AzureWebJobs.f.Disabled", "false", False), ("AzureWebJobs.g.Disabled", "true", False)],
)  # fmt: skip
def test_disabled(name: str, value: str, expected: bool) -> None:
    assert is_disabled("f", {name: value}) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:05:00", timedelta(minutes=5)),
        ("1.02:03:04.5", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("00:00:00.0000001", timedelta(0)),
        ("-00:01", timedelta(minutes=-1)),
        ("23:00:00", timedelta(hours=23)),
        ("24:00:00", timedelta(days=24)),
        ("25:23:59", timedelta(days=25, hours=23, minutes=59)),
        ("1:2:3", timedelta(hours=1, minutes=2, seconds=3)),
        ("1:02:03:04.5", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("1.02:03", timedelta(days=1, hours=2, minutes=3)),
        (" 0023:0059 ", timedelta(hours=23, minutes=59)),
        ("14", timedelta(days=14)),
        ("-10675199", timedelta(days=-10675199)),
    ],
)
def test_timespans(text: str, expected: timedelta) -> None:
    assert parse_timespan(text) == expected


@pytest.mark.parametrize(
    "text",
    ["24:00", "00:60:00", "00:00:60", "1.24:00:00", "24:24:00", "24:00:00.5", "24:00:60", "10675200", "1:24:0:0"],
)
def test_parts_of_timespans_that_are_too_large(text: str) -> None:
    with pytest.raises(ValueError, match="hours to 23, minutes and seconds to 59"):
        parse_timespan(text)


@pytest.mark.parametrize(
    "text", ["", "-", "x", "10.12", "10:", ":10", "1:2:3:4:5", "0:0.5", "1.2:3:4:5", "1:2:3.", "٣:00"]
)
def test_malformed_timespans(text: str) -> None:
    with pytest.raises(ValueError, match=r"must have the form \[d\.\]hh:mm:ss"):
        parse_timespan(text)


def test_a_time_limit_of_24_and_more_is_in_days(tmp_path: Path) -> None:
    assert read_host_json(write(tmp_path, '{"version": "2.0", "functionTimeout": "24:00:00"}')).timeout == timedelta(24)
    with pytest.raises(StartupError, match=r"functionTimeout: takes hours to 23, minutes and seconds to 59"):
        read_host_json(write(tmp_path, '{"version": "2.0", "functionTimeout": "00:60:00"}'))
