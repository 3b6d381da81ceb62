"""An app with Kafka bindings on the host, against a broker in the test's own process."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from argparse import Namespace
from datetime import datetime
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from host.app import load_app
from host.call import Call
from host.cli.api import Api
from host.cli.events import events
from host.clock import SystemClock
from host.isolation import IsolatedInvoker
from host.kafka import cycles
from host.kafka.delivery import Deliverer
from host.kafka.record import Held, several
from host.kafka.section import KafkaSection
from host.kafka.subscriber import Subscriber
from host.options import Compat
from host.settings import StartupError
from host.testing_http import HttpHost, http_host
from tests.host.kafka.conftest import Broker
from tests.host.kafka.inline import SAFE, index, record, until

APP = Path(__file__).parent / "app"
ENVELOPE = {
    "Offset": 0,
    "Partition": 0,
    "Topic": "t",
    "Timestamp": "2026-01-05T09:00:00Z",
    "Value": "made",
    "Key": "k",
    "Headers": [{"Key": "ce_type", "Value": "a.b"}],
}


@pytest.fixture
def out() -> str:
    return f"out-{uuid.uuid4().hex[:8]}"


async def status(host: HttpHost) -> Any:
    async with host.client.get("/admin/deliveries", headers={"x-functions-key": host.keys.master}) as response:
        assert response.status == 200
        return await response.json()


async def test_from_record_to_output(broker: Broker, topic: str, out: str, compat: Compat) -> None:
    """Both cardinalities, the metadata, a failure, outputs, deliveries, lag, and the commit at the stop."""
    app, seen, failures = func.FunctionApp(), list[Any](), list[int]()

    @app.function_name("one")
    @app.kafka_trigger(
        arg_name="event", topic=topic, broker_list=broker.address, consumer_group=topic, data_type="binary"
    )
    @app.kafka_output(arg_name="out", topic=out, broker_list=broker.address, linger_ms=0)
    def one(event: func.KafkaEvent, out: func.Out[str]) -> None:
        if event.get_body() == b"bad" and not failures:
            failures.append(1)
            raise ValueError("canary-value")
        seen.append((event.get_body(), event.key, event.topic, event.offset))
        out.set(json.dumps(ENVELOPE) if event.offset == 0 else json.dumps({"Value": "plain"}))

    @app.function_name("many")
    @app.kafka_trigger(
        arg_name="events", topic=topic, broker_list=broker.address, consumer_group=f"{topic}-many", cardinality="many"
    )
    async def many(events) -> None:  # type: ignore[no-untyped-def]
        seen.extend(json.loads(event.get_body())["Value"] for event in events)

    broker.send(topic, b"first", b"bad", key="k", partition=1, headers={"ce_type": b"a.b"})
    async with http_host(index(app, SAFE), clock=SystemClock(), compat=compat, run_kafka=True) as host:
        await until(lambda: len(seen) >= 4)
        assert {(b"first", "k", topic, 0), (b"bad", "k", topic, 1), "first", "bad"} == set(seen)
        await until(lambda: {each["lag"] for each in host.deliveries.view()["positions"]} == {0})
        view = await status(host)
        outcomes = [each["outcome"] for each in view["deliveries"] if each["function"] == "one"]
        assert outcomes == ["ok", "retrying", "ok"]
        assert {each["type"] for each in view["deliveries"]} == {"a.b"}
        async with host.client.get("/admin/deliveries") as response:
            assert response.status == 401
    assert broker.committed(topic, topic, 1) == 2
    assert broker.committed(topic, f"{topic}-many", 1) == 2
    records = {each.value(): each for each in broker.read(out, 2)}
    assert set(records) == {b"made", b'{"Value": "plain"}'}, "an envelope with a field missing is the value itself"
    assert (records[b"made"].key(), records[b"made"].headers()) == (b"k", [("ce_type", b"a.b")])


async def test_stop_lets_a_running_function_end_and_the_rest_comes_again(
    broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stopping, app, stop = list[int](), threading.Event(), func.FunctionApp(), Deliverer.stop

    async def told(deliverer: Deliverer) -> None:
        stopped = asyncio.create_task(stop(deliverer))
        await asyncio.sleep(0)
        stopping.set()
        await stopped

    @app.kafka_trigger(
        arg_name="event", topic=topic, broker_list=broker.address, consumer_group=topic, data_type="binary"
    )
    def one(event: func.KafkaEvent) -> None:
        begun.append(event.offset or 0)
        assert stopping.wait(60)

    monkeypatch.setattr(Deliverer, "stop", told)
    broker.send(topic, b"a", b"b", b"c", partition=0)
    async with http_host(index(app, SAFE), compat="fixed", run_kafka=True):
        await until(lambda: begun)
    assert begun == [0]
    assert broker.committed(topic, topic) == 1


async def test_header_name_that_is_no_text(broker: Broker, topic: str) -> None:
    """The record comes without headers, and the next ones come too."""
    app, seen = func.FunctionApp(), list[Any]()

    @app.kafka_trigger(
        arg_name="event", topic=topic, broker_list=broker.address, consumer_group=topic, data_type="binary"
    )
    def one(event: func.KafkaEvent) -> None:
        seen.append((event.get_body(), event.headers))

    broker.cluster.send_raw(topic, b"bad", {b"ce_type": b"a.b", b"\xff\xfe": b"x"})
    broker.send(topic, b"good", partition=0)
    async with http_host(index(app, SAFE), compat="fixed", run_kafka=True):
        await until(lambda: len(seen) == 2)
    assert seen == [(b"bad", []), (b"good", [])]


async def test_consumer_that_failed_is_shown(
    broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = func.FunctionApp()

    @app.kafka_trigger(arg_name="event", topic=topic, broker_list=broker.address, consumer_group=topic)
    def one(event: str) -> None: ...

    def cycle(_: KafkaSection) -> cycles.Cycle:
        def fail(_: Subscriber) -> None:
            raise RuntimeError

        return fail

    monkeypatch.setattr(cycles, "fixed", cycle)
    async with http_host(index(app, SAFE), compat="fixed", run_kafka=True) as host:
        await until(lambda: host.deliveries.outages)
        async with host.client.get("/admin/host/status", headers={"x-functions-key": host.keys.master}) as response:
            shown = (await response.json())["outages"]["one"]
        assert shown["reason"] == "its consumer failed (RuntimeError) and is begun anew"
        assert datetime.fromisoformat(shown["since"]).tzinfo is not None
        view = await status(host)
        monkeypatch.setattr(Api, "__init__", lambda self, data: None)
        monkeypatch.setattr(Api, "admin", lambda *_: view)
        assert events(Namespace(data=None, id=None, name=None, follow=False)) == 0
    assert "one: receives nothing since" in capsys.readouterr().out


async def test_topic_that_comes_later(broker: Broker, topic: str, caplog: pytest.LogCaptureFixture) -> None:
    app, seen = func.FunctionApp(), list[Any]()

    @app.kafka_trigger(
        arg_name="event", topic=topic, broker_list=broker.address, consumer_group=topic, data_type="binary"
    )
    def one(event: func.KafkaEvent) -> None:
        seen.append(event.get_body())

    async with http_host(index(app, SAFE), compat="fixed", run_kafka=True) as host:
        await until(lambda: host.deliveries.outages)
        broker.send(topic, b"a")
        await until(lambda: seen)
        await until(lambda: not host.deliveries.outages)
    lines = [each.getMessage() for each in caplog.records if each.name == "host.kafka"]
    assert lines == ["one receives nothing: the topic does not exist; the host keeps trying", "one receives again"]


async def test_settings_that_the_library_refuses_stop_the_start() -> None:
    app = func.FunctionApp()

    @app.kafka_trigger(
        arg_name="event", topic="t", broker_list="b:1", protocol="Ssl", ssl_certificate_pem="canary-value"
    )
    def one(event: str) -> None: ...

    with pytest.raises(StartupError, match=r"of one cannot be served: .*ssl\.certificate\.pem") as refused:
        async with http_host(index(app, SAFE), run_kafka=True):
            pass
    assert "canary-value" not in str(refused.value)


async def test_broker_away(caplog: pytest.LogCaptureFixture) -> None:
    app = func.FunctionApp()

    @app.kafka_trigger(arg_name="event", topic="t", broker_list="127.0.0.1:1", data_type="binary")
    def one(event: func.KafkaEvent) -> None: ...

    async with http_host(index(app, SAFE), run_kafka=True) as host:
        await until(lambda: host.deliveries.outages)
        async with host.client.get("/admin/host/status", headers={"x-functions-key": host.keys.master}) as response:
            assert list((await response.json())["outages"]) == ["one"]
    assert caplog.text.count("the broker is away") == 1


async def test_output_that_no_broker_takes(compat: Compat, caplog: pytest.LogCaptureFixture) -> None:
    """Azure's invocation succeeds all the same; ``fixed`` fails it."""
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route(route="f")
    @app.kafka_output(arg_name="out", topic="t", broker_list="127.0.0.1:1", message_timeout_ms=300, linger_ms=0)
    def f(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
        out.set("canary-value")
        return func.HttpResponse("ok")

    async with http_host(index(app), compat=compat, run_kafka=True) as host:
        async with host.client.get("/api/f") as response:
            assert response.status == (200 if compat == "azure" else 500)
        await until(lambda: "an output for t was not taken (_MSG_TIMED_OUT)" in caplog.text)
    assert "canary-value" not in caplog.text


async def test_isolated_function_takes_a_message_and_gives_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOPIC", "BROKERS", "GROUP", "OUT"):
        monkeypatch.setenv(name, "x")
    invoker = IsolatedInvoker(load_app(APP))
    sent = list[Any]()

    async def send(function: Any, outputs: Any) -> None:
        sent.append((function.name, {name: json.loads(value) for name, value in outputs.items()}))

    invoker.sends.append(send)
    try:
        message = several([record(Held("t", 3), 9, b"x")], binary=False)
        await invoker.run(invoker.app.function("batch"), Call("batch", message, "i"))
    finally:
        await invoker.close()
    assert sent[0][0] == "batch"
    assert sent[0][1]["out"][0]["Offset"] == 9
