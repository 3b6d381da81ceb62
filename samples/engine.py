"""The whole engine on this machine: the stack's servers, the payer's own records and the app on the embedded host."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

import stack
from events.errors import EventsError
from events.topics import apply
from samples.camunda import WITNESS_PORT, Inspector, Mirror, Watched
from samples.hook import HOOK_PORT, HookReceiver
from samples.witness import KINDS
from stack.options import ROOT
from stack.progress import Progress
from stack.seed import seed

SAMPLES = ROOT / "samples"
APP_PORT = 7071


@dataclass
class Engine:
    """``with Engine() as engine:`` starts what does not run and stops what it started.

    ``data`` holds databases, keys, tokens and logs. ``keep`` leaves the stack's servers running.
    """

    data: Path = ROOT / ".data"
    port: int = APP_PORT
    options: stack.Options = field(default_factory=stack.Options)
    hook_port: int | None = 0
    """Where the submitters' endpoint listens: 0 takes a free port, ``None`` starts none."""
    keep: bool = False
    arguments: tuple[str, ...] = ()
    """More arguments of ``python -m host start``."""
    environment: dict[str, str] = field(default_factory=dict)
    """More app settings."""
    hooks: HookReceiver | None = None
    witness_port: int = WITNESS_PORT
    """Where the Camunda engine sends its records, where one is among the servers of ``options``."""
    mirrors: bool = True
    """Whether the mirror runs beside Camunda."""
    mirror: Mirror | None = None
    watched: Watched | None = None

    @property
    def camunda(self) -> bool:
        """Whether the cases are shown in Camunda."""
        return "camunda" in self.options.only

    @property
    def url(self) -> str:
        """Base of the app."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the app says."""
        return self.data / "logs" / "app.log"

    def __enter__(self) -> Self:
        if self.hook_port is not None:
            self.hooks = HookReceiver(self.hook_port)
        try:
            if self.camunda:
                self.watched = Watched(self.data, self.witness_port)
                self.options = replace(
                    self.options, camunda_exporter_url=self.watched.witness.url, camunda_exporter_kinds=KINDS
                )
            self.servers = stack.up(self.options)
            seed(self.servers.fhir_url, SAMPLES / "members", change=self.stored)
            self.lay_topics()
            self.start_app()
            if self.camunda and self.mirrors:
                self.start_mirror()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def lay_topics(self) -> None:
        """Create the topics, and the schemas where a registry runs. Raises ``StackError``."""
        registry = self.servers.registry_url if "registry" in self.options.only else None
        try:
            apply(self.servers.kafka_brokers, registry)
        except EventsError as error:
            raise stack.StackError(str(error)) from None

    def start_app(self) -> None:
        """Start the app and return when it and all that it needs is ready. Raises ``StackError``."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "host", "start", "--app", str(ROOT), "--port", str(self.port)]
        command += ["--data", str(self.data / "host"), "--identities", str(SAMPLES / "identities.json")]
        settings = {
            "WORKFLOW_FHIR_URL": self.servers.fhir_url,
            "WORKFLOW_RULES_URL": self.servers.rules_url,
            "WORKFLOW_KAFKA_BROKERS": self.servers.kafka_brokers,
            "WORKFLOW_KAFKA_GROUP": "workflow-engine",
            "WORKFLOW_EVENT_SOURCES": (SAMPLES / "event-sources.json").read_text(),
            "WORKFLOW_TASKLIST_PEOPLE": (SAMPLES / "tasklist-people.json").read_text(),
            "WORKFLOW_PUBLIC_URL": self.url,
            "WORKFLOW_HOOK_HOSTS": "127.0.0.1",
            "WORKFLOW_ANALYTICS_FILE": str(self.data / "analytics.sqlite"),
            **self.environment,
        }
        with self.log.open("ab") as log:
            self.app = subprocess.Popen(
                [*command, *self.arguments], cwd=ROOT, stdout=log, stderr=log, env={**os.environ, **settings}
            )
        self._await_ready()

    def start_mirror(self, **settings: str) -> None:
        """Start showing the cases in Camunda. ``settings``: more of the mirror's, in its environment's names."""
        search = {"WORKFLOW_CAMUNDA_REST": f"{self.servers.camunda_url}/v2"} if "webapps" in self.options.only else {}
        given = {
            "WORKFLOW_PUBLIC_URL": self.url,
            "WORKFLOW_KAFKA_BROKERS": self.servers.kafka_brokers,
            "WORKFLOW_CAMUNDA_GRPC": self.servers.camunda_grpc,
            "WORKFLOW_MIRROR_TOKEN": self.token("camunda-mirror"),
            "WORKFLOW_MIRROR_STORE": str(self.data / "mirror" / "mirror.sqlite"),
            **search,
        }
        self.mirror = Mirror({**given, **settings}, self.log.with_name("mirror.log"))

    def inspector(self) -> Inspector:
        """Compares what Camunda reports with what the app says. Close it by a ``with`` block."""
        assert self.watched is not None
        headers = {"Authorization": f"Bearer {self.token('operator-park')}"}
        return Inspector(httpx.Client(base_url=self.url, timeout=60, trust_env=False), headers, self.watched.witness)

    def stop_app(self, signal_: signal.Signals = signal.SIGTERM) -> None:
        """Stop the app: gracefully, or at once with SIGKILL."""
        if self.app.poll() is None:
            self.app.send_signal(signal_)
        self.app.wait(60)

    def token(self, identity: str) -> str:
        """The bearer token of one of ``samples/identities.json``."""
        tokens: dict[str, str] = json.loads((self.data / "host" / "identities.json").read_text())
        return tokens[identity]

    def key(self, name: str = "host") -> str:
        """A key of the app: ``host``, ``master`` or ``system``."""
        return str(json.loads((self.data / "host" / "keys.json").read_text())[name])

    def close(self) -> None:
        """Stop what was started."""
        if self.mirror:
            self.mirror.stop()
        if hasattr(self, "app"):
            self.stop_app()
        if self.hooks:
            self.hooks.close()
        if hasattr(self, "servers") and self.servers.started and not self.keep:
            stack.down(self.options)
        if self.watched:
            self.watched.close()

    def stored(self, resource: dict[str, Any]) -> dict[str, Any]:
        """``resource``; a Subscription names the port that the endpoint really has."""
        if resource["resourceType"] != "Subscription" or self.hooks is None:
            return resource
        channel = resource["channel"]
        endpoint = channel["endpoint"].replace(f":{HOOK_PORT}/", f":{self.hooks.port}/")
        return {**resource, "channel": {**channel, "endpoint": endpoint}}

    def _await_ready(self) -> None:
        with Progress("app: starting") as progress:
            while True:
                if self.app.poll() is not None:
                    raise stack.StackError(f"The app stopped while it was starting; the reason is in {self.log}:\n"
                                           + self.log.read_text().strip().rsplit("\n", 1)[-1])  # fmt: skip
                try:
                    if httpx.get(f"{self.url}/health/ready", timeout=5, trust_env=False).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                if progress.seconds > 60:
                    raise stack.StackError(f"The app was not ready after 60 s; see {self.log}.")
                progress.tick()
                time.sleep(0.1)
