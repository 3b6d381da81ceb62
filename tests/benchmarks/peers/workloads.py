"""The workloads W1 to W6: what is asked of every engine, and what is measured. ``method.md`` says what they are.

W6 is in two parts, ``begin`` and ``finish``: the process is killed between them.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.benchmarks.peers import footprint
from tests.benchmarks.peers.engine import Engine

Metrics = dict[str, float]
STEPS: Final = 5
"""Activities of an instance of W1, W2 and W6."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    many: int = 500
    at_once: int = 50
    single: int = 100
    wide: int = 500
    broad: tuple[int, int] = (20, 50)
    """Instances, activities of each."""
    long: int = 2000
    parked: int = 2000
    idle_seconds: float = 5.0
    """For which CPU is counted at least while all are parked."""


QUICK: Final = Sizes(20, 10, 5, 20, (4, 5), 40, 40, 1.0)


async def w1(engine: Engine, sizes: Sizes) -> Metrics:
    """Throughput."""
    meter = footprint.Meter(engine.pids())
    calls = (partial(_steps, engine, f"w1-{number}", STEPS) for number in range(sizes.many))
    await _at_most(sizes.at_once, calls)
    spent = meter.read()
    return {"instances/s": sizes.many / spent.seconds, "CPU ms/instance": spent.cpu * 1000 / sizes.many}


async def w2(engine: Engine, sizes: Sizes) -> Metrics:
    """Latency."""
    times = []
    meter = footprint.Meter(engine.pids())
    for number in range(sizes.single):
        begin = time.perf_counter()
        await _steps(engine, f"w2-{number}", STEPS)
        times.append((time.perf_counter() - begin) * 1000)
    spent = meter.read()
    times.sort()
    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
    return {"p50 ms": times[len(times) // 2], "p99 ms": p99, "CPU ms/instance": spent.cpu * 1000 / sizes.single}


async def w3a(engine: Engine, sizes: Sizes) -> Metrics:
    """One wide fan."""
    return await _fans(engine, 1, sizes.wide)


async def w3b(engine: Engine, sizes: Sizes) -> Metrics:
    """Several fans at once."""
    return await _fans(engine, *sizes.broad)


async def w4(engine: Engine, sizes: Sizes) -> Metrics:
    """One long instance: whether its steps grow dearer."""
    meter = footprint.Meter(engine.pids())
    await _steps(engine, "w4", sizes.long)
    spent = meter.read()
    instants = [line.at for line in footprint.lines(engine.data) if line.instance == "w4"]
    tenth = sizes.long // 10
    first, last = instants[tenth] - instants[0], instants[-1] - instants[-1 - tenth]
    return {
        "seconds": spent.seconds,
        "last/first tenth": last / first,
        "ms/step": spent.seconds * 1000 / sizes.long,
        "CPU ms/step": spent.cpu * 1000 / sizes.long,
    }


async def w5(engine: Engine, sizes: Sizes) -> Metrics:
    """Human tasks: opened, waiting, decided."""
    names = [f"w5-{number}" for number in range(sizes.parked)]
    metrics = await _park(engine, sizes, evict=False)
    if engine.evicts:
        del metrics["KB/parked"]
    meter = footprint.Meter(engine.pids())
    await _at_most(sizes.at_once, (partial(engine.approve, name) for name in names))
    outputs = await asyncio.gather(*(engine.wait(name) for name in names))
    spent = meter.read()
    assert outputs == [True] * sizes.parked
    return metrics | {"completed/s": sizes.parked / spent.seconds, "CPU ms/completed": spent.cpu * 1000 / sizes.parked}


async def memory(engine: Engine, sizes: Sizes) -> Metrics:
    """Of W5, once the engine has evicted what it will."""
    return {"KB/parked": (await parked(engine, sizes))["KB/parked"]}


async def parked(engine: Engine, sizes: Sizes) -> Metrics:
    """The first half of W5, until the engine has evicted what it will."""
    return await _park(engine, sizes, evict=True)


async def _park(engine: Engine, sizes: Sizes, *, evict: bool) -> Metrics:
    gc.collect()
    meter, empty = footprint.Meter(engine.pids()), footprint.resident(engine.pids())
    starts = (partial(engine.start, "task", f"w5-{number}", 0) for number in range(sizes.parked))
    await _at_most(sizes.at_once, starts)
    await engine.parked(sizes.parked)
    opened = meter.read()
    idle = footprint.Meter(engine.pids())
    await asyncio.gather(asyncio.sleep(sizes.idle_seconds), *([engine.evicted()] if evict else []))
    rested = idle.read()
    gc.collect()
    return {
        "parked/s": sizes.parked / opened.seconds,
        "CPU ms/parked": opened.cpu * 1000 / sizes.parked,
        "idle CPU cores": rested.cpu / rested.seconds,
        "KB/parked": (footprint.resident(engine.pids()) - empty) / 1024 / sizes.parked,
    }


async def begin(engine: Engine, sizes: Sizes) -> Metrics:
    """W6 until it is killed."""
    await asyncio.gather(*(engine.start("steps", f"w6-{number}", STEPS) for number in range(sizes.many)))
    await asyncio.Event().wait()
    raise AssertionError


async def finish(engine: Engine, sizes: Sizes) -> Metrics:
    """W6 after the restart: the client asks for every instance again, and waits."""
    names = [f"w6-{number}" for number in range(sizes.many)]
    await asyncio.gather(*(engine.ensure("steps", name, STEPS) for name in names))
    outputs = await asyncio.gather(*(engine.wait(name) for name in names))
    assert outputs == ["done"] * sizes.many
    return {"ended at": time.monotonic()}


async def warm(engine: Engine) -> None:
    """What is made at the first call is made."""
    await engine.run("steps", "warm", STEPS)


ALL: Final[dict[str, Callable[[Engine, Sizes], Awaitable[Metrics]]]] = {
    each.__name__: each for each in (w1, w2, w3a, w3b, w4, w5, memory, parked, begin, finish)
}


async def _steps(engine: Engine, instance: str, count: int) -> None:
    assert await engine.run("steps", instance, count)


async def _fans(engine: Engine, instances: int, width: int) -> Metrics:
    total = instances * width
    meter = footprint.Meter(engine.pids())
    outputs = await asyncio.gather(*(engine.run("fan", f"w3-{number}", width) for number in range(instances)))
    spent = meter.read()
    assert outputs == [width] * instances
    return {"activities/s": total / spent.seconds, "CPU ms/activity": spent.cpu * 1000 / total}


async def _at_most(limit: int, calls: Iterable[Callable[[], Awaitable[object]]]) -> None:
    waiting = iter(calls)

    async def worker() -> None:
        for call in waiting:
            await call()

    await asyncio.gather(*(worker() for _ in range(limit)))
