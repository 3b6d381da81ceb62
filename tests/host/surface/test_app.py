"""Loading apps and describing their functions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from host.app import AppIndex, load_app
from host.functions import Kind
from host.http.triggers import build_routes
from host.retry import RetryPolicy
from host.settings import StartupError

HEAD = """
from __future__ import annotations
import azure.functions as func
import azure.durable_functions as df
app = func.FunctionApp(http_auth_level="ANONYMOUS")
"""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Leave no path of a temporary app behind."""
    before = list(sys.path)
    yield
    sys.path[:] = before
    sys.modules.pop("loaded_app", None)


def load(folder: Path, source: str, environ: dict[str, str] | None = None) -> AppIndex:
    (folder / "host.json").write_text('{"version": "2.0"}')
    (folder / "loaded_app.py").write_text(HEAD + source)
    return load_app(folder, {"PYTHON_SCRIPT_FILE_NAME": "loaded_app.py"} | (environ or {}))


def test_settings_of_the_app_reach_its_host_json_and_what_is_ignored_is_said(tmp_path: Path) -> None:
    write = '{"Values": {"HUB": "mine", "AzureFunctionsJobHost__extensions__http__routePrefix": "v9"}}'
    (tmp_path / "local.settings.json").write_text(write)
    (tmp_path / "host.json").write_text(
        '{"version": "2.0", "logging": {"console": {}}, "extensions": {"durableTask": {"hubName": "%HUB%"}}}'
    )
    (tmp_path / "loaded_app.py").write_text(HEAD)
    index = load_app(tmp_path, {"PYTHON_SCRIPT_FILE_NAME": "loaded_app.py"})
    assert (index.host_json.durable.hub_name, index.host_json.route_prefix) == ("mine", "v9")
    assert index.warnings == ("This host does nothing with logging.console of host.json.",)


def test_index_by_trigger(app: AppIndex) -> None:
    assert {function.name for function in app.of(Kind.TIMER)} == {"tick"}
    assert {function.durable_name for function in app.of(Kind.ORCHESTRATION)} >= {"sequence", "Approval"}
    assert app.known(Kind.ENTITY) == {"counter": "Counter", "keeper": "Keeper"}


def test_durable_names_have_aliases_in_any_case(app: AppIndex) -> None:
    known = app.known(Kind.ACTIVITY)
    assert known["add_one"] == known["increment"] == "add_one"
    function = app.durable(Kind.ACTIVITY, "ADD_ONE")
    assert function is app.durable(Kind.ACTIVITY, "increment")
    assert app.durable(Kind.ORCHESTRATION, "approval") is not None
    assert app.durable(Kind.ACTIVITY, "sequence") is None


def test_alias_never_hides_a_proper_name(tmp_path: Path) -> None:
    index = load(
        tmp_path,
        """
@app.function_name("one")
@app.activity_trigger(input_name="x", activity="first")
def second(x: str) -> str: ...

@app.function_name("two")
@app.activity_trigger(input_name="x", activity="second")
def third(x: str) -> str: ...
""",
    )
    found = index.durable(Kind.ACTIVITY, "second")
    assert found is not None
    assert found.name == "two"


def test_blueprints_of_a_plain_app(tmp_path: Path) -> None:
    index = load(
        tmp_path,
        """
bp = df.Blueprint()

@bp.route(route="x")
@bp.durable_client_input(client_name="client")
async def x(req: func.HttpRequest, client) -> func.HttpResponse: ...

app.register_blueprint(bp)
""",
    )
    (function,) = index.functions
    assert function.client_params == ("client",)
    assert function.is_async


def test_synchronous_client_function_is_warned_of(tmp_path: Path) -> None:
    index = load(
        tmp_path,
        """
bp = df.Blueprint()

@bp.route(route="x")
@bp.durable_client_input(client_name="client")
def x(req: func.HttpRequest, client) -> func.HttpResponse: ...

app.register_blueprint(bp)
""",
    )
    assert "x takes the durable client and must be 'async def'" in index.warnings[0]


