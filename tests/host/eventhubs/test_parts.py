"""Bindings, host.json, parameters, batches and checkpoints, without a server."""

from __future__ import annotations

import json
import subprocess
import sys
import typing
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest
from azure.eventhub import EventData
from azure.functions import meta
from pydantic import ValidationError

from host.call import Call, call_from_json, call_to_json
from host.clock import SystemClock
from host.deliveries import Deliveries
from host.eventhubs.binding import read_trigger
from host.eventhubs.checkpoints import Checkpoints
from host.eventhubs.event import body, several, single
from host.eventhubs.lane import Lane
from host.eventhubs.output import Producers as EventHubProducers
from host.eventhubs.output import events
from host.eventhubs.runner import EventHubsRunner
from host.eventhubs.section import EventHubsSection
from host.functions import BindingError, describe
from host.invoker import AppInvoker
from host.kafka.output import Producers as KafkaProducers
from host.settings import StartupError
from tests.host.eventhubs.conftest import index

CONNECTION = "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=c2VjcmV0"
CONTEXT = SimpleNamespace(
    fully_qualified_namespace="ns", eventhub_name="in", consumer_group="$Default", partition_id="1"
)


def event(number: int, content: bytes = b"{}", key: bytes | None = b"k", second: int = 0) -> Any:
    return SimpleNamespace(
        sequence_number=number,
        offset=str(number * 100),
        partition_key=key,
        enqueued_time=datetime(2026, 3, 1, 12, 0, second, tzinfo=UTC),
        properties={b"cloudEvents_type": b"t", b"n": 2},
        system_properties={b"x-opt-sequence-number": number},
        body=[content],
    )


def function(take: Callable[..., Any] | None = None, **more: Any) -> Any:
    app = func.FunctionApp()
    given = {"arg_name": "event", "event_hub_name": "in", "connection": "HUBS"} | more

    def anything(event: func.EventHubEvent) -> None: ...

    app.event_hub_message_trigger(**given)(take or anything)
    return describe(app.get_functions()[0])


def test_a_trigger_is_read_with_its_settings() -> None:
    environ = {"AzureWebJobsHubs": CONNECTION, "HUB": "orders", "group": "g"}
    trigger = read_trigger(function(event_hub_name="%hub%", consumer_group="%GROUP%", data_type="binary"), environ)
    assert (trigger.hub.name, trigger.hub.namespace, trigger.group) == ("orders", "ns.servicebus.windows.net", "g")
    assert (trigger.many, trigger.binary) == (False, True)
    assert "c2VjcmV0" not in repr(trigger)


def test_the_hub_of_the_connection_string_wins() -> None:
    trigger = read_trigger(function(), {"HUBS": f"{CONNECTION};EntityPath=other"})
    assert (trigger.hub.name, trigger.group) == ("other", "$Default")


@pytest.mark.parametrize(
    ("connection", "environ", "says"),
    [
        ("HUBS", {}, "app setting HUBS, which is not set"),
        ("HUBS", {"HUBS": "nonsense"}, "holds no connection string"),
        ("HUBS", {"HUBS__fullyQualifiedNamespace": "ns"}, "not with an identity"),
        (CONNECTION, {}, "must be the name of an app setting"),
    ],
)
def test_a_connection_that_cannot_be_used_is_named(connection: str, environ: dict[str, str], says: str) -> None:
    with pytest.raises(StartupError, match=says) as caught:
        read_trigger(function(connection=connection), environ)
    assert "c2VjcmV0" not in str(caught.value)


def test_many_into_a_single_parameter_is_refused() -> None:
    with pytest.raises(BindingError, match="cardinality many"):
        function(cardinality="many")


def test_an_http_function_has_no_event_as_return() -> None:
    app = func.FunctionApp()

    @app.event_hub_output(arg_name="$return", event_hub_name="out", connection="HUBS")
    @app.route("x")
    def answer(req: func.HttpRequest) -> str:
        return ""

    with pytest.raises(BindingError, match="put the event into a parameter"):
        describe(app.get_functions()[0])


