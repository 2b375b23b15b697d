"""LuaSocket for scripts in REAPER: real UDP on this machine alone, and never waiting."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from tests.fakes.reaper.table import Misuse

LARGEST_DATAGRAM = 8192  # what LuaSocket reads unless told


class Sockets:
    """Those of one script, by number. Every answer is (problem, result, LuaSocket's word for why not)."""

    def __init__(self, problems: list[Exception]) -> None:
        self.problems = problems
        self.open: dict[int, socket.socket | None] = {}
        self.unhurried: set[int] = set()

    def ask(self, number: int, what: str, *arguments: Any) -> tuple:
        try:
            return (None, *getattr(self, "do_" + what)(number, *arguments))
        except (BlockingIOError, TimeoutError):
            return None, None, "timeout"
        except ConnectionRefusedError:
            return None, None, "connection refused"
        except Misuse as problem:
            self.problems.append(problem)
            return str(problem), None, None

    def do_open(self, _: int) -> tuple:
        number = len(self.open) + 1
        self.open[number] = None
        self.unhurried.add(number)
        return number, None

    def do_settimeout(self, number: int, seconds: float) -> tuple:
        if seconds != 0:
            raise Misuse(f"LuaSocket: settimeout({seconds}) would hold up REAPER's interface")
        self.unhurried.discard(number)
        return 1, None

    def do_setpeername(self, number: int, address: str, port: int) -> tuple:
        try:
            place = ipaddress.ip_address(address)
        except ValueError:
            raise Misuse(f"LuaSocket: looking up {address!r} would hold up REAPER's interface") from None
        if not place.is_loopback:
            raise Misuse(f"LuaSocket: {address} is another machine")
        family = socket.AF_INET if place.version == 4 else socket.AF_INET6
        opened = self.open[number] = socket.socket(family, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.connect((address, int(port)))
        return 1, None

    def do_send(self, number: int, hex_bytes: str) -> tuple:
        return self.connected(number, "send").send(bytes.fromhex(hex_bytes)), None

    def do_receive(self, number: int, most: int | None = None) -> tuple:
        return self.connected(number, "receive").recv(most or LARGEST_DATAGRAM).hex(), None

    def do_close(self, number: int) -> tuple:
        opened = self.open[number]
        if opened:
            opened.close()
        return 1, None

    def connected(self, number: int, what: str) -> socket.socket:
        opened = self.open[number]
        if opened is None or opened.fileno() < 0:
            raise Misuse(f"LuaSocket: {what} on a socket that is not connected")
        if number in self.unhurried:
            raise Misuse(f"LuaSocket: {what} without settimeout(0) would hold up REAPER's interface")
        return opened

    def close(self) -> None:
        for number in self.open:
            self.do_close(number)
