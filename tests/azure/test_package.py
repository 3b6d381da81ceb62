"""The package that ``.funcignore`` leaves: just what is deployed, and it works by itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pathspec
import pytest

from stack.options import ROOT

DEPLOYED = {
    "activities",
    "adapters",
    "domain",
    "entities",
    "function_app.py",
    "host.json",
    "orchestrators",
    "processes",
    "requirements.txt",
    "settings.py",
    "triggers",
}
INDEX = """
import function_app
names = sorted(function.get_function_name() for function in function_app.app.get_functions())
print(" ".join(names))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that would be published, copied out of the repository."""
    ignored = pathspec.PathSpec.from_lines("gitignore", (ROOT / ".funcignore").read_text().splitlines())
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    folder = tmp_path_factory.mktemp("package")
    for name in tracked.stdout.splitlines():
        if not ignored.match_file(name) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def test_the_package_holds_just_what_is_deployed(package: Path) -> None:
    assert {path.name for path in package.iterdir()} == DEPLOYED
    assert {path.suffix for path in (package / "processes").rglob("*") if path.is_file()} == {".bpmn"}


def test_the_package_indexes_by_itself(package: Path) -> None:
    found = subprocess.run([sys.executable, "-c", INDEX], cwd=package, check=True, capture_output=True, text=True)
    names = found.stdout.split()
    assert {"submit", "prior_authorization", "record_decision", "review_load", "sweep"} <= set(names)
