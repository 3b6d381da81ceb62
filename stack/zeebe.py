"""Camunda 8's engine, as the stack runs it: one broker with its gateway, one partition, no storage beside it.

Settings are the makers' own names:
https://docs.camunda.io/docs/8.6/self-managed/zeebe-deployment/configuration/broker-config/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stack import readiness
from stack.options import ROOT, Options
from stack.server import Server

LICENCE: Final = "Camunda 8.6: Camunda License 1.0, non-production use only"
_LOOPBACK: Final = "127.0.0.1"


def camunda(options: Options) -> Server:
    """The engine. Its REST API is the server's URL."""
    url = f"http://{_LOOPBACK}:{options.camunda_port}"
    return Server(
        name="camunda",
        title="Camunda engine",
        module=ROOT / "stack" / "camunda",
        port=options.camunda_port,
        port_setting="--camunda-port",
        more_ports=(
            (options.camunda_grpc_port, "--camunda-grpc-port"),
            (options.camunda_command_port, "--camunda-command-port"),
            (options.camunda_internal_port, "--camunda-internal-port"),
            (options.camunda_management_port, "--camunda-management-port"),
        ),
        url=url,
        ready=readiness.camunda(url),
        arguments=(*_network(options), *_storage(options), *_exporter(options)),
        data=options.data.resolve(),
        main="io.camunda.application.StandaloneBroker",
        notice=LICENCE,
    )


def _network(options: Options) -> Iterator[str]:
    yield "spring.profiles.active=broker"
    yield "spring.main.banner-mode=off"
    yield "spring.main.allow-bean-definition-overriding=true"  # for OneNode
    yield f"server.address={_LOOPBACK}"
    yield f"server.port={options.camunda_port}"
    yield f"management.server.address={_LOOPBACK}"
    yield f"management.server.port={options.camunda_management_port}"
    yield f"zeebe.broker.network.host={_LOOPBACK}"
    yield f"zeebe.broker.network.advertisedHost={_LOOPBACK}"
    yield f"zeebe.broker.network.commandApi.port={options.camunda_command_port}"
    yield f"zeebe.broker.network.internalApi.port={options.camunda_internal_port}"
    yield f"zeebe.broker.gateway.network.host={_LOOPBACK}"
    yield f"zeebe.broker.gateway.network.port={options.camunda_grpc_port}"
    yield f"zeebe.clock.controlled={str(options.camunda_clock_controlled).lower()}"


def _storage(options: Options) -> Iterator[str]:
    folder = options.data.resolve() / "camunda"
    yield f"basedir={folder}"
    yield f"zeebe.broker.data.directory={folder}"
    yield "zeebe.broker.data.logSegmentSize=16MB"
    yield "zeebe.broker.data.snapshotPeriod=1m"  # a kill is recovered from by replaying what came after
    yield "zeebe.broker.data.disk.freeSpace.processing=2GB"
    yield "zeebe.broker.data.disk.freeSpace.replication=1GB"


def _exporter(options: Options) -> Iterator[str]:
    """Records leave within a tenth of a second, or as soon as there are twenty: seconds are the delay's unit."""
    if options.camunda_exporter_url is None:
        return
    yield "zeebe.broker.exporters.records.className=io.camunda.zeebe.exporter.ElasticsearchExporter"
    yield f"zeebe.broker.exporters.records.args.url={options.camunda_exporter_url}"
    yield "zeebe.broker.exporters.records.args.bulk.delay=0"
    yield "zeebe.broker.exporters.records.args.bulk.size=20"
