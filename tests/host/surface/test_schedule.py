"""Timer triggers by the virtual clock, over restarts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from host.app import AppIndex, load_app
from host.clock import VirtualClock
from host.due_times import DueTimes
from host.schedule import read_timers
from host.settings import StartupError
from host.testing_http import http_host

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SOURCE = """
import azure.functions as func
app = func.FunctionApp()
seen = []

@app.timer_trigger(schedule="{schedule}", arg_name="timer", run_on_startup={startup}, use_monitor={monitor})
def tick(timer: func.TimerRequest) -> None:
    seen.append((timer.past_due, timer.schedule_status["Last"], timer.schedule_status["Next"]))
    if {fails}:
        raise ValueError("canary-value")
"""


def make_app(
    folder: Path, schedule: str = "0 0 * * * *", startup: bool = False, monitor: bool | None = None, fails: bool = False
) -> AppIndex:
    (folder / "host.json").write_text('{"version": "2.0"}')
    source = SOURCE.format(schedule=schedule, startup=startup, monitor=monitor, fails=fails)
    (folder / "timer_app.py").write_text(source)
    return load_app(folder, {"PYTHON_SCRIPT_FILE_NAME": "timer_app.py"})


def seen() -> list[Any]:
    return list(sys.modules["timer_app"].seen)


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    sys.modules.pop("timer_app", None)


async def test_each_due_instant_runs_once(tmp_path: Path) -> None:
    async with http_host(make_app(tmp_path), clock=VirtualClock(START)) as host:
        await host.durable.advance(hours=3, minutes=1)
        hours = [datetime.fromisoformat(last).hour for _, last, _ in seen()]
        assert hours == [10, 11, 12]
        assert not any(past_due for past_due, _, _ in seen())
        assert seen()[0][2] == "2026-01-05T11:00:00+00:00"


async def test_run_on_startup(tmp_path: Path) -> None:
    async with http_host(make_app(tmp_path, startup=True), clock=VirtualClock(START)) as host:
        await host.durable.advance(minutes=1)
        assert len(seen()) == 1


async def test_missed_runs_are_caught_up_once(tmp_path: Path) -> None:
    app, file = make_app(tmp_path), tmp_path / "timers.json"
    async with http_host(app, clock=VirtualClock(START), timer_file=file) as host:
        await host.durable.advance(hours=1)
    later = VirtualClock(START + timedelta(hours=5, minutes=30))
    async with http_host(app, clock=later, timer_file=file) as host:
        await host.durable.advance(minutes=1)
        assert [past_due for past_due, _, _ in seen()] == [False, True]
        await host.durable.advance(minutes=30)
        assert [past_due for past_due, _, _ in seen()] == [False, True, False]


async def test_restart_in_the_same_instant_runs_nothing_twice(tmp_path: Path) -> None:
    app, file = make_app(tmp_path), tmp_path / "timers.json"
    for _ in range(2):
        async with http_host(app, clock=VirtualClock(START + timedelta(minutes=59)), timer_file=file) as host:
            await host.durable.advance(minutes=1, seconds=30)
    assert len(seen()) == 1
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Where ``data`` leads: moved away, nothing in ``data`` can be written, nor is anything there."""
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    return tmp_path / "disk"


