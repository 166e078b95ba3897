"""A TLCP server that takes no hello with extensions, as GmSSL 3.1 does."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import msgspec
import pytest

from audit_core.model import Verdict
from audit_tls import hellos
from audit_tls.attempt_results import accepted_suite
from audit_tls.endpoint import parse_endpoint
from audit_tls.questions import Asker
from audit_tls.report import Report, TlsAddress
from audit_tls.suites import TLCP
from audit_tls.version_checks import tlcp_offered
from invented.answers import answer
from live.tls_servers import peer

_SUITE = 0xE013  # ECC_SM4_CBC_SM3
_REFUSED = struct.pack(">BHHBB", 21, TLCP, 2, 2, 40)


def _record(kind: int, *messages: bytes) -> bytes:
    body = b"".join(messages)
    return struct.pack(">BHH", kind, TLCP, len(body)) + body


def _message(kind: int, body: bytes) -> bytes:
    return struct.pack(">B", kind) + len(body).to_bytes(3, "big") + body


_HELLO = _message(2, struct.pack(">H", TLCP) + bytes(32) + b"\0" + struct.pack(">HB", _SUITE, 0))
_TAKEN = _record(22, _HELLO, _message(14, b""))


def _has_extensions(hello: bytes) -> bool:
    """Whether something stands behind the compression methods of a ClientHello."""
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2], "big")
    return at + 1 + hello[at] < len(hello)


def _served(refuse: Callable[[socket.socket], None]) -> Report:
    def talk(connection: socket.socket, _: int) -> None:
        hello = connection.recv(65536)
        if hello[9:11] != struct.pack(">H", TLCP):
            connection.sendall(struct.pack(">BHHBB", 21, 0x0301, 2, 2, 70))
        elif _has_extensions(hello):
            refuse(connection)
        else:
            connection.sendall(_TAKEN)

    with peer(talk) as port:
        return Asker(TlsAddress(address="127.0.0.1", port=port, name="localhost"), 60, 30).report()


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_tlcp_without_extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hellos, "_GAP_S", 0.01)
    refusals: list[Callable[[socket.socket], None]] = [
        lambda c: c.sendall(_REFUSED), lambda c: c.shutdown(socket.SHUT_RDWR), _reset,
    ]  # fmt: skip
    for refuse in refusals:
        report = _served(refuse)
        taken = {accepted_suite(a) for a in report.attempts if a.version == TLCP} - {None}
        assert taken == {_SUITE}
        endpoint = parse_endpoint(answer(msgspec.json.encode(report)))
        assert tlcp_offered.judge(endpoint).verdict is Verdict.PASS
