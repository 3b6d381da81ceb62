"""Names by which messages find the process instance that they are for.

A case that has to be shown anew (somebody cancelled its process instance) has another name there each time, and so have
its human tasks: messages that were published for the instance before it, and are kept for a day, find nobody.
"""

from __future__ import annotations

from typing import Final

_MARK: Final = "#"


def named(id_: str, run: int) -> str:
    """``id_`` as the ``run``-th process instance knows it."""
    return id_ if run == 1 else f"{id_}{_MARK}{run}"


def read(name: str) -> tuple[str, int]:
    """The id and the run that ``name`` was made of."""
    id_, _, run = name.partition(_MARK)
    return id_, int(run) if run.isdigit() else 1
