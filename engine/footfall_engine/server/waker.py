"""Ends or interrupts a thread that waits for sockets."""

from __future__ import annotations

import socket
from contextlib import suppress


class Waker:
    """Readable when there is a reason to look up from `select`. Works where only sockets can be waited for."""

    def __init__(self) -> None:
        self.stopped = False
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)

    def fileno(self) -> int:
        return self._near.fileno()

    def wake(self) -> None:
        with suppress(OSError):  # full: it is awake already; closed: nobody waits
            self._far.send(b"\0")

    def stop(self) -> None:
        self.stopped = True
        self.wake()

    def drain(self) -> None:
        with suppress(BlockingIOError):
            while self._near.recv(4096):
                pass

    def close(self) -> None:
        self._near.close()
        self._far.close()
