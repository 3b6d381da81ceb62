"""One server of the local stack: what it is made of, how it is started and where it answers."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from stack import processes
from stack.build import built, is_built
from stack.java import ENVIRONMENT, find_jdk, jvm_options
from stack.processes import Running
from stack.readiness import Ready


@dataclass(frozen=True, slots=True)
class Server:
    """One server of one stack."""

    name: str
    title: str
    module: Path
    port: int
    port_setting: str
    url: str
    """What clients are given: a base URL, or ``host:port`` for Kafka."""
    ready: Ready = field(compare=False)
    """Whether it takes requests; answers within a few seconds."""
    arguments: tuple[str, ...]
    """Its system properties."""
    data: Path
    """The folder that all servers share."""
    more_ports: tuple[tuple[int, str], ...] = ()
    """Further ports that it takes, each with its setting."""
    package: str = ""
    """The server whose build it shares; empty: it has its own."""
    main: str = ""
    """The class to run with all libraries on the class path; empty: the jar names it."""
    warm: bool = False
    """Whether it is to be fast when it has run for long, rather than soon."""
    gives_way: bool = False
    """Whether all others go first once it is ready: it shows what they do, and must not slow them."""
    notice: str = ""
    """What whoever starts it is told, on a line of its own."""

    @property
    def pid_file(self) -> Path:
        """Where the running process is remembered."""
        return self.data / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.data / "logs" / f"{self.name}.log"

    @property
    def scratch(self) -> Path:
        """Its temporary files. They are forgotten at every start: who is killed leaves native libraries behind."""
        return self.data / "tmp" / self.name

    @property
    def is_built(self) -> bool:
        """Whether ``build`` has nothing to do, and so nothing to download."""
        return is_built(self.package or self.name, self.module)

    def build(self) -> Path:
        """Its jar, built if need be. Raises ``StackError``."""
        return built(self.package or self.name, self.title, self.module)

    def start(self) -> Running:
        """Start it. Raises ``StackError`` when it cannot be built."""
        jar = self.build()
        jdk = find_jdk()
        options = jvm_options(self.name, jdk, jar.with_name(f"{self.name}.jsa"), warm=self.warm)
        properties = [f"-D{each}" for each in (*self.arguments, f"java.io.tmpdir={self.scratch}")]
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True, mode=0o700)
        crash = f"-XX:ErrorFile={self.log.with_name(self.name)}-crash-%p.log"
        command = [str(jdk.java), *options, crash, *properties, *self._program(jar)]
        return processes.spawn(command, self.port, self.pid_file, self.log, ENVIRONMENT)

    def _program(self, jar: Path) -> list[str]:
        if not self.main:
            return ["-jar", str(jar)]
        libraries = jar.parent / "lib" / "*"
        return ["--enable-native-access=ALL-UNNAMED", "-cp", f"{jar}:{libraries}", self.main]
