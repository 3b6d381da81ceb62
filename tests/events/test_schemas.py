"""Models and schema files agree, released files are frozen, and a breaking change is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from domain.events import data
from domain.events.catalog import EVENTS, STEP, EventType
from events import schemas
from events.errors import EventsError
from tests.events.examples import DATA


class WithNote(data.StepReported):
    """A compatible change: an optional field more."""

    note: data.Code | None = None


class WithoutOutcome(data.EventData):
    """A breaking change: fields are gone."""

    case: data.Case


class Reworded(data.StepReported):
    """Other words for the same."""

    code: data.Code | None = None
    """Said otherwise."""


def step(model: type[data.EventData] = data.StepReported, version: int = 1) -> EventType:
    return dataclasses.replace(STEP, data=model, version=version)


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A folder in which version 1 of a step is released."""
    schemas.write([step()], tmp_path)
    assert schemas.release([step()], tmp_path) == ["process.step.v1/1.json"]
    return tmp_path


def test_files_and_models_agree() -> None:
    assert schemas.faults() == []


def test_every_newest_version_is_released() -> None:
    released = (schemas.FOLDER / "released.txt").read_text()
    assert [event.name for event in EVENTS if f"{event.name}/{event.version}.json" not in released] == []


def test_no_file_is_left_over() -> None:
    names = {event.name for event in EVENTS}
    assert {path.name for path in schemas.FOLDER.iterdir() if path.is_dir()} == names


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_schemas_take_what_models_write(event: EventType) -> None:
    schema = schemas.schema_of(event)
    Draft7Validator.check_schema(schema)
    checked = Draft7Validator(schema)
    written = event.data.model_validate(DATA[event.name])
    assert list(checked.iter_errors(written.model_dump(mode="json"))) == []
    assert list(checked.iter_errors(written.model_dump(mode="json", exclude_none=True))) == []
    assert set(written.model_dump()) == set(DATA[event.name]) == set(schema["properties"])


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_writers_are_held_to_the_fields_and_readers_ignore_others(event: EventType) -> None:
    given = event.data.model_validate(DATA[event.name]).model_dump(mode="json")
    assert not Draft7Validator(schemas.schema_of(event)).is_valid({**given, "surname": "x"})
    assert event.data.model_validate({**given, "surname": "x"}) == event.data.model_validate(given)


def test_writing_again_writes_nothing(tmp_path: Path) -> None:
    assert len(schemas.write(EVENTS, tmp_path)) == len(EVENTS)
    assert schemas.write(EVENTS, tmp_path) == []
    assert schemas.faults(EVENTS, tmp_path) == []


def test_a_model_that_drifts_is_a_fault(tmp_path: Path) -> None:
    schemas.write([step()], tmp_path)
    assert schemas.faults([step(WithNote)], tmp_path) == [
        "process.step.v1: the model and version 1 differ; run python -m events schemas"
    ]
    assert len(schemas.write([step(WithNote)], tmp_path)) == 1
    assert schemas.faults([step(WithNote)], tmp_path) == []


def test_a_released_version_is_not_written_again(released: Path) -> None:
    with pytest.raises(EventsError, match=r"write version=2 for it in domain/events/catalog\.py"):
        schemas.write([step(WithNote)], released)


def test_a_compatible_change_is_the_next_version(released: Path) -> None:
    assert schemas.write([step(WithNote, 2)], released) == [released / "process.step.v1" / "2.json"]
    assert schemas.faults([step(WithNote, 2)], released) == []
    assert list(schemas.versions(STEP, released)) == [1, 2]


def test_a_breaking_change_is_refused(released: Path) -> None:
    with pytest.raises(EventsError, match=r"version 2 breaks version 1: \$\.outcome: was removed") as caught:
        schemas.write([step(WithoutOutcome, 2)], released)
    assert "new type of the next major version" in str(caught.value)
    assert list(schemas.versions(STEP, released)) == [1]


def test_a_breaking_file_is_a_fault(released: Path) -> None:
    text = json.dumps(schemas.schema_of(step(WithoutOutcome, 2)), indent=2) + "\n"
    (released / "process.step.v1" / "2.json").write_text(text)
    assert "process.step.v1: version 2 breaks version 1: $.n: was removed" in schemas.faults(
        [step(WithoutOutcome, 2)], released
    )


def test_a_released_file_that_changes_is_a_fault(released: Path) -> None:
    path = released / "process.step.v1" / "1.json"
    path.write_text(path.read_text().replace('"title"', '"title" '))
    (fault,) = schemas.faults([step()], released)
    assert fault.startswith("process.step.v1/1.json is released and may not change")
    path.unlink()
    assert fault in schemas.faults([step()], released)


def test_other_words_need_no_version(released: Path) -> None:
    assert schemas.schema_of(step(Reworded)) != schemas.schema_of(step())
    assert schemas.write([step(Reworded)], released) == []
    assert schemas.faults([step(Reworded)], released) == []


def test_a_version_without_its_file_is_a_fault(released: Path) -> None:
    assert "process.step.v1: the files are versions [1], and the catalog says 2" in schemas.faults(
        [step(WithNote, 2)], released
    )
