"""Crashes between FHIR and durable, without a process to kill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from triggers.instances import Instances


@contextmanager
def crash_before(method: str) -> Iterator[None]:
    """FHIR is written, and then the process is gone before it starts or raises."""

    async def gone(*_: object, **__: object) -> bool:
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Instances, method, gone)
        yield
