"""OSC over TCP: every connection in one thread, so that two hundred cost no more than one that talks as much.

Nothing here waits for a peer: what a connection does not take at once is kept for it, and one that keeps too much
waiting is dropped; its client reconnects and asks for the state of its jobs.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from contextlib import suppress

from footfall_bridge import osc
from footfall_bridge.errors import InvalidMessage
from footfall_bridge.messages import Message

from footfall_engine.server.handlers import Gate, Handlers, no_ports, refusal
from footfall_engine.server.waker import Waker

log = logging.getLogger(__name__)

MAX_WAITING_BYTES = 4 << 20  # a message more may wait for a peer while less than this does
_READ_BYTES = 1 << 16
_FAREWELL_SECONDS = 0.5  # what waits is still sent for so long when the engine closes
_NO_MORE_SOCKETS_PAUSE = 0.05  # seconds


class TcpServer:
    def __init__(self, listener: socket.socket, gate: Gate, handlers: Handlers) -> None:
        self._listener = listener
        self._gate = gate
        self._handlers = handlers
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._changed: set[Connection] = set()  # those another thread left something to send in
        self._waker = Waker()
        self._thread = threading.Thread(target=self._run, name="footfall-tcp", daemon=True)

    def start(self) -> None:
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._waker, selectors.EVENT_READ)
        self._thread.start()

    def stop(self) -> None:
        self._waker.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=2)
        self._selector.close()
        self._waker.close()
        self._listener.close()

    def look_after(self, connection: Connection) -> None:
        """Have the server's thread see to a connection that cannot send on its own. From any thread."""
        with self._lock:
            self._changed.add(connection)
        self._waker.wake()

    # ---- the server's thread

    def _run(self) -> None:
        while not self._waker.stopped:
            try:
                self._turn(timeout=None)
            except Exception:  # the edge: whatever one turn does, the next one comes
                log.exception("the TCP wire stumbled")
        self._say_farewell()
        for connection in list(self._connections):
            self._close(connection)

    def _turn(self, timeout: float | None) -> None:
        for key, events in self._selector.select(timeout):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._waker:
                self._waker.drain()
            else:
                self._serve(key.data, events)
        with self._lock:
            changed, self._changed = self._changed, set()
        for connection in changed & self._connections:
            self._settle(connection)

    def _accept(self) -> None:
        try:
            sock, place = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:  # as a rule too many open files: those who wait are served later
            log.warning("a connection could not be accepted: %s", error)
            time.sleep(_NO_MORE_SOCKETS_PAUSE)
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection = Connection(sock, f"{place[0]}:{place[1]}", self)
        self._connections.add(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _serve(self, connection: Connection, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                self._read(connection)
            if events & selectors.EVENT_WRITE:
                connection.flush()
        except OSError as error:
            log.debug("%s is gone: %s", connection, error)
            connection.lost = True
        except Exception:
            log.exception("%s is dropped", connection)
            connection.lost = True
        self._settle(connection)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            connection.lost = True
            return
        try:
            for packet in connection.decoder.feed(data):
                if connection.lost:  # dropped by its own questions, whose answers it does not read
                    return
                self._answer(packet, connection)
        except InvalidMessage as error:  # the framing is lost, and with it the rest of the stream
            connection.send(refusal(error))
            connection.lost = True

    def _answer(self, packet: bytes, connection: Connection) -> None:
        try:
            for fields in osc.decode(packet):
                self._handlers.handle(fields, connection, self._gate)
        except InvalidMessage as error:
            connection.send(refusal(error))

    def _settle(self, connection: Connection) -> None:
        """Close a lost connection; wait for room to write in one that has something to send."""
        if connection.lost:
            self._close(connection)
        else:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.waits else 0)
            self._selector.modify(connection.sock, events, connection)

    def _close(self, connection: Connection) -> None:
        self._handlers.audience.forget(connection)
        self._connections.discard(connection)
        with suppress(KeyError, ValueError):
            self._selector.unregister(connection.sock)
        connection.close()

    def _say_farewell(self) -> None:
        deadline = time.monotonic() + _FAREWELL_SECONDS
        while any(c.waits for c in self._connections) and time.monotonic() < deadline:
            with suppress(OSError):
                self._turn(timeout=_NO_MORE_SOCKETS_PAUSE)


class Connection:
    """One client. ``send`` from any thread; everything else in the server's."""

    def __init__(self, sock: socket.socket, name: str, server: TcpServer) -> None:
        self.sock = sock
        self.decoder = osc.StreamDecoder()
        self.lost = False
        self._name = name
        self._server = server
        self._lock = threading.Lock()
        self._waiting = bytearray()

    def __str__(self) -> str:
        return f"TCP client {self._name}"

    @property
    def waits(self) -> bool:
        return bool(self._waiting)

    def send(self, message: Message) -> None:
        """Send at once what the system takes, and leave the rest to the server's thread."""
        framed = self.decoder.frame(osc.encode(message))
        with self._lock:
            if self.lost:
                return
            if len(self._waiting) > MAX_WAITING_BYTES:
                log.warning("%s reads too slowly and is dropped", self)
                self.lost = True
            else:
                idle = not self._waiting
                self._waiting += framed
                if idle:
                    self._send_some()
            if self.lost or self._waiting:
                self._server.look_after(self)

    def flush(self) -> None:
        with self._lock:
            self._send_some()

    def redirect(self, port: int) -> None:
        raise no_ports("TCP")

    def close(self) -> None:
        with self._lock:
            self.lost = True
            self._waiting.clear()
            self.sock.close()

    def _send_some(self) -> None:
        try:
            while self._waiting:
                sent = self.sock.send(self._waiting[:_READ_BYTES])
                del self._waiting[:sent]
        except BlockingIOError:
            pass
        except OSError as error:
            log.debug("%s is gone: %s", self, error)
            self.lost = True
