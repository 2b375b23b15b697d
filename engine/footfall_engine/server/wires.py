"""Every wire of one engine, opened together and closed together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from footfall_bridge.errors import EngineAlreadyRunning, InvalidSettings
from footfall_bridge.messages import ModelList
from footfall_bridge.spool import Spool

from footfall_engine.jobs import JobQueue
from footfall_engine.server.handlers import Gate, Handlers
from footfall_engine.server.ports import DEFAULT_PORT, is_loopback, open_ports
from footfall_engine.server.spool import SpoolServer, running_engine
from footfall_engine.server.tcp import TcpServer
from footfall_engine.server.udp import UdpServer

log = logging.getLogger(__name__)


class Wires:
    def __init__(
        self,
        jobs: JobQueue,
        list_models: Callable[[], ModelList],
        request_quit: Callable[[], None],
        spool_folder: Path,
        host: str = "127.0.0.1",
        first_port: int = DEFAULT_PORT,
        token: str = "",
    ) -> None:
        """Open the ports and nothing else yet.

        InvalidSettings when another address than loopback is to be served without a token, EngineAlreadyRunning when
        the spool folder is served by another engine, PortsTaken when no port is free.
        """
        reachable = not is_loopback(host)
        if reachable and not token:
            raise InvalidSettings(f"host: {host} can be reached from other machines, so a token must be set too")
        spool = Spool(spool_folder)
        if (other := running_engine(spool)) is not None:
            raise EngineAlreadyRunning(
                f"an engine is running already: process {other.pid}, port {other.udp_port}, spool folder {spool_folder}"
            )
        self.handlers = Handlers(jobs, list_models, request_quit)
        ports = open_ports(host, first_port)
        gate = Gate(token, required=reachable)
        self.host, self.port, self.spool_folder = host, ports.port, spool_folder
        self.handlers.udp_port = self.handlers.tcp_port = ports.port
        self.handlers.spool_folder = str(spool_folder)
        self._spool = SpoolServer(spool, self.handlers, host)
        self._udp = UdpServer(ports.udp, gate, self.handlers)
        self._tcp = TcpServer(ports.tcp, gate, self.handlers)

    def start(self) -> None:
        try:
            self._spool.start()
        except Exception:
            self._udp.stop()
            self._tcp.stop()
            raise
        self._udp.start()
        self._tcp.start()
        log.info("listening on %s port %d (UDP and TCP) and in %s", self.host, self.port, self.spool_folder)

    def stop(self) -> None:
        for server in (self._udp, self._tcp, self._spool):
            server.stop()