async def test_a_timer_waits_while_its_next_instant_cannot_be_written_and_goes_on(
    tmp_path: Path, disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app, file = make_app(tmp_path), tmp_path / "data" / "timers.json"
    disk.mkdir()
    async with http_host(app, clock=VirtualClock(START), timer_file=file) as host:
        await host.durable.advance(hours=1)
        away = disk.rename(tmp_path / "away")
        await host.durable.advance(hours=2, minutes=30)
        assert len(seen()) == 1
        assert caplog.text.count("timers.json cannot be written (FileExistsError)") == 1
        away.rename(disk)
        await host.durable.advance(minutes=1)
        await host.durable.advance(hours=1)
        assert [(past_due, datetime.fromisoformat(last).hour) for past_due, last, _ in seen()] == [
            (False, 10),
            (True, 11),
            (False, 13),
        ]
    assert caplog.text.count("timers.json can be written again") == 1
    async with http_host(app, clock=VirtualClock(START + timedelta(hours=4)), timer_file=file) as host:
        await host.durable.advance(minutes=59)
    assert len(seen()) == 3, "what ran while it was late is remembered"


async def test_a_timer_whose_first_instant_cannot_be_written_runs_at_that_instant(tmp_path: Path, disk: Path) -> None:
    app = make_app(tmp_path)
    async with http_host(app, clock=VirtualClock(START), timer_file=tmp_path / "data" / "timers.json") as host:
        await host.durable.advance(minutes=30)
        disk.mkdir()
        await host.durable.advance(minutes=30)
        assert [past_due for past_due, _, _ in seen()] == [False]


@pytest.mark.parametrize("entry", ["1", '{"schedule": "0 0 * * * *"}', '{"schedule": "x", "next": "soon"}'])
def test_a_file_without_times_is_refused(tmp_path: Path, entry: str) -> None:
    (tmp_path / "timers.json").write_text(f'{{"tick": {entry}}}')
    with pytest.raises(StartupError, match=r"timers\.json does not hold times of timers"):
        DueTimes(tmp_path / "timers.json")


async def test_changed_schedule_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "timers.json"
    async with http_host(make_app(tmp_path), clock=VirtualClock(START), timer_file=file):
        pass
    app = make_app(tmp_path, schedule="0 30 * * * *")
    async with http_host(app, clock=VirtualClock(START + timedelta(hours=3)), timer_file=file) as host:
        await host.durable.advance(minutes=31)
        assert [past_due for past_due, _, _ in seen()] == [False]


@pytest.mark.parametrize(("schedule", "monitor"), [("*/10 * * * * *", None), ("0 0 * * * *", False)])
async def test_unmonitored_timers_are_not_caught_up(tmp_path: Path, schedule: str, monitor: bool | None) -> None:
    app, file = make_app(tmp_path, schedule, monitor=monitor), tmp_path / "timers.json"
    async with http_host(app, clock=VirtualClock(START), timer_file=file):
        pass
    async with http_host(app, clock=VirtualClock(START + timedelta(hours=3, seconds=5)), timer_file=file) as host:
        await host.durable.advance(seconds=1)
    assert seen() == []


async def test_failure_is_logged_without_its_text_and_the_timer_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with http_host(make_app(tmp_path, fails=True), clock=VirtualClock(START)) as host:
        await host.durable.advance(hours=2)
    assert len(seen()) == 2
    assert "tick failed: ValueError" in caplog.text
    assert "canary-value" not in caplog.text


async def test_operator_runs_a_timer_now(tmp_path: Path) -> None:
    async with http_host(make_app(tmp_path), clock=VirtualClock(START)) as host:
        async with host.client.post("/admin/functions/TICK", params={"code": host.keys.master}) as response:
            assert response.status == 202
        await host.timers.idle()
        assert len(seen()) == 1
        async with host.client.post("/admin/functions/tick") as response:
            assert response.status == 401


@pytest.mark.parametrize(
    ("schedule", "environ", "message"),
    [
        ("nonsense", {}, "The schedule 'nonsense' of tick"),
        ("9999999.00:00:00", {}, "The schedule '9999999.00:00:00' of tick: is never due"),
        ("%MISSING%", {}, "app setting MISSING, which is not set"),
        ("0 0 * * * *", {"WEBSITE_TIME_ZONE": "Mars/Olympus"}, "WEBSITE_TIME_ZONE names no IANA time zone"),
    ],
)
def test_malformed_timers_stop_the_start(tmp_path: Path, schedule: str, environ: dict[str, str], message: str) -> None:
    with pytest.raises(StartupError, match=message):
        read_timers(make_app(tmp_path, schedule), environ)


def test_schedule_from_a_setting(tmp_path: Path) -> None:
    (timer,) = read_timers(make_app(tmp_path, "%Every%"), {"EVERY": "00:10:00"})
    assert timer.text == "00:10:00"


async def test_clock_set_back_repeats_nothing(tmp_path: Path) -> None:
    app, clock = make_app(tmp_path), SetBack(START)
    async with http_host(app, clock=clock) as host:
        await host.durable.advance(hours=1, minutes=30)
    assert [datetime.fromisoformat(last).hour for _, last, _ in seen()] == [10]


async def test_schedules_can_be_left_alone(tmp_path: Path) -> None:
    async with http_host(make_app(tmp_path), clock=VirtualClock(START), run_timers=False) as host:
        await host.durable.advance(hours=3)
    assert seen() == []


class SetBack(VirtualClock):
    """Tells a time two minutes too early once 10:00 is reached."""

    def now(self) -> datetime:
        now = super().now()
        return now - timedelta(minutes=2) if now >= START + timedelta(hours=1) else now


RETRIED = """
import azure.functions as func
app = func.FunctionApp()
seen = []

@app.timer_trigger(schedule="0 0 * * * *", arg_name="timer", use_monitor=False)
@app.retry(strategy="exponential_backoff", max_retry_count="{count}", minimum_interval="00:00:10",
           maximum_interval="00:05:00")
def tick(timer: func.TimerRequest, context: func.Context) -> None:
    seen.append((context.invocation_id, context.retry_context.retry_count, context.retry_context.max_retry_count))
    raise ValueError("canary-value")
"""


def make_retried(folder: Path, count: int) -> AppIndex:
    (folder / "host.json").write_text('{"version": "2.0"}')
    (folder / "timer_app.py").write_text(RETRIED.format(count=count))
    return load_app(folder, {"PYTHON_SCRIPT_FILE_NAME": "timer_app.py"})


async def test_failed_run_is_retried_by_its_policy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with http_host(make_retried(tmp_path, 2), clock=VirtualClock(START)) as host:
        await host.durable.advance(hours=1)
        assert [retry for _, retry, _ in seen()] == [0]
        await host.durable.advance(seconds=9)
        assert [retry for _, retry, _ in seen()] == [0], "the pause has not ended"
        await host.durable.advance(seconds=1)
        assert [retry for _, retry, _ in seen()] == [0, 1]
        await host.durable.advance(minutes=5)
        assert [retry for _, retry, _ in seen()] == [0, 1, 2]
        assert {most for _, _, most in seen()} == {2}
        assert len({invocation for invocation, _, _ in seen()}) == 3, "each try is an invocation of its own"
        await host.durable.advance(minutes=30)
        assert len(seen()) == 3
    assert "canary-value" not in caplog.text


async def test_stop_does_not_wait_for_a_retry(tmp_path: Path) -> None:
    async with http_host(make_retried(tmp_path, -1), clock=VirtualClock(START)) as host:
        await host.durable.advance(hours=1)
    assert len(seen()) == 1
