"""An MLflow server behind a door that can be shut in several ways."""

import socket
import socketserver
import threading
import time
from contextlib import suppress
from pathlib import Path

from project_copy import Command, free_port, is_listening

_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\nboom"
_SLOW_S = 1.0


class FaultyServer:
    """The server, and the door through which it is reached at ``url``.

    Attributes:
        mode: How requests are treated from now on, those under way included: ``pass``, ``refuse``
            (the connection is reset), ``hang`` (nothing is answered), ``error`` (500), ``cut`` (the
            connection ends within an answer) or ``slow``.
    """

    def __init__(self, scratch: Path) -> None:
        self.mode = "pass"
        self.server_port = free_port()
        arguments = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
        arguments += ["--port", str(self.server_port)]
        arguments += ["--backend-store-uri", f"sqlite:///{scratch / 'server.db'}"]
        arguments += ["--artifacts-destination", (scratch / "artifacts").as_uri()]
        self._server = Command(arguments, scratch, scratch / "server.log")
        if not self._server.wait_until(lambda: is_listening(self.server_port), 300):
            raise RuntimeError(f"no MLflow server: {self._server.said()[-3000:]}")
        self._door = _Door(self)
        threading.Thread(target=self._door.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._door.server_address[1]}"

    def stop(self) -> None:
        """Shut the door and end the server."""
        self._door.shutdown()
        self._server.kill()


class _Door(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, behind: FaultyServer) -> None:
        super().__init__(("127.0.0.1", 0), _Visit)
        self.behind = behind


class _Visit(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Door)
        self._behind = self.server.behind
        with socket.create_connection(("127.0.0.1", self._behind.server_port)) as inside:
            back = threading.Thread(target=self._pump, args=(inside, self.request, True))
            back.start()
            self._pump(self.request, inside, False)
            back.join()

    def _pump(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self._pass(data, target, is_answer):
                    break
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pass(self, data: bytes, target: socket.socket, is_answer: bool) -> bool:
        """Treat a piece as the mode says; say whether the connection goes on."""
        mode = self._behind.mode
        if mode == "refuse":
            return False
        if mode == "error" and not is_answer:
            self.request.sendall(_ERROR)
            return False
        if mode == "cut" and is_answer:
            target.sendall(data[: len(data) // 2])
            return False
        if mode == "slow":
            time.sleep(_SLOW_S)
        while self._behind.mode == "hang":
            time.sleep(0.1)
        target.sendall(data)
        return True
