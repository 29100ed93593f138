"""A wire between the browser and JupyterLab that a test can cut, and mend again."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Wire:
    """Passes connections to ``port`` of loopback on, at a :attr:`port` of its own, until it is cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._whole = True
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset what is open, and whatever comes."""
        with self._lock:
            self._whole = False
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Pass on what comes from now on."""
        with self._lock:
            self._whole = True

    def _accept(self) -> None:
        with suppress(OSError):  # closed: the end
            while True:
                near, _ = self._listener.accept()
                with self._lock:
                    if not self._whole:
                        near.close()
                        continue
                    try:
                        far = socket.create_connection(("127.0.0.1", self._to))
                    except OSError:
                        near.close()
                        continue
                    self._open |= {near, far}
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while read := one.recv(65536):
                other.sendall(read)
        with self._lock:
            for end in (one, other):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            if {one, other} & self._open:  # the first of both directions to end closes both
                self._open -= {one, other}
                return
        one.close()
        other.close()

    def close(self) -> None:
        """Cut it for good."""
        self.cut()
        self._listener.close()
