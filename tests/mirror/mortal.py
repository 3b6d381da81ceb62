"""A mirror that dies now and then: ``python -m tests.mirror.mortal FOLDER GRPC SEED SHARE``.

Before or after it sends a command to Camunda (``SHARE`` of them) the process ends at once. Its cases are simulated;
``FOLDER/cases.json`` holds them and ``FOLDER/progress.json`` says how much of each has happened.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from random import Random
from typing import Any, Final

import grpc
from pyzeebe import create_insecure_channel

from adapters.camunda.grpc import GrpcCamunda
from adapters.camunda.people import Nobody
from mirror import connect
from mirror.deploy import deploy
from mirror.lock import lock
from mirror.mirror import Mirror, Pace
from mirror.store import Store
from tests.mirror.simulated import SimulatedSource, read

DEAD: Final = 9
PACE: Final = Pace(quiet=0.2, sweep=3.0, lease=5.0, patience=40.0, at_once=24)


class MortalCamunda(GrpcCamunda):
    """``GrpcCamunda`` whose process may end at any command."""

    def __init__(self, address: str, random: Random, share: float) -> None:
        def channel() -> grpc.aio.Channel:
            return create_insecure_channel(grpc_address=address)

        super().__init__(channel)
        self._random, self._share = random, share

    async def _ask(self, command: str, request: Any, timeout: float | None = None) -> Any:
        self._maybe(command)
        answer = await super()._ask(command, request, timeout)
        self._maybe(command)
        return answer

    def _maybe(self, command: str) -> None:
        if command != "DeployResource" and self._random.random() < self._share:
            os._exit(DEAD)


async def follow(source: SimulatedSource, mirror: Mirror, progress: Path, random: Random) -> None:
    """Hints of what has happened since: one in ten is lost, one in five comes twice, and late."""
    while True:
        happened = json.loads(progress.read_text())
        for case in random.sample(list(source.cases.values()), len(source.cases)):
            new = happened.get(case.id, 0) - case.happened
            if new > 0:
                case.happens(new)
                for _ in range(random.choice((0, 1, 1, 1, 1, 1, 1, 1, 2, 2))):
                    asyncio.get_running_loop().call_later(random.random() * 2, mirror.hint, case.id)
        await asyncio.sleep(0.2)


async def main(folder: Path, address: str, seed: int, share: float) -> None:
    """Until it is stopped, or dies."""
    random = Random(seed)
    source = SimulatedSource()
    for document in json.loads((folder / "cases.json").read_text()):
        source.add(read(document))
    with lock(folder / "mirror.sqlite"):
        store, releases = Store(folder / "mirror.sqlite"), connect.releases()
        camunda = MortalCamunda(address, random, share)
        await deploy(camunda, store, releases, connect.beside())
        mirror = Mirror(source, camunda, Nobody(), store, connect.models(releases), PACE)
        await asyncio.gather(mirror.run(), follow(source, mirror, folder / "progress.json", random))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