RETRIED = """
@app.{trigger}
@app.retry(strategy="{strategy}", max_retry_count="{count}", delay_interval="00:00:01")
def f(t): ...
"""
TIMER = 'timer_trigger(schedule="0 * * * * *", arg_name="t")'


def test_retry_policy_of_a_timer_is_read(tmp_path: Path) -> None:
    index = load(tmp_path, RETRIED.format(trigger=TIMER, strategy="fixed_delay", count=3))
    assert index.function("f").retry == RetryPolicy("fixed_delay", 3, delay=timedelta(seconds=1))
    assert not index.warnings


def test_retry_policy_where_azure_applies_none_is_warned_of(tmp_path: Path) -> None:
    source = RETRIED.format(trigger='route(route="f")', strategy="fixed_delay", count=3)
    index = load(tmp_path, source.replace("(t)", "(req)"))
    assert index.warnings == ("f has a retry policy: Azure applies none to a httpTrigger, nor does this host.",)


@pytest.mark.parametrize(
    ("strategy", "count", "reason"),
    [
        ("fixed_delay", "often", "whole number"),
        ("fixed_delay", "-2", "from -1"),
        ("linear", "1", "fixed_delay or exponential_backoff"),
        ("exponential_backoff", "1", "minimum_interval of the form HH:MM:SS"),
    ],
)
def test_malformed_retry_policy_is_refused(tmp_path: Path, strategy: str, count: str, reason: str) -> None:
    index = load(tmp_path, RETRIED.format(trigger=TIMER, strategy=strategy, count=count))
    assert reason in index.refused["f"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("@app.route('a')\ndef f(req: func.HttpRequest, other: str) -> str: ...", "have no binding: other"),
        ("@app.route('a', trigger_arg_name='r')\ndef f() -> str: ...", "have no parameter: r"),
        ("@app.route('a')\ndef f(req: int) -> str: ...", "does not fit its annotation int"),
        ("@app.route('a')\ndef f(req: func.HttpRequest) -> int: ...", "return annotation int"),
        ("@app.route('a')\ndef f(req: func.HttpRequest) -> str | None: ...", "plain class"),
        ("@app.activity_trigger('x')\ndef f(x: dict[str, str]) -> str: ...",
         r"plain class as annotation, no dict\[str, str\]"),
        ("@app.route('a')\ndef f(req: func.HttpRequest) -> Missing: ...", "cannot be found when the app runs: Missing"),
        ("@app.route('a')\ndef f(req: func.HttpReqest) -> str: ...",
         "cannot be read: AttributeError: .* no attribute 'HttpReqest'"),
        ("@app.route('a')\ndef f(req: func.HttpRequest, context: int) -> str: ...", "'context' must be annotated"),
        ("@app.route('a')\n@app.queue_output('q', 'n', 'c')\n"
         "def f(req: func.HttpRequest, q: func.Out[str]) -> str: ...",
         "'queue' .* not supported"),
    ],
)  # fmt: skip
def test_functions_that_azure_would_not_load_are_refused(tmp_path: Path, source: str, message: str) -> None:
    index = load(tmp_path, source)
    assert index.functions == ()
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(index.refused["f"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module", r"loaded_app.py failed to import: loaded_app.py, line \d+: ModuleNotFoundError"),
        ("1 +", r"^loaded_app.py failed to import: loaded_app.py, line 6: SyntaxError: invalid syntax$"),
        ("import sys\nsys.exit(0)", "loaded_app.py failed to import: loaded_app.py, line 7: SystemExit: 0"),
        ("other = func.FunctionApp()", "exactly one function app object .* not 2"),
        ("del app", "not 0"),
        ("@app.route('a')\ndef f(req): ...\n@app.route('b')\ndef f(req): ...", "cannot be indexed"),
        ("@app.activity_trigger('x', activity='a')\ndef f(x: str): ...\n"
         "@app.activity_trigger('x', activity='A')\ndef g(x: str): ...",
         "f and g both claim the activityTrigger name A"),
    ],
)  # fmt: skip
def test_apps_that_do_not_load_say_why_in_one_sentence(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(StartupError, match=message):
        load(tmp_path, source)


def test_a_syntax_error_is_placed_in_the_file_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "broken_part.py").write_text("\n\nx = = 1\n")
    with pytest.raises(StartupError, match=r"loaded_app.py failed to import: broken_part.py, line 3: SyntaxError: inv"):
        load(tmp_path, "import broken_part")


