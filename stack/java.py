"""Finds a JDK and Maven, and holds the JVM's options."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Final

from stack.options import ToolMissing

OLDEST: Final = 21
_FOLDERS: Final = (
    "/usr/lib/jvm/*",
    "/usr/java/*",
    "/opt/*",
    "/opt/java/*",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    "/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
    "~/.sdkman/candidates/java/*",
    "~/.jdks/*",
    "~/.local/share/mise/installs/java/*",
    "~/.asdf/installs/java/*",
)
_MEMORY: Final = {
    "rules": "-Xmx384m",
    "fhir": "-Xmx448m",
    "kafka": "-Xmx192m",
    "registry": "-Xmx192m",
    "camunda": "-Xmx512m",
    "webapps": "-Xmx512m",
    "opensearch": "-Xmx512m",
}
ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "2"}
"""glibc keeps an arena a thread otherwise: 60 MB more of nothing."""


@dataclass(frozen=True, slots=True)
class Jdk:
    """An installed JDK."""

    home: Path
    version: int

    @property
    def java(self) -> Path:
        """The ``java`` program."""
        return self.home / "bin" / "java"


def jvm_options(server: str, jdk: Jdk, archive: Path, *, warm: bool = False) -> list[str]:
    """Small and quick to start: serial collector, first compiler tier (unless ``warm``), classes archived at the first
    stop."""
    # Guava and XStream still use sun.misc.Unsafe, and JDK 24 warns of it at every start.
    unsafe = ["--sun-misc-unsafe-memory-access=allow"] if jdk.version >= 23 else []
    return [
        *unsafe,
        "-XX:+UseSerialGC",
        *([] if warm else ["-XX:TieredStopAtLevel=1"]),
        _MEMORY[server],
        "-XX:+AutoCreateSharedArchive",
        f"-XX:SharedArchiveFile={archive}",
        "-Xlog:disable",
        "-Xlog:all=error:stderr",
        "-Duser.timezone=UTC",
    ]


def find_jdk(environment: Mapping[str, str] = os.environ, folders: Sequence[str] = _FOLDERS) -> Jdk:
    """The newest JDK of version 21 or newer, of JAVA_HOME, the PATH and the usual folders. Raises ``ToolMissing``."""
    homes = {home.resolve() for home in _homes(environment, folders) if (home / "bin" / "javac").exists()}
    jdks = [Jdk(home, version) for home in homes if (version := _version(home))]
    suitable = [jdk for jdk in jdks if jdk.version >= OLDEST]
    if not suitable:
        found = ", ".join(sorted(str(jdk.version) for jdk in jdks)) or "none"
        raise ToolMissing(
            f"A JDK of version {OLDEST} or newer is needed (found: {found}): "
            "install one, for example Eclipse Temurin, or point JAVA_HOME to it."
        )
    return max(suitable, key=lambda jdk: (jdk.version, str(jdk.home)))


def find_maven(environment: Mapping[str, str] = os.environ) -> str:
    """The ``mvn`` program, of the PATH or MAVEN_HOME. Raises ``ToolMissing``."""
    folders = [environment.get("PATH", ""), f"{environment.get('MAVEN_HOME', '/nonexistent')}/bin"]
    maven = shutil.which("mvn", path=os.pathsep.join(folders))
    if maven is None:
        raise ToolMissing("Maven is needed to build the servers: install it, so that mvn is on the PATH.")
    return maven


def _homes(environment: Mapping[str, str], folders: Sequence[str]) -> Iterator[Path]:
    if environment.get("JAVA_HOME"):
        yield Path(environment["JAVA_HOME"])
    java = shutil.which("java", path=environment.get("PATH", ""))
    if java is not None:
        yield Path(java).resolve().parent.parent
    for pattern in folders:
        yield from map(Path, glob(str(Path(pattern).expanduser())))


def _version(home: Path) -> int | None:
    """The major version, of the ``release`` file that every JDK carries."""
    release = home / "release"
    text = release.read_text(errors="replace") if release.is_file() else ""
    match = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', text, re.MULTILINE)
    return int(match.group(1)) if match else None
