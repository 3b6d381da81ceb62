"""The host as a package: installed by itself into an empty environment, it runs an app that it has never seen."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement

from host.cli.api import Api
from tests.ports import free_port

ROOT: Final = Path(__file__).parents[2]
HOST: Final = ROOT / "host"
STRANGER: Final = Path(__file__).parent / "stranger"
WAIT: Final = 60.0
"""Seconds: for a machine that is busy."""
SETUP: Final = 500.0
"""Seconds: to fetch and install what the host needs."""
FILES: Final = """
import json, pathlib, host
root = pathlib.Path(host.__file__).parent
print(json.dumps([str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"]))
"""
# Import name: distribution. The first that fits counts.
DISTRIBUTIONS: Final = {
    "aiohttp": "aiohttp",
    "azure.durable_functions": "azure-functions-durable",
    "azure.eventhub": "azure-eventhub",
    "azure.functions": "azure-functions",
    "azure.monitor.opentelemetry": "azure-monitor-opentelemetry",
    "confluent_kafka": "confluent-kafka",
    "multidict": "multidict",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry": "opentelemetry-api",
    "pydantic": "pydantic",
    "pytest": "pytest",
    "pytest_asyncio": "pytest-asyncio",
    "yarl": "yarl",
}


def _project() -> dict[str, Any]:
    return tomllib.loads((HOST / "pyproject.toml").read_text(encoding="utf-8"))


def _requirements() -> list[Requirement]:
    """Of the host and of all of its extras."""
    project = _project()["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(text) for text in [*project["dependencies"], *(text for extra in extras for text in extra)]]


def _sources() -> set[str]:
    """The files of the host that are or would be checked in."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."]
    listed = subprocess.run(command, cwd=HOST, check=True, capture_output=True, text=True).stdout.splitlines()
    return {name for name in listed if (HOST / name).exists() and ".egg-info/" not in name}


def _imported() -> set[str]:
    """Modules from outside that the host imports, wherever it does."""
    found = set[str]()
    for path in HOST.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.partition(".")[0] not in {*sys.stdlib_module_names, "host"}}


def test_every_import_is_a_dependency_and_every_dependency_is_imported() -> None:
    needed = {
        next((name for module, name in DISTRIBUTIONS.items() if f"{imported}.".startswith(f"{module}.")), imported)
        for imported in _imported()
    }
    assert needed | {"tzdata"} == {requirement.name for requirement in _requirements()}


def test_the_versions_that_are_tested_are_allowed() -> None:
    installed = {each.name: metadata.version(each.name) for each in _requirements()}
    assert [str(each) for each in _requirements() if not each.specifier.contains(installed[each.name])] == []


def test_every_folder_with_code_is_a_package() -> None:
    folders = {Path(name).parent for name in _sources() if name.endswith(".py")}
    assert set(_project()["tool"]["setuptools"]["packages"]) == {".".join(("host", *path.parts)) for path in folders}


def _environment() -> dict[str, str]:
    """Ours, without what points to this repository."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def _run(*command: str | Path, cwd: Path, seconds: float = WAIT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(each) for each in command],
        cwd=cwd,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the host and its test kit. Skips where no packages can be fetched."""
    home = tmp_path_factory.mktemp("installed")
    shutil.copytree(HOST, home / "host", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    assert _run(sys.executable, "-m", "venv", home / "venv", cwd=home).returncode == 0
    python = home / "venv" / "bin" / "python"
    builder = _project()["build-system"]["requires"][0]
    fetched = _run(python, "-m", "pip", "download", "-q", "--no-deps", "-d", "fetched", builder, cwd=home)
    if fetched.returncode:
        pytest.skip(f"no packages can be fetched here: {fetched.stderr.strip()[-200:]}")
    installed = _run(python, "-m", "pip", "install", "-q", "./host[test]", cwd=home, seconds=SETUP)
    assert installed.returncode == 0, installed.stderr[-2000:]
    return python


@contextmanager
def _started(python: Path, app: Path, data: Path, *options: str) -> Iterator[str]:
    """The origin of a host in a process of its own, which must end well."""
    where = ["--app", str(app), "--port", str(free_port()), "--data", str(data)]
    command = [str(python), "-m", "host", "start", *where, *options]
    with subprocess.Popen(
        command, cwd=data.parent, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield _ready(process)
            process.terminate()
            assert process.wait(WAIT) == 0
        finally:
            process.kill()


def _ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    end, output = time.monotonic() + WAIT, ""
    while time.monotonic() < end and (line := process.stdout.readline()):
        output += line
        if line.startswith("Ready at "):
            return line.split()[2]
    raise AssertionError(f"the host did not start:\n{output}")


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_nothing_is_missing_and_nothing_else_is_there(python: Path, tmp_path: Path) -> None:
    listed = _run(python, "-c", FILES, cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert set(json.loads(listed.stdout)) == _sources() - {"README.md", "pyproject.toml"}
    assert _run(python, "-c", "import domain", cwd=tmp_path).returncode == 1, "the app is not there"


@pytest.mark.integration
@pytest.mark.timeout(900)
@pytest.mark.parametrize("options", [(), ("--isolate",)])
def test_it_runs_an_app_that_it_has_never_seen(python: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    app, data = tmp_path / "app", tmp_path / "data"
    shutil.copytree(STRANGER, app, ignore=shutil.ignore_patterns("__pycache__"))
    with _started(python, app, data, *options) as origin:
        with urllib.request.urlopen(f"{origin}/api/greet/you", timeout=WAIT) as answer:
            assert answer.read() == b"hello you"
        api = Api(data)
        api.manage("POST", "/orchestrators/greetings/g-1", json.dumps(["Ann", "Bo"]), timeout="30")
        status = api.manage("GET", "/instances/g-1")
        assert (status["runtimeStatus"], status["output"]) == ("Completed", ["hello Ann", "hello Bo"])
        assert api.manage("GET", "/entities/counter/greetings") == 2


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_pytest_finds_the_plugin(python: Path, tmp_path: Path) -> None:
    for name in ("function_app.py", "flow_checks.py"):
        shutil.copy(STRANGER / name, tmp_path)
    scope = "asyncio_default_fixture_loop_scope=function"  # pytest-asyncio warns without it
    done = _run(python, "-m", "pytest", "-W", "error", "-o", scope, "flow_checks.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