@pytest.mark.parametrize("script", ["main", "m.txt", "sub/app.py", "../app.py", ".py", ""])
def test_a_script_that_is_no_python_file_of_the_app(tmp_path: Path, script: str) -> None:
    app = tmp_path / "app"
    (app / "sub").mkdir(parents=True)
    (app / "host.json").write_text('{"version": "2.0"}')
    for name in ("main", "m.txt", "sub/app.py", "../app.py", ".py"):
        (app / name).write_text(HEAD)
    with pytest.raises(StartupError, match=f"PYTHON_SCRIPT_FILE_NAME must name a Python file .* not '{script}'"):
        load_app(app, {"PYTHON_SCRIPT_FILE_NAME": script})


@pytest.mark.parametrize("name", ["json", "cmd", "host", "pydantic"])
def test_a_script_with_the_name_of_a_module_that_others_import(tmp_path: Path, name: str) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / f"{name}.py").write_text(HEAD)
    before = sys.modules.get(name)
    with pytest.raises(StartupError, match=f"has a module '{name}' already"):
        load_app(tmp_path, {"PYTHON_SCRIPT_FILE_NAME": f"{name}.py"})
    assert sys.modules.get(name) is before


def test_an_app_takes_the_place_of_one_that_was_loaded_before(tmp_path: Path) -> None:
    route = "@app.route('{0}')\ndef {0}(req: func.HttpRequest) -> str: ..."
    with pytest.raises(StartupError, match="not 0"):
        load(tmp_path, "del app")
    for number, name in enumerate("ab"):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert [function.name for function in load(folder, route.format(name)).functions] == [name]


def test_missing_script(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    with pytest.raises(StartupError, match=r"function_app.py is missing: --app must name"):
        load_app(tmp_path, {})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("@app.route('{a:what}')\ndef f(req: func.HttpRequest) -> str: ...", "unknown constraint 'what'"),
        ("@app.route('a/{x}')\ndef f(req: func.HttpRequest) -> str: ...\n"
         "@app.route('a/{y}')\ndef g(req: func.HttpRequest) -> str: ...", "f and g both answer"),
        ("@app.route('x/%NONE%')\ndef f(req: func.HttpRequest) -> str: ...", "app setting NONE"),
        ("@app.route('x')\ndef f(req: func.HttpRequest) -> str: ...\n"
         "@app.route('X', methods=['GET'])\ndef g(req: func.HttpRequest) -> str: ...",
         "f and g both answer GET /api/X"),
    ],
)  # fmt: skip
def test_malformed_routes_stop_the_start(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(StartupError, match=message):
        build_routes(load(tmp_path, source), {})


def test_routes_of_the_host_are_taken(tmp_path: Path) -> None:
    index = load(tmp_path, "@app.route('admin/x')\ndef f(req: func.HttpRequest) -> str: ...")
    assert build_routes(index, {}).has("/api/admin/x")
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')
    index = load_app(tmp_path, {"PYTHON_SCRIPT_FILE_NAME": "loaded_app.py"})
    with pytest.raises(StartupError, match="The route /admin/x of f belongs to the host"):
        build_routes(index, {})
    index = load(tmp_path, "@app.route('durabletask/x')\ndef f(req: func.HttpRequest) -> str: ...")
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')
    index = load_app(tmp_path, {"PYTHON_SCRIPT_FILE_NAME": "loaded_app.py"})
    with pytest.raises(StartupError, match="The route /durabletask/x of f belongs to the host"):
        build_routes(index, {})
