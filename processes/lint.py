"""bpmnlint with the rules of Camunda 8.6: ``npx bpmnlint``, pinned, kept in ``.cache/processes``."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

from processes import CACHE, FOLDER, files

SOURCES: Final = ("package.json", "package-lock.json", ".bpmnlintrc")
SECONDS: Final = 240


class NodeMissing(Exception):
    """Node's linter cannot be had here; the text says why."""


def lint() -> str:
    """What bpmnlint says of the models; empty when there is nothing to say. Raises ``NodeMissing``."""
    home = packages()
    paths = [str(path) for path in files()]
    done = _run([str(home / "node_modules" / ".bin" / "bpmnlint"), *paths], home)
    return (done.stdout + done.stderr).strip() if done.returncode else ""


def packages() -> Path:
    """The folder with the pinned packages, fetched once. Raises ``NodeMissing`` without Node, npm or a registry."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise NodeMissing("bpmnlint needs Node.js 20 or newer and npm on the PATH")
    content = b"".join((FOLDER / "bpmnlint" / name).read_bytes() for name in SOURCES)
    home = CACHE / f"lint-{hashlib.sha256(content).hexdigest()[:12]}"
    if not (home / "node_modules" / ".package-lock.json").exists():
        home.mkdir(parents=True, exist_ok=True)
        for name in SOURCES:
            shutil.copy(FOLDER / "bpmnlint" / name, home)
        done = _run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0", "--fetch-timeout=60000"],
            home,
        )
        if done.returncode:
            raise NodeMissing(f"npm could not fetch bpmnlint:\n{done.stderr.strip()[-400:]}")
    return home


def _run(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NodeMissing(f"{command[0]} took more than {SECONDS} s") from None
