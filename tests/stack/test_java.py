"""Finding a JDK and Maven."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stack.java import Jdk, find_jdk, find_maven, jvm_options
from stack.options import ToolMissing


def install(home: Path, version: str, programs: tuple[str, ...] = ("java", "javac")) -> Path:
    (home / "bin").mkdir(parents=True)
    for program in programs:
        (home / "bin" / program).touch(mode=0o755)
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home


def test_the_newest_of_all_places_wins(tmp_path: Path) -> None:
    old = install(tmp_path / "path" / "jdk", "21.0.2")
    environment = {"PATH": str(old / "bin"), "JAVA_HOME": str(install(tmp_path / "home", "17.0.9"))}
    newest = install(tmp_path / "usual" / "temurin", "25")
    install(tmp_path / "usual" / "eight", "1.8.0_402")
    assert find_jdk(environment, [str(tmp_path / "usual" / "*")]) == Jdk(newest.resolve(), 25)


def test_a_java_on_the_path_is_followed_to_its_jdk(tmp_path: Path) -> None:
    home = install(tmp_path / "jdk", "22.0.1")
    (tmp_path / "bin").mkdir()
    os.symlink(home / "bin" / "java", tmp_path / "bin" / "java")
    assert find_jdk({"PATH": str(tmp_path / "bin")}, []) == Jdk(home.resolve(), 22)


def test_a_runtime_without_a_compiler_does_not_do(tmp_path: Path) -> None:
    install(tmp_path / "jre", "25", ("java",))
    with pytest.raises(ToolMissing, match=r"found: none"):
        find_jdk({}, [str(tmp_path / "*")])


def test_what_is_too_old_is_told_in_one_sentence(tmp_path: Path) -> None:
    install(tmp_path / "a", "17.0.9")
    install(tmp_path / "b", "11.0.1")
    with pytest.raises(
        ToolMissing, match=r"^A JDK of version 21 or newer is needed \(found: 11, 17\): install one.*\.$"
    ):
        find_jdk({"JAVA_HOME": str(tmp_path / "gone")}, [str(tmp_path / "*")])


def test_maven_is_found_or_asked_for(tmp_path: Path) -> None:
    home = install(tmp_path, "21", ("mvn",))
    assert find_maven({"PATH": "", "MAVEN_HOME": str(home)}) == str(home / "bin" / "mvn")
    with pytest.raises(ToolMissing, match=r"Maven is needed"):
        find_maven({"PATH": "/nonexistent"})


def test_the_unsafe_option_goes_only_to_a_jdk_that_knows_it() -> None:
    options = {v: jvm_options("fhir", Jdk(Path("/jdk"), v), Path("/a.jsa")) for v in (21, 25)}
    assert not any("unsafe" in option for option in options[21])
    assert any("unsafe" in option for option in options[25])
