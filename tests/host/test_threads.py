"""Threads answer once, and keep nothing of what was given up."""

from __future__ import annotations

import asyncio
import random
import threading
import time

from host.threads import Threads


async def test_every_answer_comes_once() -> None:
    threads = Threads[str]("test")
    chance = random.Random(7)

    def work(number: int, seconds: float) -> int:
        time.sleep(seconds)
        if number % 5 == 0:
            raise ValueError(number)
        return number

    def start(number: int) -> asyncio.Future[int]:
        seconds = chance.choice([0, chance.uniform(0, 0.002)])
        return threads.start(lambda: work(number, seconds))

    answers = await asyncio.gather(*(start(number) for number in range(500)), return_exceptions=True)
    assert [answer.args[0] if isinstance(answer, ValueError) else answer for answer in answers] == [*range(500)]
    assert all(isinstance(answer, ValueError) == (number % 5 == 0) for number, answer in enumerate(answers))
    await asyncio.wait_for(threads.close(), 10)


async def test_what_was_given_up_is_known_until_it_ends() -> None:
    threads = Threads[str]("test")
    gate = threading.Event()
    answer = threads.start(gate.wait)
    threads.give_up(answer, "it")
    assert [*threads.hanging.values()] == ["it"]
    await asyncio.wait_for(threads.close(), 10)  # it is not waited for
    gate.set()
    while threads.hanging:  # noqa: ASYNC110 (nobody else is told)
        await asyncio.sleep(0.001)
