"""``kill -9`` of a host under load: what was acknowledged ends once, and only what had not ended runs again."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from host.cli.start import STORE
from host.crashpoints import CRASH_POINTS, KILLED
from host.model import InstanceQuery, Status
from host.store.sqlite import SqliteStore
from tests.apps.process import until
from tests.host.faulty_host import FaultyHost

FULL = pytest.mark.fault
SEED = 20260105
LONGEST = 0.5
"""Seconds that a host lives under load."""
LIVE = "/instances?runtimeStatus=Pending,Running&instanceIdPrefix=case-&top=1"
CLIENTS = 4
OPEN = 8
"""Cases of a client that have not ended, at most."""
LAST_PASS = 30
"""Of a crash point: a host dies at one of its first passes, drawn by lot."""
CHECKS = 4
"""Activities of a fan-out."""


class _Load:
    """Clients that start one case after the other and remember what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self.doubtful: list[str] = []
        """Asked for, without an answer."""
        self._count = 0
        self._lock = threading.Lock()

    def begin(self, host: FaultyHost) -> list[threading.Thread]:
        """Ask until the host dies."""
        threads = [threading.Thread(target=self._ask, args=(host,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def settle(self, host: FaultyHost) -> None:
        """Ask again for what got no answer."""
        while self.doubtful:
            self._start(host, self.doubtful.pop())

    def _ask(self, host: FaultyHost) -> None:
        mine = deque[str]()
        while True:
            instance_id = self._next()
            try:
                self._start(host, instance_id)
            except httpx.TransportError:
                self.doubtful.append(instance_id)
                return
            mine.append(instance_id)
            if len(mine) == OPEN and not self._ends(host, mine.popleft()):
                return

    def _ends(self, host: FaultyHost, instance_id: str) -> bool:
        """Wait for its end; False: the host died first. In a backlog no two activities of a case would run at once."""
        with suppress(httpx.TransportError):
            while host.manage("GET", f"/instances/{instance_id}").status_code == 202:
                time.sleep(0.01)
            return True
        return False

    def _next(self) -> str:
        with self._lock:
            if self.doubtful:
                return self.doubtful.pop()
            self._count += 1
            return f"case-{self._count}"

    def _start(self, host: FaultyHost, instance_id: str) -> None:
        # One that has ended would be started again, as on Azure.
        if host.manage("GET", f"/instances/{instance_id}").status_code == 404:
            host.start("case", instance_id)
        self.acknowledged.add(instance_id)


class _Series:
    """Hosts that follow each other on one data directory, under load, each killed."""

    def __init__(self, folder: Path) -> None:
        self.load = _Load()
        self.open = Counter[str]()
        """How often each activity was open when a host died."""
        self._folder = folder

    def start(self, **environ: str) -> FaultyHost:
        return FaultyHost(self._folder, **environ)

    def die_after(self, seconds: float) -> None:
        """By ``kill -9``, so long after the load began."""
        host = self.start()
        clients = self.load.begin(host)
        time.sleep(seconds)
        os.kill(host.pid, signal.SIGKILL)
        self._bury(host, clients)

    def die_at(self, point: str, nth: int) -> None:
        """At a crash point, when it is passed for the ``nth`` time."""
        host = self.start(HOST_CRASH_AT=f"{point}:{nth}")
        clients = self.load.begin(host)
        assert host.died() == KILLED
        self._bury(host, clients)

    def _bury(self, host: FaultyHost, clients: list[threading.Thread]) -> None:
        for client in clients:
            client.join()
        host.kill()
        self.open.update(asyncio.run(self._activities()))

    async def _activities(self) -> list[str]:
        store = SqliteStore(self._folder / "data" / STORE)
        await store.open()
        backlog = await store.backlog()
        await store.close()
        return [json.loads(activity.input or "") for activity in backlog.activities]

    def finish(self) -> None:
        """Start a last host, and look at what has become of everything."""
        host = self.start()
        self.load.settle(host)
        try:
            until(lambda: host.manage("GET", LIVE).json() == [], "all to end")
        except AssertionError:
            host.kill()
            raise
        host.stop()
        asyncio.run(self._check())

    async def _check(self) -> None:
        store = SqliteStore(self._folder / "data" / STORE)
        await store.open()
        cases = {case.instance_id: case for case in (await store.query(InstanceQuery())).items}
        counted = await store.entity("@counter@cases")
        backlog = await store.backlog()
        await store.close()
        started = self.load.acknowledged
        assert set(cases) == started | {f"{name}-child" for name in started}, "none is lost, none is there twice"
        for name in started:
            assert cases[name].status is Status.COMPLETED
            assert json.loads(cases[name].output or "") == [1, f"{name}:child"], "the entity was called once"
        assert counted is not None
        assert counted.state == str(len(started)), "each signal counted once"
        assert (backlog.activities, backlog.timers, backlog.targets) == ((), (), ())
        self._check_effects(started)

    def _check_effects(self, started: set[str]) -> None:
        steps = ("intake", *(f"check{number}" for number in range(CHECKS)), "child")
        ran = Counter((self._folder / "effects").read_text().split())
        assert set(ran) == {f"{name}:{step}" for name in started for step in steps}
        again = ran - Counter(set(ran))
        assert again <= self.open, "only what had not ended ran again"
        print(f"\n{len(started)} cases, {len(ran)} activities, {again.total()} ran again")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=FULL)])
def test_a_host_that_is_killed_at_random_moments_loses_nothing(tmp_path: Path, kills: int) -> None:
    moments, series = random.Random(SEED), _Series(tmp_path)
    for _ in range(kills):
        series.die_after(moments.uniform(0, LONGEST))
    series.finish()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("rounds", [pytest.param(5, marks=FULL)])
def test_a_host_that_dies_at_its_crash_points_under_load_loses_nothing(tmp_path: Path, rounds: int) -> None:
    passes, series = random.Random(SEED), _Series(tmp_path)
    for point in sorted(CRASH_POINTS) * rounds:
        series.die_at(point, passes.randint(1, LAST_PASS))
    series.finish()
