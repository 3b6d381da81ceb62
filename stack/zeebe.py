"""Camunda 8 as the stack runs it: one broker with its gateway, and, if asked, Operate and Tasklist on OpenSearch.

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
RECORDS: Final = (
    "decision",
    "decisionEvaluation",
    "decisionRequirements",
    "deployment",
    "error",
    "form",
    "incident",
    "job",
    "message",
    "messageStartEventSubscription",
    "messageSubscription",
    "process",
    "processEvent",
    "processInstance",
    "processInstanceCreation",
    "processInstanceMigration",
    "processInstanceModification",
    "processMessageSubscription",
    "timer",
    "userTask",
    "variable",
)
"""Kinds of records that the exporter sends unless it is told otherwise."""
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
        arguments=(*_network(options), *_load(), *_storage(options), *_records(options), *_search(options)),
        data=options.data.resolve(),
        main="io.camunda.application.StandaloneBroker",
        warm=options.camunda_warm,
        gives_way=True,
        notice=LICENCE,
    )


def opensearch(options: Options) -> Server:
    """What Operate and Tasklist read."""
    url = f"http://{_LOOPBACK}:{options.opensearch_port}"
    data = options.data.resolve()
    return Server(
        name="opensearch",
        title="OpenSearch",
        module=ROOT / "stack" / "opensearch",
        port=options.opensearch_port,
        port_setting="--opensearch-port",
        more_ports=((options.opensearch_transport_port, "--opensearch-transport-port"),),
        url=url,
        ready=readiness.http(f"{url}/_cluster/health"),
        arguments=(
            f"port={options.opensearch_port}",
            f"transport={options.opensearch_transport_port}",
            f"data={data / 'opensearch'}",
        ),
        data=data,
        gives_way=True,
    )


def webapps(options: Options) -> Server:
    """Operate and Tasklist in a process of their own: in the engine's, Tasklist 8.6.0 cannot complete a task."""
    url = f"http://{_LOOPBACK}:{options.webapps_port}"
    return Server(
        name="webapps",
        title="Operate and Tasklist",
        module=ROOT / "stack" / "camunda",
        port=options.webapps_port,
        port_setting="--webapps-port",
        more_ports=((options.webapps_management_port, "--webapps-management-port"),),
        url=url,
        ready=readiness.http(f"http://{_LOOPBACK}:{options.webapps_management_port}/actuator/health/readiness"),
        arguments=(*_web(options), *_reading(options, "operate"), *_reading(options, "tasklist")),
        data=options.data.resolve(),
        gives_way=True,
        package="camunda",
        main="io.camunda.application.StandaloneCamunda",
    )


def _network(options: Options) -> Iterator[str]:
    yield from _spring("broker", options.camunda_port, options.camunda_management_port)
    yield f"zeebe.broker.network.host={_LOOPBACK}"
    yield f"zeebe.broker.network.advertisedHost={_LOOPBACK}"
    yield f"zeebe.broker.network.commandApi.port={options.camunda_command_port}"
    yield f"zeebe.broker.network.internalApi.port={options.camunda_internal_port}"
    yield f"zeebe.broker.gateway.network.host={_LOOPBACK}"
    yield f"zeebe.broker.gateway.network.port={options.camunda_grpc_port}"
    yield f"zeebe.clock.controlled={str(options.camunda_clock_controlled).lower()}"


def _spring(profiles: str, port: int, management_port: int) -> Iterator[str]:
    yield f"spring.profiles.active={profiles}"
    yield "spring.main.banner-mode=off"
    yield "spring.main.allow-bean-definition-overriding=true"  # for OneNode
    yield f"server.address={_LOOPBACK}"
    yield f"server.port={port}"
    yield f"management.server.address={_LOOPBACK}"
    yield f"management.server.port={management_port}"
    yield "aws.disableEc2Metadata=true"  # it asks for credentials of a cloud that it is not in


def _load() -> Iterator[str]:
    """The mirror bounds by itself how much it asks at once (``Pace.at_once``). With the engine's own limit, hundreds of
    calls of a benchmark's round were refused on a busy machine (``RESOURCE_EXHAUSTED``), and the mirror pauses then."""
    yield "zeebe.broker.backpressure.enabled=false"


def _storage(options: Options) -> Iterator[str]:
    folder = options.data.resolve() / "camunda"
    yield f"basedir={folder}"
    yield f"zeebe.broker.data.directory={folder}"
    yield "zeebe.broker.data.logSegmentSize=16MB"
    yield "zeebe.broker.data.snapshotPeriod=1m"  # a kill is recovered from by replaying what came after
    yield "zeebe.broker.cluster.raft.flush.enabled=false"  # a power cut may lose what it showed last, and no workflow
    yield "zeebe.broker.data.disk.freeSpace.processing=2GB"
    yield "zeebe.broker.data.disk.freeSpace.replication=1GB"


def _records(options: Options) -> Iterator[str]:
    """Records leave within a tenth of a second, or as soon as there are twenty: seconds are the delay's unit."""
    if options.camunda_exporter_url is None:
        return
    yield "zeebe.broker.exporters.records.className=io.camunda.zeebe.exporter.ElasticsearchExporter"
    yield f"zeebe.broker.exporters.records.args.url={options.camunda_exporter_url}"
    yield "zeebe.broker.exporters.records.args.bulk.delay=0"
    yield "zeebe.broker.exporters.records.args.bulk.size=20"
    for kind in RECORDS if options.camunda_exporter_kinds else ():
        wanted = kind in options.camunda_exporter_kinds
        yield f"zeebe.broker.exporters.records.args.index.{kind}={str(wanted).lower()}"


def _search(options: Options) -> Iterator[str]:
    """Records for Operate and Tasklist, and the engine's own search API (``/v2/.../search``)."""
    if "opensearch" not in options.only:
        return
    url = f"http://{_LOOPBACK}:{options.opensearch_port}"
    yield "zeebe.broker.exporters.opensearch.className=io.camunda.zeebe.exporter.opensearch.OpensearchExporter"
    yield f"zeebe.broker.exporters.opensearch.args.url={url}"
    yield "zeebe.broker.exporters.opensearch.args.bulk.delay=1"
    yield "camunda.database.type=opensearch"
    yield f"camunda.database.url={url}"
    yield "camunda.database.clusterName=opensearch"
    yield "camunda.rest.query.enabled=true"


def _web(options: Options) -> Iterator[str]:
    yield from _spring("operate,tasklist,auth", options.webapps_port, options.webapps_management_port)
    yield f"camunda.tasklist.zeebe.restAddress=http://{_LOOPBACK}:{options.camunda_port}"


def _reading(options: Options, app: str) -> Iterator[str]:
    """Where one of the two finds its own indices, the engine's records and the engine."""
    url = f"http://{_LOOPBACK}:{options.opensearch_port}"
    yield f"camunda.{app}.database=opensearch"
    for store in ("opensearch", "zeebeOpensearch"):
        yield f"camunda.{app}.{store}.url={url}"
        yield f"camunda.{app}.{store}.clusterName=opensearch"
    yield f"camunda.{app}.zeebeOpensearch.prefix=zeebe-record"
    yield f"camunda.{app}.zeebe.gatewayAddress={_LOOPBACK}:{options.camunda_grpc_port}"
    yield f"camunda.{app}.importer.readerBackoff=500"  # milliseconds
