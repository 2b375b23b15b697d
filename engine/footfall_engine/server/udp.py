"""OSC over UDP: one socket and one thread. Answers go to the sender, or to the port it gave in `notify`."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from dataclasses import dataclass, field
from typing import Any

from footfall_bridge import osc
from footfall_bridge.errors import InvalidMessage
from footfall_bridge.messages import Failed, JobStatus, Message, Warned

from footfall_engine.server.handlers import Gate, Handlers, refusal
from footfall_engine.server.waker import Waker

log = logging.getLogger(__name__)

MAX_REDIRECTS = 1024
_LARGEST_DATAGRAM = 65_536
TOO_BIG = "too_big"

Place = tuple[Any, ...]  # host, port, and for IPv6 two more


class UdpServer:
    def __init__(self, sock: socket.socket, gate: Gate, handlers: Handlers) -> None:
        self._socket = sock
        self._gate = gate
        self._handlers = handlers
        self._redirects: dict[Place, Place] = {}
        self._waker = Waker()
        self._thread = threading.Thread(target=self._run, name="footfall-udp", daemon=True)

    def start(self) -> None:
        self._socket.setblocking(False)
        self._thread.start()

    def stop(self) -> None:
        self._waker.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=2)
        self._waker.close()
        self._socket.close()

    def send(self, message: Message, place: Place) -> None:
        """Send what fits; a datagram that the system cannot take now is lost, as datagrams are."""
        packet = osc.encode(message)
        if len(packet) > osc.MAX_DATAGRAM_BYTES:
            packet = osc.encode(shortened(message, len(packet)))
        try:
            self._socket.sendto(packet, self._redirects.get(place, place))
        except OSError as error:
            log.debug("%s was not sent to %s: %s", getattr(message, "type", "?"), place, error)

    def redirect(self, place: Place, port: int) -> None:
        """Have a sender's answers go to another port of its address, or to where it sends from again."""
        if port == place[1]:
            self._redirects.pop(place, None)
            return
        while len(self._redirects) >= MAX_REDIRECTS:
            self._redirects.pop(next(iter(self._redirects)), None)
        self._redirects[place] = (place[0], port, *place[2:])

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._waker, selectors.EVENT_READ)
            while not self._waker.stopped:
                selector.select()
                try:
                    self._receive_all()
                except Exception:  # the edge: whatever one packet does, the next one is read
                    log.exception("the UDP wire stumbled")

    def _receive_all(self) -> None:
        while not self._waker.stopped:
            try:
                packet, place = self._socket.recvfrom(_LARGEST_DATAGRAM)
            except BlockingIOError:
                return
            except ConnectionError:  # Windows reports here that an earlier answer found nobody
                continue
            self._answer(packet, UdpPeer(place, self))

    def _answer(self, packet: bytes, peer: UdpPeer) -> None:
        try:
            for fields in osc.decode(packet):
                self._handlers.handle(fields, peer, self._gate)
        except InvalidMessage as error:
            peer.send(refusal(error))


@dataclass(frozen=True)
class UdpPeer:
    place: Place
    server: UdpServer = field(compare=False, repr=False)

    def send(self, message: Message) -> None:
        self.server.send(message, self.place)

    def redirect(self, port: int) -> None:
        self.server.redirect(self.place, port)


def shortened(message: Message, size: int) -> Message:
    """What a datagram can carry of a message that is too big for one, with a warning that says so."""
    job_id = getattr(message, "id", "")
    warning = Warned(
        id=job_id,
        code=TOO_BIG,
        message=f"'{getattr(message, 'type', '')}' has {size} bytes, too many for UDP; ask over TCP or the spool",
    )
    if isinstance(message, JobStatus):
        failure = shortened(message.failure, size) if message.failure else None
        return message.model_copy(update={"spotted": None, "stems": [], "warnings": [warning], "failure": failure})
    if isinstance(message, Failed):
        return message.model_copy(update={"message": message.message[:1000], "detail": ""})
    return warning
