"""The fleet: entities, schedules and a quarter of a year on a virtual clock; functions in a child process."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.durable_functions import DurableOrchestrationClient as Client
from azure.durable_functions import EntityId, OrchestrationRuntimeStatus

from tests.apps.conftest import Ended
from tests.apps.curl import Answer
from tests.apps.process import MANAGEMENT, AppProcess

APP = Path(__file__).parent / "fleet"
OPTIONS = ("--clock", "virtual", "--isolate")

Curl = Callable[..., Answer]
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def drive(host: AppProcess, plate: str, km: int) -> None:
    """Have a vehicle driven."""
    assert host.ask("PATCH", f"/vehicles/{plate}/{km}").status_code == 202
    host.advance()


def test_start_tells_functions_and_urls(host: AppProcess) -> None:
    assert host.api == host.origin, "the route prefix is empty"
    assert "weekly: timerTrigger" in host.output
    assert "tyre_change: disabled" in host.output
    assert host.ask("GET", "/tyres").status_code == 404
    assert "NOT SERVED" not in host.output


async def test_vehicles_are_driven(host: AppProcess, client: Client) -> None:
    for km in (40, 2):
        drive(host, "AA001", km)
    assert host.ask("GET", "/vehicles/AA001").json() == {"km": 42, "serviced_at": 0}
    await client.signal_entity(EntityId("Vehicle", "AA001"), "drive", 8, task_hub_name="FleetHub")
    host.advance()
    state = await client.read_entity_state(EntityId("vehicle", "AA001"))
    assert state.entity_exists
    assert state.entity_state["__data__"] == {"km": 50, "serviced_at": 0}
    drive(host, "AA001", -1)
    assert host.ask("GET", "/vehicles/AA001").json()["km"] == 50
    assert "Operation 'drive' signalled to entity @vehicle@AA001 failed" in host.output


def start(host: AppProcess, plate: str, job: str, **content: object) -> int:
    """Start a job of a vehicle; the status of the answer."""
    status = host.ask("POST", f"/vehicles/{plate}/{job}", content).status_code
    host.advance()
    return status


async def test_service_every_quarter(host: AppProcess, client: Client, ended: Ended) -> None:
    assert start(host, "DD001", "maintenance", quarters=2, done=[]) == 202
    assert start(host, "DD001", "maintenance", quarters=9, done=[]) == 409, "one at a time"
    for km in (100, 250):
        drive(host, "DD001", km)
        host.advance(days=91)
    assert (await ended("maintenance-DD001")).output == [100, 250]
    assert host.ask("GET", "/vehicles/DD001").json() == {"km": 350, "serviced_at": 350}
    history = (await client.get_status("maintenance-DD001", show_history=True)).historyEvents
    assert [event["EventType"] for event in history].count("ExecutionStarted") == 1, "each quarter has its own"
    assert start(host, "DD001", "maintenance", quarters=1, done=[]) == (202 if host.compat == "azure" else 500)


@pytest.mark.parametrize(
    ("plate", "events", "outcome"),
    [
        ("EE001", ("loaded", "fuelled"), "driven"),
        ("EE002", ("fuelled", "loaded"), "driven"),
        ("EE003", ("loaded", "off"), "called off"),
        ("EE004", ("fuelled",), "shift over"),
    ],
)
async def test_dispatch(
    host: AppProcess, client: Client, ended: Ended, plate: str, events: tuple[str, ...], outcome: str
) -> None:
    assert start(host, plate, "dispatch", km=[10, 20]) == 202
    for event in events:
        await client.raise_event(f"dispatch-{plate}", event)
        host.advance()
    host.advance(hours=8)
    assert (await ended(f"dispatch-{plate}")).output == outcome
    driven = host.ask("GET", f"/vehicles/{plate}")
    assert driven.status_code == (200 if outcome == "driven" else 404)
    assert outcome != "driven" or driven.json()["km"] == 30


async def test_an_operation_that_fails_is_caught(host: AppProcess, client: Client, ended: Ended) -> None:
    assert start(host, "FF001", "dispatch", km=[10, -5, 10]) == 202
    for event in ("loaded", "fuelled"):
        await client.raise_event("dispatch-FF001", event)
    host.advance()
    assert (await ended("dispatch-FF001")).output == "stopped: an odometer counts upwards"
    assert host.ask("GET", "/vehicles/FF001").json()["km"] == 10


async def test_lists_and_filters(host: AppProcess, client: Client) -> None:
    for number in range(25):
        await client.start_new("inspect_one", f"list-{number:02}", f"GG{number:03}")
    host.advance()
    done = await client.get_status_by(
        EPOCH, runtime_status=[OrchestrationRuntimeStatus.Completed], instance_id_prefix="list-1"
    )
    assert [status.instance_id for status in done] == [f"list-{number}" for number in range(10, 20)]
    assert {f"list-{number:02}" for number in range(25)} <= {each.instance_id for each in await client.get_status_all()}
    began = done[0].created_time
    host.advance(hours=1)
    await client.start_new("inspect_one", "list-later", "GG999")
    host.advance()
    later = await client.get_status_by(began + timedelta(minutes=1), instance_id_prefix="list-")
    assert [status.instance_id for status in later] == ["list-later"]
    gone = await client.purge_instance_history_by(began, began + timedelta(minutes=1))
    assert gone.instances_deleted >= 25
    assert [each.instance_id for each in await client.get_status_by(instance_id_prefix="list-")] == ["list-later"]
    assert (await client.purge_instance_history("list-later")).instances_deleted == 1
    assert (await client.purge_instance_history("list-later")).instances_deleted == 0


def monday_at(host: AppProcess, hour: int) -> None:
    """Move the clock to the next Monday, at a full hour."""
    now = host.advance()
    then = now.replace(hour=hour, minute=0, second=0) + timedelta(days=-now.weekday() % 7)
    host.advance(seconds=(then + timedelta(days=7 * (then <= now)) - now).total_seconds())


async def test_the_weekly_inspection_books_who_has_run_far(host: AppProcess, client: Client, ended: Ended) -> None:
    for plate, km in (("BB001", 15_000), ("BB002", 14_999), ("ZZ003", 20_000)):
        assert host.ask("PUT", f"/vehicles/{plate}").status_code == 202
        drive(host, plate, km)
    monday_at(host, 3)
    assert (await client.get_status("weekly")).runtime_status is OrchestrationRuntimeStatus.Running
    assert (await client.get_status("weekly-BB001")).output == "BB001"
    host.advance(hours=1)
    first = await ended("weekly")
    assert first.output["due"] == ["BB001", "ZZ003"], "the odometer of Z was read at its third try"
    garage = first.output["garage"]
    assert (garage["name"], garage["key"], garage["fresh"]) == ("garage", "main", False)
    assert sorted(garage["queue"]) == ["BB001", "ZZ003"]
    host.advance(days=7)
    again = await ended("weekly")
    assert again.created_time - first.created_time == timedelta(days=7)
    assert sorted(again.output["garage"]["queue"]) == ["BB001", "BB001", "ZZ003", "ZZ003"]
    assert re.search(r"INFO root \[.+\]: FunctionContext: @garage@main after \d+ events", host.output), "as on Azure"


def test_curl_plates(host: AppProcess, curl: Curl) -> None:
    for plate, status in (("HH001", 202), ("hh001", 202), ("HH0011", 404), ("H0001", 405)):
        answer = curl(f"{host.api}/vehicles/{plate}", "--request", "PUT", "--data", "")
        assert answer.status == status, plate
    assert curl(f"{host.api}/vehicles/H0001").status == 404, "another function answers, by GET alone"
    assert curl(f"{host.api}/vehicles/HH001/1000000", "--request", "PATCH").status == 404
    assert curl(f"{host.api}/vehicles/HH001", "--head").status == 404


def test_curl_lists_and_deletes_entities(host: AppProcess, curl: Curl) -> None:
    for number in range(3):
        drive(host, f"KK00{number}", number + 1)
    entities, key = f"{host.origin}{MANAGEMENT}/entities", f"code={host.keys.system}"
    listed = curl(f"{entities}/vehicle?fetchState=true&{key}").json
    states = {each["entityId"]["key"]: each["state"]["__data__"]["km"] for each in listed}
    assert {plate: km for plate, km in states.items() if plate.startswith("KK")} == {"KK000": 1, "KK001": 2, "KK002": 3}
    assert "state" not in curl(f"{entities}/vehicle?{key}").json[0]
    assert curl(f"{entities}/vehicle/KK001?{key}", "--request", "DELETE").status == 202
    host.advance()
    assert curl(f"{entities}/vehicle/KK001?{key}").status == 404
    assert curl(f"{host.api}/vehicles/KK001").status == 404
    assert curl(f"{host.api}/vehicles/KK002").json == {"km": 3, "serviced_at": 0}
