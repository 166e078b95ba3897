"""What the core and its worker processes send each other."""

from __future__ import annotations

import pickle
import socket
import struct
from typing import Any

import msgspec
from msgspec import Struct

from audit_core.connectors.connection_context import ResolvedContext
from audit_core.model import FileEntry, Message, Permission, Reason, Request, SessionInfo, Status

_SIZE = struct.Struct("!Q")


class Open(Struct, frozen=True, kw_only=True):
    """Open a session with the function `entry` (`module:function`)."""

    number: int
    entry: str
    context: ResolvedContext


class Ask(Struct, frozen=True, kw_only=True):
    """Ask one request over the open session."""

    number: int
    request: Request


class Permitted(Struct, frozen=True, kw_only=True):
    """Tell what the login allows of `requests`."""

    number: int
    requests: tuple[Request, ...]


class Close(Struct, frozen=True, kw_only=True):
    """Close the open session, if any."""

    number: int


class WorkerReply(Struct, frozen=True, kw_only=True):
    """What a worker answers to the order `number`. `failed` is why there is nothing else.

    `over`: the worker is not to be used any more. `offered`: not the answer yet; the connector has
    asked for a secret, and may offer it to the target from here on.
    """

    number: int
    info: SessionInfo | None = None
    answer: Answered | None = None
    permission: Permission | None = None
    failed: Failure | None = None
    over: bool = False
    offered: bool = False


class Answered(Struct, frozen=True, kw_only=True):
    """A reply without its request, which the worker need not send back."""

    status: Status
    exit_code: int | None
    stdout: bytes
    stderr: bytes
    truncated: bool
    detail: Message | None
    files: tuple[FileEntry, ...] | None


class Failure(Struct, frozen=True, kw_only=True):
    """Why a session could not be opened or is gone. `ours`: it is about our own side."""

    reason: Reason
    detail: Message
    remedy: Message | None = None
    refused: bool = False
    in_between: bool = False
    ours: bool = False


def send_order(sock: socket.socket, order: Any) -> None:
    """Sends `order` to a worker, which trusts us."""
    _send(sock, pickle.dumps(order))


def receive_order(sock: socket.socket) -> Any:
    """The next order; None where the other side is gone."""
    raw = _receive(sock, 1 << 40)
    return None if raw is None else pickle.loads(raw)  # noqa: S301 (from the process that began us)


def send_reply(sock: socket.socket, reply: WorkerReply) -> None:
    """Sends what a worker answers."""
    _send(sock, msgspec.msgpack.encode(reply))


def receive_reply(sock: socket.socket, most: int) -> WorkerReply | None:
    """What a worker answers, as plain data of at most `most` bytes; None where it is gone.

    A worker has read what strangers sent: nothing of it is trusted. Raises ValueError for anything
    but an answer, TimeoutError past the timeout of the socket for one read.
    """
    raw = _receive(sock, most)
    return None if raw is None else msgspec.msgpack.decode(raw, type=WorkerReply)


def _send(sock: socket.socket, raw: bytes) -> None:
    sock.sendall(_SIZE.pack(len(raw)) + raw)


def _receive(sock: socket.socket, most: int) -> bytes | None:
    head = _exactly(sock, _SIZE.size)
    if head is None:
        return None
    (size,) = _SIZE.unpack(head)
    if size > most:
        raise ValueError("more than was asked for")
    return _exactly(sock, size)


def _exactly(sock: socket.socket, size: int) -> bytes | None:
    found = bytearray()
    while len(found) < size:
        data = sock.recv(min(size - len(found), 1 << 20))
        if not data:
            return None
        found += data
    return bytes(found)
