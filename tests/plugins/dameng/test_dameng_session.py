"""What a session does with the driver of the vendor: no server of 达梦 can run here.

The protocol of the server is not public, so nothing here plays a server that lets in: servers that
do not answer, and a stand-in for the driver.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from audit_core.model import ConnectError, Status
from audit_dameng import session
from audit_dameng.access import DamengAccess
from audit_database.access import Tls
from audit_database.query import Query
from live.database_ways import PASSWORD, Here
from live.tls_servers import peer

pytestmark = pytest.mark.live


def way(port: int, **changed: Any) -> Here:
    given = {"user": "AUDIT", "password": "env:GOOD", "address": "localhost", "port": port,
             "tls": Tls.PLAIN}  # fmt: skip
    return Here(DamengAccess(**{**given, **changed}))


def test_what_the_driver_cannot_do_is_refused() -> None:
    for changed in ({"tls": Tls.VERIFY}, {"tls": Tls.ENCRYPT}, {"socket": "/run/dm"}):
        access = way(1, **changed).access
        assert [refusal.place for refusal in access.refusals()] == [(next(iter(changed)),)]
    assert not list(way(1).access.refusals())


def test_servers_that_do_not_speak_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is a refused login, the password is not sent, and each is contacted once."""
    monkeypatch.setattr(session, "_LOGIN_MS", 500)
    heard: list[bytes] = []

    def closes(connection: socket.socket, number: int) -> None:
        heard.append(connection.recv(4096))

    def garbage(connection: socket.socket, number: int) -> None:
        heard.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9)

    def drips(connection: socket.socket, number: int) -> None:
        for _ in range(300):
            connection.sendall(b"\0")
            time.sleep(0.02)

    for talk in (closes, garbage, drips):
        contacts = []

        def counted(connection: socket.socket, number: int, talk: Any = talk) -> None:
            contacts.append(number)  # noqa: B023
            talk(connection, number)

        with peer(counted) as port, pytest.raises(ConnectError) as reported:
            session.open(way(port))
        assert not reported.value.refused, str(reported.value.detail)
        assert PASSWORD not in str(reported.value.detail)
        assert len(contacts) == 1
    assert PASSWORD.encode() not in b"".join(heard)
    with pytest.raises(ConnectError):
        session.open(way(1))


class _Code:
    """What errors of the driver carry."""

    def __init__(self, code: int, message: str) -> None:
        self.code, self.message = code, message


class _Driver:
    """In place of the driver: answers in its form, as the manual shows it."""

    Error = DatabaseError = type("DatabaseError", (Exception,), {})

    def __init__(self, refusal: int = 0) -> None:
        self.refusal = refusal
        self.asked: list[str] = []
        self.description: list[tuple[str, ...]] = []
        self._rows: Iterator[tuple[object, ...]] = iter(())

    def connect(self, **given: object) -> _Driver:
        if self.refusal:
            raise self.DatabaseError(_Code(self.refusal, "用户名或密码错误"))
        return self

    def cursor(self) -> _Driver:
        return self

    def execute(self, sql: str) -> None:
        self.asked.append(sql)
        if "DENIED" in sql:
            raise self.DatabaseError(_Code(-5504, "没有对象的查询权限"))
        self.description, self._rows = [("NAME", "x")], iter([("PWD_POLICY",), (None,)])

    def fetchone(self) -> tuple[object, ...] | None:
        return next(self._rows, None)

    def rollback(self) -> None:
        self.asked.append("ROLLBACK")

    close = rollback


def test_statements_with_a_stand_in_for_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = _Driver()
    monkeypatch.setattr(session, "dmPython", driver)
    with session.open(way(1)) as opened:
        good, denied, writes = opened.ask([
            Query(sql="SELECT NAME FROM V$PARAMETER"),
            Query(sql="SELECT DENIED FROM X", grants=("GRANT VTI TO {user}",)),
            Query(sql="DROP TABLE X"),
        ])  # fmt: skip
    assert good.stdout.splitlines() == [b'{"columns": ["name"]}', b'["PWD_POLICY"]', b"[null]"]
    assert denied.status is Status.NOT_PERMITTED
    assert "GRANT VTI TO AUDIT" in str(denied.detail)
    assert writes.status is Status.UNSUPPORTED
    assert driver.asked[:3] == [
        "SET TRANSACTION READ ONLY", "SELECT NAME FROM V$PARAMETER", "ROLLBACK",
    ]  # fmt: skip
    for number, refused in ((-2501, True), (-70028, False)):
        monkeypatch.setattr(session, "dmPython", _Driver(number))
        with pytest.raises(ConnectError) as reported:
            session.open(way(1))
        assert reported.value.refused is refused
