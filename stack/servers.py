"""The servers of the local stack: what each is made of, how it is started and where it answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack import processes
from stack.build import built
from stack.java import ENVIRONMENT, find_jdk, jvm_options
from stack.options import ROOT, Options, StackError
from stack.processes import Running


@dataclass(frozen=True, slots=True)
class Server:
    """One server of one stack."""

    name: str
    title: str
    module: Path
    port: int
    port_setting: str
    arguments: tuple[str, ...]
    """System properties beside ``port``."""
    data: Path
    path: str = ""
    """What follows host and port in the base URL."""

    @property
    def url(self) -> str:
        """The base URL that clients use."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    @property
    def ready_url(self) -> str:
        """Answers 200 when the server takes requests."""
        return f"http://127.0.0.1:{self.port}/health/ready"

    @property
    def pid_file(self) -> Path:
        """Where the running process is remembered."""
        return self.data / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.data / "logs" / f"{self.name}.log"

    def start(self) -> Running:
        """Start it. Raises ``StackError`` when it cannot be built."""
        jar = built(self.name, self.title, self.module)
        jdk = find_jdk()
        options = jvm_options(self.name, jdk, jar.with_suffix(".jsa"))
        properties = [f"-D{each}" for each in (f"port={self.port}", *self.arguments)]
        command = [str(jdk.java), *options, *properties, "-jar", str(jar)]
        return processes.spawn(command, self.port, self.pid_file, self.log, ENVIRONMENT)


NAMES: Final = ("rules", "fhir")


def servers(options: Options) -> list[Server]:
    """The servers that ``options`` asks for. Raises ``StackError`` for an unknown name."""
    unknown = sorted(set(options.only) - set(NAMES))
    if unknown:
        raise StackError(f"There is no server {', '.join(unknown)}: the servers are {', '.join(NAMES)}.")
    data = options.data.resolve()
    rules = Server(
        name="rules",
        title="rules service",
        module=ROOT / "rules" / "service",
        port=options.rules_port,
        port_setting="--rules-port",
        arguments=(f"directory={options.rulesets.resolve()}",),
        data=data,
    )
    fhir = Server(
        name="fhir",
        title="FHIR server",
        module=ROOT / "stack" / "fhir",
        port=options.fhir_port,
        port_setting="--fhir-port",
        arguments=(f"data={data / 'fhir'}",),
        data=data,
        path="/fhir",
    )
    return [server for server in (rules, fhir) if server.name in options.only]
