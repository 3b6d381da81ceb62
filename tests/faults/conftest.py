"""Fixtures of the fault tests: a clinic of their own, hosts to kill, and the proof that nothing is left behind."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

import stack
from samples.hook import HookReceiver
from tests.faults.ledger import Ledger
from tests.faults.plant import Clinic, Plant, identities, records
from tests.ports import free_port
from tests.stack.servers import running

Build = Callable[..., Plant]


@pytest.fixture(scope="session")
def stack_options(tmp_path_factory: pytest.TempPathFactory) -> stack.Options:
    """Servers of these tests alone: they are stopped in mid-flow, and no other app may sweep their cases."""
    return stack.Options(
        data=tmp_path_factory.mktemp("faults"),
        only=("rules", "fhir", "kafka"),
        fhir_port=free_port(),
        rules_port=free_port(),
        kafka_port=free_port(),
    )


@pytest.fixture(scope="session")
def servers(stack_options: stack.Options) -> Iterator[stack.Servers]:
    """The real rules service, FHIR server and broker. Skips where no JDK or Maven is found."""
    with running(stack_options) as started:
        yield started
    assert _processes_of(stack_options.data) == []


@pytest.fixture(scope="session")
def clinic(servers: stack.Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """The submitter, with its records on the shared FHIR server."""
    hook = HookReceiver(0)
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in records(hook.port)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    headers = {"Content-Type": "application/fhir+json"}
    httpx.post(servers.fhir_url, json=bundle, headers=headers, timeout=60, trust_env=False).raise_for_status()
    yield Clinic(identities(tmp_path_factory.mktemp("clinic")), hook)
    hook.close()


def _plants(clinic: Clinic, session: stack.Options, folder: Path) -> Iterator[Build]:
    def make(*arguments: str, options: stack.Options = session, **settings: str) -> Plant:
        return Plant(
            data=folder / f"plant-{uuid.uuid4().hex[:6]}",
            port=free_port(),
            options=options,
            hook_port=None,
            arguments=("--identities", str(clinic.identities), *arguments),
            environment={"WORKFLOW_SWEEP_GRACE_SECONDS": "0", **settings},
        )

    yield make
    assert _processes_of(folder) == []


@pytest.fixture
def build(clinic: Clinic, stack_options: stack.Options, tmp_path: Path) -> Iterator[Build]:
    """Makes plants, to be entered by ``with``, on the session's servers or ``options``; ``settings`` are the app's.

    Fails a test that leaves a process behind.
    """
    yield from _plants(clinic, stack_options, tmp_path)


@pytest.fixture(scope="module")
def build_once(
    clinic: Clinic, stack_options: stack.Options, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Build]:
    """``build`` for a plant that the tests of a module share."""
    yield from _plants(clinic, stack_options, tmp_path_factory.mktemp("plants"))


@pytest.fixture
def ledger(servers: stack.Servers) -> Iterator[Ledger]:
    """What the session's FHIR server holds of cases from now on."""
    with ExitStack() as closing:
        made = Ledger(servers.fhir_url)
        closing.callback(made.close)
        yield made


@pytest.fixture
def tag() -> str:
    """Makes the numbers of requests unique."""
    return uuid.uuid4().hex[:8]


def _processes_of(folder: Path) -> list[int]:
    """Live processes that were given ``folder`` or something in it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(int(path.parent.name))
    return found
