"""What every Camunda must do for the mirror: one suite, run on the twin and on the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final
from uuid import uuid4

import pytest

import processes
import stack
from adapters.camunda.base import Deployed, Job, Message
from adapters.camunda.instance import DONE, STEP, WAIT
from domain.errors import Conflict, Defect, Unavailable
from tests.adapters.camunda.side import (
    QUESTION,
    REVIEW,
    UNJUDGED,
    Engine,
    Jobs,
    Side,
    at,
    deploy,
    engine,
    real,
    taking,
    twin,
)
from tests.ports import free_port
from tests.stack.servers import kill

NEVER: Final = (1 << 51) + 1
"""A key that is nobody's: the first partition's (its number is above bit 51), of before the first process."""


@pytest.fixture(scope="module")
def zeebe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with engine(tmp_path_factory.mktemp("camunda")) as started:
        yield started


@pytest.fixture(params=["memory", pytest.param("grpc", marks=pytest.mark.integration)])
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    given = twin() if request.param == "memory" else real(request.getfixturevalue("zeebe"))
    await deploy(given.camunda)
    yield given
    await given.camunda.aclose()


def model(process: str, **replaced: str) -> dict[str, bytes]:
    """A model with its version tag, or another text, replaced."""
    text = processes.text_of(process, "1.0.0")
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return {f"{process}-1.0.0.bpmn": text.encode()}


async def deployed(side: Side, files: dict[str, bytes]) -> dict[str, Deployed]:
    return {each.process: each for each in await side.camunda.deploy(files)}


# -- deploy ------------------------------------------------------------------------------------------------------------


async def test_what_is_there_keeps_its_key(side: Side) -> None:
    first = await deployed(side, model("appeal"))
    assert await deployed(side, model("appeal")) == first


async def test_another_text_gets_another_key_and_so_does_an_older_one_after_it(side: Side) -> None:
    first = await deployed(side, model("appeal"))
    second = await deployed(side, model("appeal", Milestone=f"M {uuid4()}"))
    third = await deployed(side, model("appeal"))
    versions = [each["appeal"].version for each in (first, second, third)]
    assert versions == [versions[0], versions[0] + 1, versions[0] + 2]
    assert len({each["appeal"].key for each in (first, second, third)}) == 3


async def test_of_files_that_come_together_all_get_a_new_key_or_none(side: Side) -> None:
    first = await deployed(side, model("appeal") | model("prior-authorization"))
    assert await deployed(side, model("appeal") | model("prior-authorization")) == first
    changed = model("appeal", Milestone=f"M {uuid4()}") | model("prior-authorization")
    second = await deployed(side, changed)
    assert second["appeal"].key != first["appeal"].key
    assert second["prior-authorization"].key != first["prior-authorization"].key


async def test_a_file_that_it_does_not_understand_is_a_defect_and_nothing_is_deployed(side: Side) -> None:
    first = await deployed(side, model("appeal"))
    broken = {"prior-authorization-1.0.0.bpmn": b"<bpmn"}
    with pytest.raises(Defect, match="camunda-deployment"):
        await side.camunda.deploy({**model("appeal", Milestone=f"M {uuid4()}"), **broken})
    assert await deployed(side, model("appeal")) == first


# -- publish -----------------------------------------------------------------------------------------------------------


async def test_a_message_of_the_same_id_is_not_taken_again_and_starts_nothing(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start()
        first = await jobs.at(case, "open-case")
        assert not await side.begin(case)
        assert await side.camunda.cancel(first.instance)
        assert not await side.begin(case)
        assert await side.begin(case, name="2")
        second = await jobs.at(case, "open-case")
        assert second.instance != first.instance


async def test_an_id_is_one_of_its_name_and_correlation(side: Side) -> None:
    id_ = str(uuid4())
    for name, about in (("decided", "t1"), ("decided", "t2"), ("withdrawn", "t1")):
        message = Message(name, f"{id_}-{about}", id_)
        assert [await side.camunda.publish(message), await side.camunda.publish(message)] == [True, False]


async def test_a_second_instance_of_a_case_waits_for_the_first_one_to_end(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start()
        first = await jobs.at(case, "open-case")
        assert await side.begin(case, name="2")
        assert await side.camunda.complete(first.key, {"closed": True})
        second = await jobs.at(case, "open-case")
        assert second.instance != first.instance


async def test_cases_of_two_workflows_may_have_one_name(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start("prior-authorization")
        assert await side.begin(case, "appeal")
        definitions = {(await jobs.at(case, "open-case")).definition for _ in range(2)}
        assert len(definitions) == 2


async def test_a_message_waits_for_who_comes_later(side: Side) -> None:
    case = f"case-{uuid4().hex}"
    assert await side.camunda.publish(Message("escalate.due", case, "m", {"mirrored": 2}))
    async with taking(side.camunda) as jobs:
        assert await side.begin(case)
        first = await jobs.at(case, "open-case")
        assert await side.camunda.complete(first.key, {})
        seen = {job.element: job for job in [await jobs.any(case), await jobs.any(case)]}
        assert seen.keys() == {"set-deadline", "escalate"}
        assert seen["escalate"].variables["mirrored"] == 2


async def test_a_message_finds_the_case_by_its_task(side: Side) -> None:
    tasks = [str(uuid4()), str(uuid4())]
    async with taking(side.camunda) as jobs:
        cases = [await side.start() for _ in tasks]
        for case, task in zip(cases, tasks, strict=True):
            opened = await jobs.drive(case, "open-review", **REVIEW)
            assert await side.camunda.complete(opened.key, {"task": task})
        assert await side.camunda.publish(Message("decided", tasks[1], "m", {"mirrored": 7}))
        taken = await jobs.at(cases[1], "take-decision")
        assert (taken.variables["mirrored"], taken.variables["task"]) == (7, tasks[1])
        assert await side.camunda.publish(Message("decided", tasks[0], "m", {"mirrored": 8}))
        assert (await jobs.at(cases[0], "take-decision")).variables["mirrored"] == 8


# -- complete and fail -------------------------------------------------------------------------------------------------


async def test_a_job_is_completed_once(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start()
        first = await jobs.at(case, "open-case")
        assert await side.camunda.complete(first.key, {"mirrored": 2})
        assert not await side.camunda.complete(first.key, {"mirrored": 9})
        assert not await side.camunda.fail(first.key, "late")
        assert (await jobs.at(case, "set-deadline")).variables["mirrored"] == 2


async def test_a_job_that_never_was_is_not_open(side: Side) -> None:
    assert not await side.camunda.complete(NEVER, {})
    assert not await side.camunda.fail(NEVER, "nothing")


async def test_a_failed_job_is_one_incident_until_its_step_is_entered_anew(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start()
        first = await jobs.at(case, "open-case")
        assert await side.camunda.fail(first.key, "unavailable:fhir")
        assert await side.camunda.fail(first.key, "unavailable:fhir")
        assert await side.incidents(first.instance) == ["unavailable:fhir"]
        with pytest.raises(Conflict) as caught:
            await side.camunda.complete(first.key, {})
        assert caught.value.code == "incident"
        assert await side.camunda.move(first.instance, first.element_instance, "open-case", {"mirrored": 5})
        fresh = await jobs.at(case, "open-case")
        assert (fresh.instance, fresh.variables["mirrored"]) == (first.instance, 5)
        assert fresh.element_instance != first.element_instance
        assert not await side.camunda.complete(first.key, {})
        assert await side.camunda.complete(fresh.key, {})


# -- move --------------------------------------------------------------------------------------------------------------


async def test_a_token_is_moved_once(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start()
        first = await jobs.at(case, "open-case")
        assert await side.camunda.move(first.instance, first.element_instance, "open-case", {"mirrored": 3})
        assert not await side.camunda.move(first.instance, first.element_instance, "open-case", {"mirrored": 9})
        fresh = await jobs.at(case, "open-case")
        assert fresh.variables["mirrored"] == 3
        assert await side.camunda.complete(fresh.key, {})
        assert (await jobs.at(case, "set-deadline")).variables["mirrored"] == 3


async def test_inside_the_sub_process_the_variables_are_those_of_the_case(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start()
        here = await jobs.drive(case, "check-eligibility", **UNJUDGED)
        assert await side.camunda.move(here.instance, here.element_instance, "determine", {"mirrored": 6})
        there = await jobs.at(case, "determine")
        assert there.variables["mirrored"] == 6
        assert await side.camunda.complete(there.key, {"outcome": "automatic"})
        outside = await jobs.at(case, "record-decision")
        assert outside.variables["mirrored"] == 6


async def test_nothing_is_moved_where_nothing_is(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start()
        first = await jobs.at(case, "open-case")
        assert await side.camunda.cancel(first.instance)
        assert not await side.camunda.move(first.instance, first.element_instance, "open-case", {})
        assert not await side.camunda.move(NEVER, NEVER, "open-case", {})


async def test_where_no_element_is_nothing_is_moved_to(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start()
        first = await jobs.at(case, "open-case")
        with pytest.raises(Defect, match="camunda-invalid-argument"):
            await side.camunda.move(first.instance, first.element_instance, "nowhere", {"mirrored": 3})
        assert await side.camunda.complete(first.key, {})
        assert (await jobs.at(case, "set-deadline")).variables["mirrored"] == 1


# -- migrate, show, cancel ---------------------------------------------------------------------------------------------


async def test_an_instance_that_has_just_started_goes_on_as_another_version(side: Side) -> None:
    old = (await deployed(side, model("prior-authorization")))["prior-authorization"].key
    new = (await deployed(side, model("prior-authorization", Milestone=f"M {uuid4()}")))["prior-authorization"].key
    async with taking(side.camunda) as jobs:
        case = await side.start()
        first = await jobs.at(case, "open-case")
        assert first.definition == new
        for _ in range(2):
            await side.camunda.migrate(first.instance, old, ["open-case"])
        assert await side.camunda.complete(first.key, {})
        assert (await jobs.at(case, "set-deadline")).definition == old


async def test_a_migration_that_leaves_a_token_out_is_a_defect(side: Side) -> None:
    definition = (await deploy(side.camunda))["prior-authorization"]
    async with taking(side.camunda) as jobs:
        case = await side.start()
        there = await jobs.drive(case, "set-deadline")
        with pytest.raises(Defect, match="camunda-"):
            await side.camunda.migrate(there.instance, definition, ["set-deadline"])


async def test_what_is_gone_is_not_migrated(side: Side) -> None:
    definitions = await deploy(side.camunda)
    await side.camunda.migrate(NEVER, definitions["appeal"], ["open-case"])


async def test_variables_are_shown_while_the_instance_is_there(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start()
        first = await jobs.at(case, "open-case")
        assert await side.camunda.show(first.instance, {"mirrored": 4})
        assert await side.camunda.complete(first.key, {"closed": True})
        assert not await side.camunda.complete(first.key, {})
        assert not await side.camunda.show(first.instance, {"mirrored": 5})
        assert not await side.camunda.cancel(first.instance)


async def test_a_cancelled_instance_leaves_no_job(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start()
        first = await jobs.at(case, "open-case")
        assert await side.camunda.cancel(first.instance)
        assert not await side.camunda.cancel(first.instance)
        assert not await side.camunda.complete(first.key, {})
        assert not await side.camunda.fail(first.key, "late")
        assert not await side.camunda.show(first.instance, {})


# -- jobs --------------------------------------------------------------------------------------------------------------


async def test_a_job_comes_again_when_its_lease_has_run_out_and_from_before_too(side: Side) -> None:
    async with taking(side.camunda, lease=1.0) as jobs:
        case = await side.start()
        first = await jobs.any(case)
        again = await jobs.any(case)
        assert again == first
    async with taking(side.camunda) as jobs:
        assert await jobs.any(case) == first


async def test_a_job_brings_only_what_is_asked_for(side: Side) -> None:
    case = await side.start()
    async with asyncio.timeout(60):
        async for job in side.camunda.jobs([STEP], ["durableId", "urgency", "nothing"], 20.0):
            if job.variables.get("durableId") == case:
                break
    assert job.variables == {"durableId": case, "urgency": "standard"}
    assert (job.kind, job.element) == (STEP, "open-case")


async def test_what_a_person_has_completed_waits_for_its_job(side: Side) -> None:
    task = str(uuid4())
    async with taking(side.camunda) as jobs:
        case = await side.start()
        opened = await jobs.drive(case, "open-review", **REVIEW)
        assert await side.camunda.complete(opened.key, {"task": task, "mirrored": 5})
        await side.finish(opened.instance, "clinical-review", {"decision": "approve"})
        done = await jobs.at(case, "clinical-review")
        assert (done.kind, done.variables["decision"], done.variables["task"]) == (DONE, "approve", task)
        # a message about the task comes too late, and harms nobody
        assert await side.camunda.publish(Message("decided", task, "m", {"mirrored": 9}))
        # variables of a listener's job are lost with its element
        assert await side.camunda.complete(done.key, {"mirrored": 9})
        assert not await side.camunda.complete(done.key, {})
        taken = await jobs.drive(case, "record-decision", take_decision={"taken": "decision"})
        assert taken.variables["mirrored"] == 5


async def test_a_user_task_is_given_back(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start()
        opened = await jobs.drive(case, "open-review", **REVIEW)
        assert await side.camunda.complete(opened.key, {"task": str(uuid4())})
        await side.finish(opened.instance, "clinical-review", {"decision": "approve"})
        done = await jobs.at(case, "clinical-review")
        assert await side.camunda.move(done.instance, done.element_instance, done.element, {"refused": "reason"})
        assert not await side.camunda.move(done.instance, done.element_instance, done.element, {"refused": "no"})
        assert not await side.camunda.complete(done.key, {})
        await side.finish(opened.instance, "clinical-review", {"decision": "deny"})
        again = await jobs.at(case, "clinical-review")
        assert again.element_instance != done.element_instance
        assert (again.variables["decision"], again.variables["refused"]) == ("deny", "reason")


async def to_the_question(side: Side, jobs: Jobs, case: str, task: str) -> Job:
    """Drive a case until it waits for information; the job of that wait."""
    asked = await jobs.drive(case, "request-information", **QUESTION)
    assert await side.camunda.complete(asked.key, {"task": task})
    return await jobs.at(case, "await-information")


async def test_a_wait_begins_when_its_job_is_completed(side: Side) -> None:
    task = str(uuid4())
    async with taking(side.camunda) as jobs:
        case = await side.start()
        wait = await to_the_question(side, jobs, case, task)
        assert wait.kind == WAIT
        assert await side.camunda.publish(Message("informed", task, "m", {"mirrored": 7}))
        assert await side.camunda.complete(wait.key, {})
        assert not await side.camunda.complete(wait.key, {})
        assert (await jobs.at(case, "close-information")).variables["mirrored"] == 7


async def test_a_wait_is_ended_by_the_key_that_its_job_told(side: Side) -> None:
    async with taking(side.camunda) as jobs:
        case = await side.start()
        wait = await to_the_question(side, jobs, case, str(uuid4()))
        assert await side.camunda.complete(wait.key, {})
        assert await side.camunda.move(wait.instance, wait.element_instance, "close-information", {"mirrored": 8})
        assert not await side.camunda.move(wait.instance, wait.element_instance, "close-information", {})
        assert (await jobs.at(case, "close-information")).variables["mirrored"] == 8


# -- outages -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "grpc"])
async def absent(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    """One that does not answer."""
    given = twin()
    if request.param == "memory":
        given.camunda.away = True  # type: ignore[attr-defined]
    else:
        given.camunda = at(free_port())
    yield given
    await given.camunda.aclose()


async def test_who_does_not_answer_is_unavailable(absent: Side) -> None:
    camunda = absent.camunda
    commands = (
        camunda.deploy(model("appeal")),
        camunda.publish(Message("decided", "t", "m")),
        camunda.complete(1, {}),
        camunda.fail(1, "code"),
        camunda.move(1, 1, "open-case", {}),
        camunda.migrate(1, 1, []),
        camunda.show(1, {}),
        camunda.cancel(1),
    )
    for command in commands:
        with pytest.raises(Unavailable) as caught:
            await command
        assert caught.value.code == "camunda"


@pytest.mark.integration
async def test_an_engine_that_comes_back_is_used_again(zeebe: Engine) -> None:
    side = real(zeebe)
    await deploy(side.camunda)
    async with taking(side.camunda, lease=5.0) as jobs:
        before = await side.start()
        first = await jobs.at(before, "open-case")
        await asyncio.to_thread(kill, zeebe.options, "camunda")
        with pytest.raises(Unavailable):
            await side.camunda.complete(first.key, {})
        await asyncio.to_thread(stack.up, zeebe.options)
        again = await jobs.any(before)
        assert again == first, "what it knew it knows"
        after = await side.start()
        assert (await jobs.at(after, "open-case")).instance != first.instance
        assert await side.camunda.complete(first.key, {})
    await side.camunda.aclose()