def test_the_defaults_are_those_of_the_extension() -> None:
    section = EventHubsSection.model_validate({})
    assert (section.max_event_batch_size, section.min_event_batch_size) == (100, 1)
    assert (section.max_wait_time.total_seconds(), section.prefetch_count) == (60, 300)
    assert (section.batch_checkpoint_frequency, section.initial_offset_options.position) == (1, "-1")


def test_host_json_is_read_in_any_case() -> None:
    document = {
        "MaxEventBatchSize": 5,
        "maxwaittime": "00:00:02",
        "initialOffsetOptions": {"type": "FromEnqueuedTime", "enqueuedTimeUtc": "2026-03-01T00:00:00Z"},
    }
    section = EventHubsSection.model_validate(document)
    assert (section.max_event_batch_size, section.max_wait_time.total_seconds()) == (5, 2)
    assert section.initial_offset_options.position == datetime(2026, 3, 1, tzinfo=UTC)
    assert (
        EventHubsSection.model_validate({"initialOffsetOptions": {"type": "fromEnd"}}).initial_offset_options.position
        == "@latest"
    )


@pytest.mark.parametrize(
    "document",
    [
        {"maxEventBatchSize": 0},
        {"minEventBatchSize": 5, "maxEventBatchSize": 4},
        {"maxWaitTime": "00:11:00"},
        {"initialOffsetOptions": {"type": "fromEnqueuedTime"}},
        {"initialOffsetOptions": {"type": "fromTheMoon"}},
    ],
)
def test_what_the_extension_refuses_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EventHubsSection.model_validate(document)


def decode(message: Any) -> Any:
    converter = meta.get_binding_registry().get("eventHubTrigger")
    return converter.decode(message.data.datum(), trigger_metadata=message.trigger_metadata())


@pytest.mark.parametrize("binary", [True, False])
def test_a_parameter_survives_the_pipe_to_the_process_of_the_functions(binary: bool) -> None:
    for message in (single(event(3), CONTEXT, True, binary), several([event(3), event(4)], CONTEXT, True, binary)):
        assert call_from_json(json.loads(json.dumps(call_to_json(Call("f", message, "i"))))).body == message


@pytest.mark.parametrize("binary", [True, False])
def test_the_converters_of_azure_functions_read_what_is_made(binary: bool) -> None:
    one = decode(single(event(3, b"x", None), CONTEXT, True, binary))
    assert (one.get_body(), one.partition_key, one.sequence_number, one.offset) == (b"x", None, 3, "300")
    first, second = decode(several([event(3, b"x"), event(4, b"y", None)], CONTEXT, False, binary))
    assert (first.get_body(), second.get_body(), second.partition_key) == (b"x", b"y", None)
    assert (first.partition_key, second.sequence_number) == ("k", 4)
    assert first.enqueued_time == second.enqueued_time
    metadata = first.metadata
    assert metadata["SequenceNumberArray"] == [3, 4]
    assert metadata["OffsetArray"] == ["300", "400"]
    assert metadata["PartitionKeyArray"] == ["k", None]
    assert metadata["PropertiesArray"][0] == {"cloudEvents_type": "t", "n": 2}
    assert metadata["PartitionContext"]["IsCheckpointingAfterInvocation"] is False


def test_events_without_data_are_empty() -> None:
    assert body(EventData(b"")) == b""
    assert body(EventData("x")) == b"x"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", ["text"]),
        (b"[1]", [b"[1]"]),
        ('["a", {"b": 1}]', ["a", '{"b":1}']),
        ("[not json", ["[not json"]),
        ('{"a": 1}', ['{"a": 1}']),
        ("[]", []),
    ],
)
def test_a_json_array_is_an_event_for_each_element(value: str | bytes, expected: list[Any]) -> None:
    assert events(value) == expected


def test_a_batch_waits_until_it_is_large_enough_or_old_enough() -> None:
    section = EventHubsSection.model_validate(
        {"minEventBatchSize": 3, "maxEventBatchSize": 4, "maxWaitTime": "00:10:00"}
    )
    lane = Lane(called=True)
    lane.admit([event(0), event(1)])
    assert lane.take(section, many=True) == []
    lane.admit([event(n) for n in range(2, 9)])
    assert [each.sequence_number for each in lane.take(section, many=True)] == [0, 1, 2, 3]
    assert len(lane.take(section, many=True)) == 4
    assert lane.take(section, many=True) == []
    lane.since -= 601
    assert [each.sequence_number for each in lane.take(section, many=True)] == [8]


