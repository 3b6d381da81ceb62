"""The servers of the local stack, and what each of them is told."""

from __future__ import annotations

from stack import readiness
from stack.options import ALL, ROOT, Options, StackError
from stack.server import Server
from stack.zeebe import camunda, opensearch, webapps


def servers(options: Options) -> list[Server]:
    """The servers that ``options`` asks for. Raises ``StackError`` for an unknown name."""
    unknown = sorted(set(options.only) - set(ALL))
    if unknown:
        raise StackError(f"There is no server {', '.join(unknown)}: the servers are {', '.join(ALL)}.")
    usual = (_rules(options), _fhir(options), _kafka(options), _registry(options))
    made = (*usual, opensearch(options), camunda(options), webapps(options))
    return [server for server in made if server.name in options.only]


def _rules(options: Options) -> Server:
    base = f"http://127.0.0.1:{options.rules_port}"
    return Server(
        name="rules",
        title="rules service",
        module=ROOT / "rules" / "service",
        port=options.rules_port,
        port_setting="--rules-port",
        url=base,
        ready=readiness.http(f"{base}/health/ready"),
        arguments=(f"port={options.rules_port}", f"directory={options.rulesets.resolve()}"),
        data=options.data.resolve(),
    )


def _fhir(options: Options) -> Server:
    base = f"http://127.0.0.1:{options.fhir_port}"
    data = options.data.resolve()
    return Server(
        name="fhir",
        title="FHIR server",
        module=ROOT / "stack" / "fhir",
        port=options.fhir_port,
        port_setting="--fhir-port",
        url=f"{base}/fhir",
        ready=readiness.http(f"{base}/health/ready"),
        arguments=(f"port={options.fhir_port}", f"data={data / 'fhir'}"),
        data=data,
    )


def _kafka(options: Options) -> Server:
    brokers = f"127.0.0.1:{options.kafka_port}"
    data = options.data.resolve()
    return Server(
        name="kafka",
        title="Kafka broker",
        module=ROOT / "stack" / "kafka",
        port=options.kafka_port,
        port_setting="--kafka-port",
        url=brokers,
        ready=readiness.kafka(brokers),
        arguments=(f"port={options.kafka_port}", f"data={data / 'kafka'}"),
        data=data,
    )


def _registry(options: Options) -> Server:
    url = f"http://127.0.0.1:{options.registry_port}/apis/ccompat/v7"
    data = options.data.resolve()
    return Server(
        name="registry",
        title="schema registry",
        module=ROOT / "stack" / "registry",
        port=options.registry_port,
        port_setting="--registry-port",
        url=url,
        ready=readiness.http(f"{url}/subjects"),
        arguments=(
            "quarkus.http.host=127.0.0.1",
            f"quarkus.http.port={options.registry_port}",
            "quarkus.management.host=127.0.0.1",
            "quarkus.management.port=0",  # any free one: nobody asks it
            "quarkus.banner.enabled=false",
            "quarkus.http.access-log.enabled=false",
            "quarkus.log.level=WARN",
            'quarkus.log.category."io.apicurio".level=WARN',
            'quarkus.log.category."io.quarkus.config".level=ERROR',
            "quarkus.log.console.format=%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5p %c{1.} %m%n",
            "apicurio.storage.kind=sql",
            "apicurio.storage.sql.kind=h2",
            # H2 writes behind by half a second otherwise, and a kill would lose what was acknowledged.
            f"apicurio.datasource.url=jdbc:h2:file:{data / 'registry' / 'schemas'};WRITE_DELAY=0",
        ),
        data=data,
    )
