"""An MLflow server behind a door that can be shut in several ways."""

import os
import signal
import socket
import socketserver
import threading
import time
from contextlib import suppress
from pathlib import Path

from fault_runs import KedroProcess, call_forked

_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\nboom"
_SLOW_S = 1.0


class FaultyServer:
    """The server and the door, a process each.

    ``set`` takes ``pass``, ``refuse`` (the connection is reset), ``hang`` (nothing is answered),
    ``error`` (500), ``cut`` (the connection ends within an answer) or ``slow``.
    """

    def __init__(self, scratch: Path) -> None:
        self._mode = scratch / "mode"
        self.set("pass")
        server_port, door_port = _free_port(), _free_port()
        database = f"sqlite:///{scratch / 'server.db'}"
        self._processes: list[KedroProcess] = [
            call_forked(
                lambda: _serve(database, scratch / "artifacts", server_port),
                scratch,
                scratch / "server.log",
            ),
            call_forked(
                lambda: _Door(door_port, server_port, self._mode).serve_forever(),
                scratch,
                scratch / "door.log",
            ),
        ]
        self.url = f"http://127.0.0.1:{door_port}"
        _wait_for(server_port)
        _wait_for(door_port)

    def set(self, mode: str) -> None:
        """Change how requests are treated from now on, those under way included."""
        self._mode.write_text(mode)

    def stop(self) -> None:
        """End both processes."""
        for process in self._processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


def _serve(database: str, artifacts: Path, port: int) -> None:
    os.environ["_MLFLOW_SERVER_FILE_STORE"] = database
    os.environ["_MLFLOW_SERVER_ARTIFACT_DESTINATION"] = artifacts.as_uri()
    os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = "mlflow-artifacts:/"
    os.environ["_MLFLOW_SERVER_SERVE_ARTIFACTS"] = "true"
    from mlflow.server import app

    app.run(host="127.0.0.1", port=port, threaded=True)


class _Door(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, target: int, mode: Path) -> None:
        super().__init__(("127.0.0.1", port), _Visit)
        self.target, self.mode_file = target, mode

    def mode(self) -> str:
        return self.mode_file.read_text() or "pass"


class _Visit(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        door = self.server
        assert isinstance(door, _Door)
        with socket.create_connection(("127.0.0.1", door.target)) as inside:
            back = threading.Thread(target=self._pump, args=(inside, self.request, True))
            back.start()
            self._pump(self.request, inside, False)
            back.join()

    def _pump(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        door = self.server
        assert isinstance(door, _Door)
        with suppress(OSError):
            while data := source.recv(65536):
                if not self._pass(data, target, door, is_answer):
                    break
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pass(self, data: bytes, target: socket.socket, door: _Door, is_answer: bool) -> bool:
        """Treat a piece as the mode says; say whether the connection goes on."""
        mode = door.mode()
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
        while door.mode() == "hang":
            time.sleep(0.1)
        target.sendall(data)
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    end = time.monotonic() + 300
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"nothing listens at port {port}")
