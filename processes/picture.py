"""The mark in a picture that says which model it shows: a ``tEXt`` chunk (PNG, 3rd edition, 11.3.3.2)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path
from typing import Final

_KEYWORD: Final = b"model-sha256"
_HEADER_END: Final = 33
"""Signature (8) and IHDR (25), which comes first."""


def picture_of(model: Path) -> Path:
    """Where the picture of ``model`` is kept."""
    return model.parents[2] / "docs" / "images" / f"{model.parent.name}-{model.stem}.png"


def marked(png: bytes, model: Path) -> bytes:
    """``png`` with the mark of ``model``."""
    body = b"tEXt" + _KEYWORD + b"\0" + _digest(model)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_HEADER_END] + chunk + png[_HEADER_END:]


def shows(png: bytes, model: Path) -> bool:
    """Whether ``png`` was drawn from ``model`` as it is."""
    return _KEYWORD + b"\0" + _digest(model) in png[_HEADER_END : _HEADER_END + 128]


def _digest(model: Path) -> bytes:
    return hashlib.sha256(model.read_bytes()).hexdigest().encode()
