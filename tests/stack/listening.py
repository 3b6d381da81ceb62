"""Where a process listens, as Linux tells it."""

from __future__ import annotations

import os
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

_LISTEN = "0A"


def addresses(pid: int) -> set[str]:
    """The addresses on which ``pid`` takes TCP connections, IPv4 in IPv6 written as IPv4."""
    return {_address(row[1].partition(":")[0]) for row in _sockets(pid, "tcp") if row[3] == _LISTEN}


def datagram_ports(pid: int) -> set[int]:
    """The UDP ports of ``pid``."""
    return {int(row[1].partition(":")[2], 16) for row in _sockets(pid, "udp")}


def _sockets(pid: int, protocol: str) -> list[list[str]]:
    inodes = _inodes(pid)
    files = [Path(f"/proc/net/{protocol}{version}") for version in ("", "6")]
    rows = [line.split() for file in files for line in file.read_text().splitlines()[1:]]
    return [row for row in rows if row[9] in inodes]


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
