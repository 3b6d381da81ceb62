"""What children that functions fork (``multiprocessing`` does) must not have of the host.

Its locks and its port: a child that outlives a killed host would hold them against the next one. And its handlers of
signals: asyncio hears of a signal through a socket that both processes share, so that one for a child, such as
``Pool.terminate`` sends, would stop the host and leave the child alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from weakref import WeakSet

_descriptors: set[int] = set()
_sockets: WeakSet[socket.socket] = WeakSet()
_signals: set[signal.Signals] = set()
_thread = threading.local()


def keep(opened: int | socket.socket) -> None:
    """Children close it. Of a descriptor, ``drop`` it before it is closed here."""
    if isinstance(opened, int):
        _descriptors.add(opened)
    else:
        _sockets.add(opened)


def drop(descriptor: int) -> None:
    """It is about to be closed."""
    _descriptors.discard(descriptor)


def handle(*signals: signal.Signals) -> None:
    """Children go without the handlers of these."""
    _signals.update(signals)


def _before() -> None:
    """A signal for the child waits until it has handlers of its own."""
    _thread.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _signals)


def _in_parent() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _thread.mask)


def _in_child() -> None:
    for descriptor in _descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _descriptors.clear()
    for each in tuple(_sockets):
        each.close()
    if _signals:
        signal.set_wakeup_fd(-1)
    for number in _signals:
        signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, _thread.mask)


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
