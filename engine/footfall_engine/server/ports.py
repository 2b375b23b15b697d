"""The engine's port: one number, free for UDP and for TCP, and never shared with another program."""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from footfall_bridge.errors import InvalidSettings, PortsTaken

log = logging.getLogger(__name__)

DEFAULT_PORT = 9770
TRIES = 20
BACKLOG = 256  # connections that may wait to be accepted
RECEIVE_BUFFER_BYTES = 1 << 20  # datagrams that may wait to be read
_HIGHEST_PORT = 65535
_TAKEN = (errno.EADDRINUSE, errno.EACCES, 10013)  # the last is what Windows says of a port held exclusively
_TCP_LISTENING = "0A"  # a state in /proc/net/tcp


@dataclass(frozen=True)
class OpenPorts:
    udp: socket.socket
    tcp: socket.socket
    port: int

    def close(self) -> None:
        self.udp.close()
        self.tcp.close()


def open_ports(host: str = "127.0.0.1", first_port: int = DEFAULT_PORT, tries: int = TRIES) -> OpenPorts:
    """Sockets on the first port from ``first_port`` on that both wires can have; 0 stands for any free one.

    PortsTaken names who holds the first one when none of ``tries`` is free; InvalidSettings names a host that is
    not an address of this machine.
    """
    for port in [0] * tries if first_port == 0 else range(first_port, min(first_port + tries, _HIGHEST_PORT + 1)):
        opened = _open(host, port)
        if opened is not None:
            if port != first_port:
                log.warning("port %d is taken by %s; listening on %d", first_port, holder(first_port), port)
            return opened
    last = first_port + tries - 1
    raise PortsTaken(f"ports {first_port} to {last} of {host} are all taken; {first_port} by {holder(first_port)}")


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only. InvalidSettings when it is no address."""
    try:
        found = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError) as error:
        raise InvalidSettings(f"host: {host!r} is not an address of this machine") from error
    return all(ipaddress.ip_address(str(place[0]).split("%")[0]).is_loopback for *_, place in found)


def holder(port: int) -> str:
    """Who listens on a port, as far as this system tells."""
    with suppress(OSError):
        for pid in _pids_of_sockets(_listening_inodes(port)):
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
            return f"{name} (process {pid})"
    return "another program"


def _open(host: str, port: int) -> OpenPorts | None:
    tcp = udp = None
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        tcp = socket.socket(family, socket.SOCK_STREAM)
        _keep_to_ourselves(tcp)
        tcp.bind(place)
        tcp.listen(BACKLOG)
        port = tcp.getsockname()[1]
        udp = socket.socket(family, socket.SOCK_DGRAM)
        _keep_to_ourselves(udp)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        udp.bind((host, port))
    except OSError as error:
        for opened in (tcp, udp):
            if opened is not None:
                opened.close()
        if error.errno in _TAKEN:
            return None
        raise InvalidSettings(f"host: {host} cannot be listened on ({error.strerror})") from error
    return OpenPorts(udp, tcp, port)


def _keep_to_ourselves(sock: socket.socket) -> None:
    """Windows lets SO_REUSEADDR steal a port; elsewhere it only lets TCP skip the wait after a restart."""
    if sys.platform == "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    elif sock.type == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def _listening_inodes(port: int) -> set[str]:
    """Inodes of the sockets on a port, from Linux's tables (columns: number, local, remote, state, … inode)."""
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                columns = line.split()
                listens = table.startswith("udp") or columns[3] == _TCP_LISTENING
                if listens and int(columns[1].rsplit(":", 1)[1], 16) == port:
                    found.add(columns[9])
    return found


def _pids_of_sockets(inodes: set[str]) -> list[int]:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    found = []
    for process in Path("/proc").iterdir() if wanted else ():
        if process.name.isdigit():
            with suppress(OSError):  # another user's, or gone
                if any(os.readlink(link) in wanted for link in (process / "fd").iterdir()):
                    found.append(int(process.name))
    return found