def test_the_first_call_of_a_partition_does_not_wait() -> None:
    section = EventHubsSection.model_validate({"minEventBatchSize": 3})
    lane = Lane()
    lane.admit([event(0)])
    assert len(lane.take(section, many=True)) == 1


def test_what_a_reconnected_receiver_brings_again_is_dropped() -> None:
    lane = Lane(last=event(4))
    lane.admit([event(3), event(4), event(5)])
    lane.admit([event(5), event(6)])
    assert [each.sequence_number for each in lane.waiting] == [5, 6]
    lane.admit([event(0, second=9)])  # a hub of that name was made anew
    assert [each.sequence_number for each in lane.waiting] == [5, 6, 0]


KEY = {"fully_qualified_namespace": "ns", "eventhub_name": "in", "consumer_group": "g", "partition_id": "0"}


async def test_checkpoints_outlive_their_process_and_owners_do_not(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "file")
    await store.update_checkpoint(KEY | {"offset": "1", "sequence_number": 1})
    await store.update_checkpoint(KEY | {"offset": "7", "sequence_number": 2})
    await store.claim_ownership([KEY | {"owner_id": "me"}])
    store.close()
    again = Checkpoints(tmp_path / "file")
    assert list(await again.list_checkpoints("ns", "in", "g")) == [KEY | {"offset": "7", "sequence_number": 2}]
    assert list(await again.list_checkpoints("ns", "in", "other")) == []
    assert list(await again.list_ownership("ns", "in", "g")) == []
    again.close()


async def test_of_two_who_claim_a_partition_one_owns_it() -> None:
    store = Checkpoints()
    (mine,) = await store.claim_ownership([KEY | {"owner_id": "a"}])
    assert list(await store.claim_ownership([KEY | {"owner_id": "b"}])) == []
    (stolen,) = await store.claim_ownership([mine | {"owner_id": "b"}])
    assert list(await store.claim_ownership([mine])) == []
    assert [each["owner_id"] for each in await store.list_ownership("ns", "in", "g")] == ["b"]
    assert stolen["etag"] != mine["etag"]
    store.close()


def two_of_one_group() -> func.FunctionApp:
    app = func.FunctionApp()

    @app.event_hub_message_trigger(arg_name="event", event_hub_name="in", connection="HUBS")
    def first(event: func.EventHubEvent) -> None: ...

    @app.retry(strategy="fixed_delay", max_retry_count="-1", delay_interval="00:00:01")
    @app.event_hub_message_trigger(arg_name="event", event_hub_name="in", connection="HUBS", cardinality="many")
    def second(event: typing.List[func.EventHubEvent]) -> None: ...  # noqa: UP006

    return app


async def test_what_loses_events_is_said_at_the_start() -> None:
    app = index(two_of_one_group())
    invoker = AppInvoker(app)
    runner = EventHubsRunner(app, invoker, SystemClock(), Deliveries(), environ={"HUBS": CONNECTION})
    shared, lost = runner.warnings
    assert "2 functions share the consumer group $Default" in shared
    assert lost.startswith("first: an event whose function fails is LOST")
    fixed = EventHubsRunner(app, invoker, SystemClock(), Deliveries(), None, "fixed", {"HUBS": CONNECTION})
    assert len(fixed.warnings) == 1
    await invoker.close()


async def test_outputs_of_event_hubs_are_none_of_kafkas() -> None:
    app = func.FunctionApp()

    @app.event_hub_output(arg_name="out", event_hub_name="out", connection="HUBS")
    @app.event_hub_message_trigger(arg_name="event", event_hub_name="in", connection="HUBS")
    def take(event: func.EventHubEvent, out: func.Out[str]) -> None: ...

    (function,) = index(app).functions
    kafka = KafkaProducers({}, "fixed")
    await kafka.send(function, {"out": "text"})
    await kafka.close()
    await EventHubProducers({}).send(function, {"out": "text"})


def test_an_app_without_event_hubs_does_not_load_the_library() -> None:
    code = "import sys, host.cli.start; sys.exit('azure.eventhub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
