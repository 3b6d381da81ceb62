"""Builds a server's Maven module when its sources changed, and keeps the result apart from ``target/``.

A build never touches the files of a running server: each content hash has a folder of its own in ``.cache/stack``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stack.java import find_jdk, find_maven
from stack.options import CACHE, ROOT, StackError
from stack.progress import Progress

_TICK: Final = 0.5


def built(name: str, title: str, module: Path) -> Path:
    """The jar of ``module``, built if need be. Raises ``StackError`` with the log's place when Maven fails."""
    jar = _jar(name, module)
    if jar.exists():
        return jar
    with _alone():
        if not jar.exists():
            _maven(name, title, module)
            _keep(module, jar.parent, jar)
    return jar


def is_built(name: str, module: Path) -> bool:
    """Whether ``built`` has nothing to do, and so nothing to download."""
    return _jar(name, module).exists()


def content_hash(module: Path) -> str:
    """SHA-256 over the names and contents of the POM and everything under ``src``."""
    digest = hashlib.sha256()
    for path in [module / "pom.xml", *sorted(p for p in (module / "src").rglob("*") if p.is_file())]:
        digest.update(str(path.relative_to(module)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _jar(name: str, module: Path) -> Path:
    return CACHE / f"{name}-{content_hash(module)[:12]}" / f"{module.name}.jar"


def _maven(name: str, title: str, module: Path) -> None:
    log = CACHE / f"{name}-build.log"
    command = [find_maven(), "-q", "-B", "-DskipTests", "-f", str(module / "pom.xml"), "package"]
    environment = {**os.environ, "JAVA_HOME": str(find_jdk().home)}
    with log.open("wb") as out, Progress(f"{title}: building (the first time downloads its libraries)") as progress:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            while _running(process):
                progress.tick()
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode:
            raise StackError(f"Maven could not build {module.relative_to(ROOT)}: see {log}.")


def _running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_TICK)
    except subprocess.TimeoutExpired:
        return True
    return False


def _keep(module: Path, folder: Path, jar: Path) -> None:
    """Copy the jar and hard-link the libraries; the jar comes last, so that a folder with a jar is complete."""
    target = module / "target"
    (folder / "lib").mkdir(parents=True, exist_ok=True)
    for library in (path for path in (target / "lib").rglob("*") if path.is_file()):
        _link(library, folder / library.relative_to(target))
    newest = max(target.glob("*.jar"), key=lambda path: path.stat().st_mtime)
    part = jar.with_suffix(".part")
    shutil.copy2(newest, part)
    part.replace(jar)


def _link(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.unlink(missing_ok=True)
    try:
        os.link(source, destination)
    except OSError:
        shutil.copy2(source, destination)


@contextmanager
def _alone() -> Iterator[None]:
    """One build at a time on this machine."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
