"""A server that answers HTTP requests with the bytes that it is told to; invented."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

from live.patience import PATIENCE_S

Answer = Callable[[str, str, dict[str, str]], "bytes | Callable[[socket.socket], None] | None"]
"""The bytes for method, path and headers; a function that talks itself; None for no answer ever."""


def page(body: str | bytes = "", status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer that ends with the connection."""
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(raw)}", "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode() + raw


class HttpPeer:
    """Listens on 127.0.0.1 to 127.0.0.9 at one port; `asked` are method and path that came."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._answer, self._tls = answer, tls
        self.asked: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.contacts = 0
        self._ends = threading.Event()

    @contextlib.contextmanager
    def listening(self) -> Iterator[int]:
        first = socket.create_server(("127.0.0.1", 0))
        port = int(first.getsockname()[1])
        listeners = [first, *(socket.create_server((f"127.0.0.{n}", port)) for n in range(2, 10))]
        threads = [threading.Thread(target=self._accept, args=(one,)) for one in listeners]
        for thread in threads:
            thread.start()
        try:
            yield port
        finally:
            self._ends.set()
            for one in listeners:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            for thread in threads:
                thread.join(PATIENCE_S)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.contacts += 1
                threading.Thread(target=self._served, args=(connection,), daemon=True).start()

    def _served(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError), connection:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_S)
        lines = connection.makefile("rb")
        method, path, _ = lines.readline().decode("ascii").split()
        headers = {}
        while (line := lines.readline().decode("latin-1").strip()) != "":
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        self.asked.append((method, path))
        self.headers.append(headers)
        answer = self._answer(method, path, headers)
        if answer is None:
            self._ends.wait(PATIENCE_S)
        elif isinstance(answer, bytes):
            connection.sendall(answer)
        else:
            answer(connection)
