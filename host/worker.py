"""The process of the functions under ``--isolate``: loads the app and runs what the host sends through a pipe.

Started by ``host.isolation`` as ``python -m host.worker``; ends when the pipe does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import Any

from host import forks, frames, garbage, logs, telemetry
from host.app import AppIndex, load_app
from host.call import call_from_json, outcome_to_json
from host.executor import Executor
from host.invocation import FunctionFailed
from host.settings import StartupError


async def serve(app: AppIndex, connection: socket.socket) -> None:
    """Run calls until the host closes the pipe."""
    reader, writer = await asyncio.open_connection(sock=connection)
    frames.write(writer, {"ready": True})
    executor = Executor()
    running: set[asyncio.Task[None]] = set()
    while (message := await frames.read(reader)) is not None:
        task = asyncio.create_task(_run(app, executor, message, writer))
        running.add(task)
        task.add_done_callback(running.discard)
    if running:  # the host died: what it runs again must not go on beside that
        os.killpg(0, signal.SIGKILL)


async def _run(app: AppIndex, executor: Executor, message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    call = call_from_json(message["call"])
    try:
        outcome = await executor.submit(app.function(call.function), call)
        reply = {"id": message["id"], "outcome": outcome_to_json(outcome)}
    except FunctionFailed as failure:
        reply = {"id": message["id"], "failed": [failure.type, failure.text, failure.frames]}
    except Exception as error:  # or the host would wait for ever
        reply = {"id": message["id"], "failed": [type(error).__name__, "", ()]}
    frames.write(writer, reply)
    await writer.drain()


def main() -> None:
    """Entry point; ends without waiting for threads that hang."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--app", type=Path, required=True)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--log-format", default="text")
    parser.add_argument("--log-level", default="warning")
    parser.add_argument("--spans")
    options = parser.parse_args()
    # The pipe ends it. A service manager tells all processes at once to stop: what the host drains shall end here.
    forks.handle(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: None)  # not SIG_IGN, which programs that functions start would inherit
    logs.set_up(options.log_format, options.log_level)
    spans = telemetry.set_up(options.spans)
    try:
        app = load_app(options.app)
    except StartupError as error:
        raise SystemExit(str(error)) from None
    garbage.settle()
    asyncio.run(serve(app, socket.socket(fileno=options.fd)))
    spans.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
