"""``doctor``: whether a host of this app and data directory would start and run well, in plain sentences.

It changes nothing: the database is opened read-only, and no value of a setting is printed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from host.cli.finding import Finding, note, ok, problem

TESTED = ((3, 11), (3, 13))
FUNCTIONS = "azure-functions"
DURABLE = "azure-functions-durable"


def doctor(options: argparse.Namespace) -> int:
    """Print what is found as it is found; 1 if there is a problem, else 0."""
    problems = 0
    for finding in _findings(options):
        print(finding, flush=True)
        problems += finding.level == "problem"
    print(f"\n{problems or 'no'} problem{'s' * (problems > 1)} found.")
    return 1 if problems else 0


def _findings(options: argparse.Namespace) -> Iterator[Finding]:
    app = options.app.resolve()
    data = (options.data or app / ".data" / "host").resolve()
    yield python_finding(sys.version_info[:2])
    packages = [_package(FUNCTIONS), _package(DURABLE)]
    yield from packages
    if any(each.level == "problem" for each in packages):
        return  # nothing of the host imports without them

    from host.cli.app_checks import app_findings
    from host.cli.data_checks import data_findings, port_finding

    if app.is_dir():
        os.chdir(app)  # as ``start`` does
    yield from app_findings(app, os.environ)
    yield from data_findings(data)
    if options.port is not None:
        yield port_finding(options.address, options.port, data)


def python_finding(running: tuple[int, int]) -> Finding:
    """Whether this Python (major, minor) is one that the host is tested on."""
    words = f"Python {platform.python_version()}"
    if running in TESTED:
        return ok(f"{words}.")
    tested = " and ".join(f"{major}.{minor}" for major, minor in TESTED)
    return note(f"{words}: the host is tested on {tested}.")


def _package(name: str) -> Finding:
    try:
        return package_finding(name, version(name))
    except PackageNotFoundError:
        return problem(f"{name} is not installed: pip install {name}.")


def package_finding(name: str, installed: str) -> Finding:
    """Whether the host can work with this version of a package."""
    if name == DURABLE and not installed.startswith("1."):
        return problem(f"{name} {installed}: this host speaks the protocol of 1.x: pip install '{name}<2'.")
    return ok(f"{name} {installed}.")
