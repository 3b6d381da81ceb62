"""Where a process listens, as Linux tells it."""

from __future__ import annotations

import os
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

_LISTEN = "0A"


def addresses(pid: int) -> set[str]:
    """The addresses on which ``pid`` takes TCP connections, IPv4 in IPv6 written as IPv4."""
    inodes = _inodes(pid)
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {_address(row[1].partition(":")[0]) for row in rows if row[3] == _LISTEN and row[9] in inodes}


def _inodes(pid: int) -> set[str]:
    links = [_target(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def _target(path: Path) -> str:
    try:
        return os.readlink(path)
    except FileNotFoundError:  # closed meanwhile
        return ""


def _address(text: str) -> str:
    """Little-endian words of 32 bits, in hexadecimal."""
    raw = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    if len(raw) == 4:
        return str(IPv4Address(raw))
    found = IPv6Address(raw)
    return str(found.ipv4_mapped or found)
