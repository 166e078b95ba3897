"""Databases whose names and errors hold sequences for terminals, and that change certificates."""

from __future__ import annotations

import contextlib
import ssl
import zipfile
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from audit_core.model import ConnectError
from audit_database.access import Tls
from audit_mysql import session as mysql
from audit_mysql.access import MysqlAccess
from audit_redis import session as redis
from audit_redis.access import RedisAccess
from audit_redis.request import RedisInfo
from hostile.mysql_packets import greeting
from hostile.redis_answers import RedisPeer, array, bulk
from live.database_ways import PASSWORD, Here
from live.product import dengbao, environment
from live.tls_servers import Material, peer

pytestmark = pytest.mark.live

SEQUENCES = "\x1b]0;owned\x07\x1b[2J\u202eevil"


def _answer(words: list[str]) -> bytes:
    match words:
        case ["AUTH", *_]:
            return b"+OK\r\n"
        case ["INFO"]:
            return bulk(f"redis_version:7.0.15{SEQUENCES}\r\nrole:master\r\n")
        case ["ACL", "USERS"]:
            return array("default", f"a{SEQUENCES}")
        case ["ACL", "GETUSER", _]:
            return (b"*8\r\n" + bulk("flags") + array("on") + bulk("passwords") + array()
                    + bulk("commands") + bulk("+@all") + bulk("keys") + bulk("~*"))  # fmt: skip
        case ["ACL", "DRYRUN", *_]:
            return b"+OK\r\n"
        case ["CONFIG", "GET", "timeout"]:
            return array("timeout", SEQUENCES)
    return f"-ERR {SEQUENCES}\r\n".encode()


def test_nothing_that_a_server_names_reaches_the_terminal(tmp_path: Path) -> None:
    pack, inventory = tmp_path / "pack.zip", tmp_path / "inventory.yaml"
    env = environment(tmp_path / "home", GOOD=PASSWORD)
    with RedisPeer(_answer).listening() as port:
        inventory.write_text(
            "targets:\n  - {id: r, kind: redis, address: 127.0.0.1, administrators: [default], "
            f"access: {{user: audit, port: {port}, tls: plain, password: 'env:GOOD'}}}}\n"
        )
        done = dengbao("run", "gbt22239-l3", "-i", inventory, "--store", tmp_path / "store",
                       "-o", pack, "--lang", "en", env=env)  # fmt: skip
    shown = dengbao("results", "latest", "--store", tmp_path / "store", "--lang", "zh", env=env)
    assert "evil" in shown.stdout
    for out in (done.out, done.err, shown.out, shown.err):
        assert b"\x1b" not in out
        assert b"\x07" not in out
        assert "\u202e".encode() not in out
    with zipfile.ZipFile(pack) as packed:
        (book,) = (name for name in packed.namelist() if name.endswith(".xlsx"))
        packed.extract(book, tmp_path)
    with zipfile.ZipFile(tmp_path / book) as sheets:
        raw = b"".join(sheets.read(name) for name in sheets.namelist() if name.endswith(".xml"))
    assert b"evil" in raw
    assert b"\x1b" not in raw
    assert "\u202e".encode() not in raw


def test_a_changed_certificate_gets_no_password(tmp_path: Path) -> None:
    """Redis is logged in to once more after an answer that breaks off: as another server."""
    material = Material(tmp_path)
    heard: list[bytes] = []

    def talk(connection: socket, number: int) -> None:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(material.good if number == 0 else material.expired)
        with contextlib.suppress(OSError), made.wrap_socket(connection, server_side=True) as tls:
            while words := tls.recv(1000):
                heard.append(words)
                tls.sendall(b"garbage\r\n" if b"INFO" in words else b"+OK\r\n")

    with peer(talk) as port:
        access: dict[str, Any] = {"user": "audit", "password": "env:GOOD", "address": "localhost",
                                  "port": port, "tls_ca": str(material.ca)}  # fmt: skip
        with redis.open(Here(RedisAccess(**access))) as opened:
            list(opened.ask((RedisInfo(timeout_s=1),)))
            first = b"".join(heard).count(PASSWORD.encode())
            with pytest.raises(ConnectError) as caught:
                list(opened.ask((RedisInfo(timeout_s=1),)))
    assert not caught.value.refused
    assert (first, b"".join(heard).count(PASSWORD.encode())) == (1, 1)


def test_a_greeting_with_sequences() -> None:
    bad = greeting(0).replace(b"10.11.0-MariaDB", SEQUENCES.encode())

    def talk(connection: socket, number: int) -> None:
        connection.sendall(bad)

    with peer(talk) as port:
        access: dict[str, Any] = {"user": "audit", "password": "env:GOOD", "address": "127.0.0.1",
                                  "port": port, "tls": Tls.PLAIN}  # fmt: skip
        with pytest.raises(ConnectError) as caught:
            mysql.open(Here(MysqlAccess(**access)))
    assert not caught.value.refused
    assert str(caught.value.detail)
