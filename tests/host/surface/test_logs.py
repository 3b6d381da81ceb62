"""Log lines."""

from __future__ import annotations

import json
import logging
import sys

from host.logs import Correlate, JsonFormatter, TextFormatter, current_instance, current_trace


def record(message: str, error: bool = False) -> logging.LogRecord:
    info = None
    if error:
        try:
            raise ValueError("canary-value")
        except ValueError:
            info = sys.exc_info()
    made = logging.LogRecord("app", logging.WARNING, __file__, 1, message, (), info)
    Correlate().filter(made)
    return made


def test_json_lines_carry_trace_and_instance() -> None:
    trace = current_trace.set(f"00-{'a' * 32}-{'b' * 16}-01")
    instance = current_instance.set("case-1")
    try:
        line = json.loads(JsonFormatter().format(record("hello")))
    finally:
        current_instance.reset(instance)
        current_trace.reset(trace)
    assert (line["message"], line["level"], line["logger"]) == ("hello", "WARNING", "app")
    assert (line["trace"], line["instance"]) == ("a" * 32, "case-1")


def test_lines_outside_a_function_carry_neither() -> None:
    line = json.loads(JsonFormatter().format(record("hello")))
    assert line.keys() == {"time", "level", "logger", "message"}
    assert "WARNING app: hello" in TextFormatter().format(record("hello"))


def test_exceptions_are_type_and_frames() -> None:
    for formatter in (JsonFormatter(), TextFormatter()):
        text = formatter.format(record("it broke", error=True))
        assert "ValueError at " in text
        assert "test_logs.py" in text
        assert "canary-value" not in text
