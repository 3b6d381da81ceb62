"""Building when sources changed, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack import build
from stack.java import Jdk
from stack.options import StackError

MVN = """#!/bin/sh
echo run >> "$COUNT"
test -z "$FAIL" || exit 1
target="$(dirname "$5")/target"
mkdir -p "$target/lib" && echo jar > "$target/server.jar" && echo lib > "$target/lib/one.jar"
"""


class Project:
    """A Maven module, and a ``mvn`` that counts its runs."""

    def __init__(self, folder: Path) -> None:
        self.module = folder / "server"
        self.source = self.module / "src" / "Main.java"
        self.source.parent.mkdir(parents=True)
        self.source.write_text("class Main {}")
        (self.module / "pom.xml").write_text("<project/>")
        self.count = folder / "count"

    def build(self) -> Path:
        return build.built("server", "test server", self.module)

    @property
    def runs(self) -> int:
        return len(self.count.read_text().splitlines()) if self.count.exists() else 0


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project(tmp_path)
    maven = tmp_path / "mvn"
    maven.write_text(MVN)
    maven.chmod(0o755)
    monkeypatch.setenv("COUNT", str(project.count))
    monkeypatch.setattr(build, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "find_maven", lambda: str(maven))
    monkeypatch.setattr(build, "find_jdk", lambda: Jdk(Path("/jdk"), 25))
    return project


def test_it_builds_once(project: Project) -> None:
    assert not build.is_built("server", project.module)
    jar = project.build()
    assert build.is_built("server", project.module)
    assert jar.read_text() == "jar\n"
    assert (jar.parent / "lib" / "one.jar").exists()
    assert project.build() == jar
    assert project.runs == 1


def test_a_changed_source_is_built_beside_the_old_one(project: Project) -> None:
    before = project.build()
    project.source.write_text("class Main { int x; }")
    after = project.build()
    assert before != after
    assert before.exists()
    assert project.runs == 2


def test_a_renamed_source_is_a_change(project: Project) -> None:
    before = build.content_hash(project.module)
    project.source.rename(project.source.with_name("Other.java"))
    assert build.content_hash(project.module) != before


def test_what_maven_makes_is_no_source(project: Project) -> None:
    before = build.content_hash(project.module)
    project.build()
    assert build.content_hash(project.module) == before


def test_a_failed_build_names_its_log_and_is_tried_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL", "1")
    with pytest.raises(StackError, match=r"Maven could not build server: see .*server-build\.log\."):
        project.build()
    monkeypatch.setenv("FAIL", "")
    assert project.build().exists()
