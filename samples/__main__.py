"""``python -m samples``: start everything, submit the sample cases, show what happened, keep running until Ctrl-C.

``parked`` lists the cases of the running engine that wait for an operator, ``resume ID`` lets one go on. ``letters``
lists dead letters, ``redrive ID`` has the record of one consumed again, ``discard ID`` gives it up.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import stack
from samples.cases import run, samples, source
from samples.client import Client
from samples.engine import APP_PORT, Engine
from samples.hook import HOOK_PORT
from samples.operate import VERBS, operate
from samples.outcome import Outcome
from samples.table import table
from stack.options import CAMUNDA, CAMUNDA_FULL, FHIR_PORT, KAFKA_PORT, NAMES, REGISTRY_PORT, ROOT, RULES_PORT

OPEN = "pended-then-approved"
"""The sample that is submitted once more and left for the person at the keyboard."""
SIZES = {"0": (), "1": CAMUNDA, "full": CAMUNDA_FULL}
"""What of Camunda runs beside the engine."""


def main() -> int:
    """Exit 0 when every sample had its expected outcome."""
    given = _parser().parse_args()
    options = stack.Options(
        data=given.data,
        fhir_port=given.fhir_port,
        rules_port=given.rules_port,
        kafka_port=given.kafka_port,
        registry_port=given.registry_port,
        only=NAMES + SIZES[given.camunda],
    )
    os.umask(0o077)  # databases, keys and logs are their owner's alone
    engine = Engine(data=given.data, port=given.port, options=options, hook_port=given.hook_port)
    if given.verb != "run":
        return operate(engine, given.verb, given.id)
    for stop in (signal.SIGINT, signal.SIGTERM):  # said explicitly: a shell starts background jobs with SIGINT ignored
        signal.signal(stop, signal.default_int_handler)
    try:
        return _run(engine, once=given.once)
    except stack.StackError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m samples", description=__doc__)
    parser.add_argument("verb", nargs="?", choices=("run", *VERBS), default="run")
    parser.add_argument("id", nargs="?", default="", help="of a case, for resume; of a letter, for redrive and discard")
    parser.add_argument("--once", action="store_true", help="stop everything after the table")
    parser.add_argument(
        "--camunda", choices=tuple(SIZES), default="0", help="1: the engine; full: Operate and Tasklist too"
    )
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="databases, keys and logs")
    parser.add_argument("--port", type=int, default=APP_PORT)
    parser.add_argument("--fhir-port", type=int, default=FHIR_PORT)
    parser.add_argument("--rules-port", type=int, default=RULES_PORT)
    parser.add_argument("--kafka-port", type=int, default=KAFKA_PORT)
    parser.add_argument("--registry-port", type=int, default=REGISTRY_PORT)
    parser.add_argument("--hook-port", type=int, default=HOOK_PORT, help="where the submitters' endpoint listens")
    return parser


def _run(engine: Engine, *, once: bool) -> int:
    begin = time.monotonic()
    with engine, Client(engine) as client:
        outcomes = _submit(client)
        print(f"\n{table(outcomes)}\n\n{_summary(outcomes, time.monotonic() - begin)}\n")
        good = not any(outcome.wrong for outcome in outcomes)
        if engine.camunda:
            good = _mirrored(engine) and good
        if not once:
            _keep_running(engine, client)
    return 0 if good else 1


def _mirrored(engine: Engine) -> bool:
    """Whether the Camunda engine itself reports each case as it went."""
    with engine.inspector() as inspector:
        count = inspector.count()
    print(f"{count}\n")
    for case in count.others:
        print(f"  not shown as it went: {case}")
    return not count.others


def _submit(client: Client) -> list[Outcome]:
    outcomes = []
    for sample in samples():
        print(f"  {sample['case']} …", end="", flush=True)
        outcomes.append(run(client, sample))
        print(f" {outcomes[-1].decision}{'' if not outcomes[-1].wrong else '  NOT AS EXPECTED'}")
    return outcomes


def _summary(outcomes: list[Outcome], seconds: float) -> str:
    good = sum(not outcome.wrong for outcome in outcomes)
    left_out = "" if any("official" in sample for sample in samples()) else "; the official PAS examples are not here"
    return f"{good} of {len(outcomes)} samples as expected after {seconds:.0f} s{left_out}"


def _keep_running(engine: Engine, client: Client) -> None:
    _leave_one_open(client)
    servers = engine.servers
    print(f"Reviewer page   {engine.url}/review   (sign in as Nurse Rivera or Dr Chen; one case waits for you)")
    print(f"API             {engine.url}/cases  {engine.url}/tasks  {engine.url}/fhir/Claim/$submit")
    print(f"FHIR server     {servers.fhir_url}\nRules service   {servers.rules_url}/v1/rulesets")
    print(
        f"Kafka broker    {servers.kafka_brokers}   (python -m host events shows what comes; make letters, make replay)"
    )
    print(f"Schema registry {servers.registry_url}/subjects   (make topics brings it to what events/ says)")
    print("Case board      make board   (made of the events alone)")
    if "webapps" in engine.options.only:
        print(f"Camunda         {servers.operate_url}  and /tasklist   (sign in as demo, demo)")
    print(f"Logs            {engine.log.parent}\nCtrl-C stops everything; make clean forgets the data.")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


def _leave_one_open(client: Client) -> None:
    sample = next(each for each in samples() if each["case"] == OPEN)
    bundle = json.loads(source(sample).read_text())
    bundle["identifier"]["value"] += f"-{int(time.time())}"
    client.send(sample["as"], "/fhir/Claim/$submit", json.dumps(bundle).encode())


if __name__ == "__main__":
    sys.exit(main())
