"""A TCP proxy on loopback that delays both directions: a network of so many milliseconds.

    python -m benchmarks.proxy RTT_MS PORT...

Prints one line `LISTENING PORT` per upstream port, in order, then one JSON line per connection
that ended. The handshake costs a round trip too: what a client sends first waits one more. Nothing
limits the bandwidth. A flight is what a client sends after something came to it: the number of
flights is at least the number of round trips that it waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import Awaitable, Callable

_CHUNK = 64 << 10
_Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class _Pair:
    """One connection through the proxy."""

    def __init__(self, port: int, one_way_s: float) -> None:
        self._port = port
        self._delay = one_way_s
        self._delivered = True
        self._counts = {"flights": 0, "messages": 0, "up": 0, "down": 0}

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries everything until both sides are done, then says what it was."""
        await asyncio.sleep(2 * self._delay)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        for end in (writer, far_writer):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(
            self._one_way(reader, far_writer, self._sent, lambda: None),
            self._one_way(far_reader, writer, self._came, self._gave),
        )
        print(json.dumps({"port": self._port, **self._counts}), flush=True)

    def _sent(self, size: int) -> None:
        self._counts["up"] += size
        self._counts["messages"] += 1
        self._counts["flights"] += self._delivered
        self._delivered = False

    def _came(self, size: int) -> None:
        self._counts["down"] += size

    def _gave(self) -> None:
        self._delivered = True

    async def _one_way(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        seen: Callable[[int], None],
        gave: Callable[[], None],
    ) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        giving = asyncio.create_task(self._give(queue, writer, gave))
        clock = asyncio.get_running_loop().time
        data = b"-"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except OSError:
                data = b""
            if data:
                seen(len(data))
            queue.put_nowait((clock() + self._delay, data))
        await giving

    async def _give(
        self,
        queue: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
        gave: Callable[[], None],
    ) -> None:
        clock = asyncio.get_running_loop().time
        with contextlib.suppress(OSError):
            while (item := await queue.get())[1]:
                await asyncio.sleep(max(0.0, item[0] - clock()))
                writer.write(item[1])
                gave()
                await writer.drain()
        writer.close()


def _pairs(port: int, one_way_s: float) -> _Handler:
    return lambda reader, writer: _Pair(port, one_way_s).carry(reader, writer)


async def _serve(one_way_s: float, ports: list[int]) -> None:
    servers = []
    for port in ports:
        server = await asyncio.start_server(_pairs(port, one_way_s), "127.0.0.1", 0)
        servers.append(server)
        print(f"LISTENING {server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]) / 2000, [int(port) for port in sys.argv[2:]]))
