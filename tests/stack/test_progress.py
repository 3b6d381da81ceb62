"""The line that tells what takes long."""

from __future__ import annotations

import io

import pytest

from stack.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_the_seconds_in_place() -> None:
    out = Terminal()
    with Progress("FHIR server: starting", out) as progress:
        progress.tick()
    assert "\rFHIR server: starting … 0 s" in out.getvalue()
    assert out.getvalue().endswith("FHIR server: starting … done after 0.0 s\n")


def test_a_file_sees_a_line_seldom() -> None:
    out = io.StringIO()
    with Progress("building", out) as progress:
        progress.tick()
        progress.tick()
    assert out.getvalue() == "building … done after 0.0 s\n"


def test_a_failure_is_told() -> None:
    out = io.StringIO()
    with pytest.raises(RuntimeError), Progress("building", out):
        raise RuntimeError
    assert "building … failed after" in out.getvalue()
