"""One session: what it asks, what it keeps, and servers that lie. The servers are invented."""

from __future__ import annotations

import gzip
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audit_core.api.sdk import Target
from audit_core.model import ConnectError, HostName, Reply, SecretRef, Status
from audit_http import session
from audit_http.kind import WebAccess
from audit_http.model import Ended, Head, Opened, Timed
from audit_http.request import HttpOpen, HttpPage, HttpTimes
from hostile.http_answers import HttpPeer, page
from live.tls_servers import Material

TOKEN = "Bearer tok-en-9"


def drip(connection: socket.socket) -> None:
    """Ten bytes a second, for ever: each comes long before a read would time out."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def endless(start: bytes, part: bytes) -> Any:
    def send(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(part)

    return send


def answer(method: str, path: str, headers: dict[str, str]) -> Any:
    return {
        "/": page("<html>hello</html>", "200 OK", "Content-Type: text/html",
                  "Set-Cookie: SESSION=secret-value; Path=/; HttpOnly; SECURE; SameSite=Lax",
                  "Server: x\x01y", "X-Other: not kept"),
        "/moved": page("", "302 Found", "Location: /there?ticket=kept-out"),
        "/there?ticket=kept-out": page("there", "200 OK", "Set-Cookie: a=b"),
        "/loop": page("", "301 Moved", "Location: /loop"),
        "/away": page("", "302 Found", "Location: http://evil.example:81/x?y=z"),
        "/down": page("", "302 Found", "Location: file:///etc/passwd"),
        "/bomb": page(gzip.compress(b"\0" * 5_000_000), "200 OK", "Content-Encoding: gzip",
                      "Content-Type: text/html"),
        "/packed": page(gzip.compress(b"<html>packed"), "200 OK", "Content-Encoding: gzip"),
        "/notgzip": page(b"plain", "200 OK", "Content-Encoding: gzip"),
        "/drip": drip, "/drip-headers": drip_headers, "/never": None,
        "/endless": endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        "/headers": endless(b"HTTP/1.1 200 OK\r\n", b"A: " + b"b" * 1000 + b"\r\n"),
        "/line": endless(b"HTTP/1.1 200 OK\r\nA: ", b"b" * 65536),
        "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnot a chunk",
        "/continue": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        "/garbage": b"\0\xff" * 50 + b"\r\n\r\n", "/closed": b"",
        "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        "/ssh": b"SSH-2.0-OpenSSH_9.2p1\r\n",
        "/401": page("", "401 Unauthorized"), "/500": page("", "500 Oops"),
        "/data": page('[{"name": "somebody"}]', "200 OK", "Content-Type: application/json"),
        "/says-no": page('{"code": 401, "msg": "\u672a\u767b\u5f55"}', "200 OK"),
        "/fine": page('{"code": 0, "data": []}', "200 OK"),
        "/token": page("", "200 OK" if headers.get("x-key") == TOKEN else "401 No"),
    }[path]  # fmt: skip


@pytest.fixture(scope="module")
def peer() -> Iterator[HttpPeer]:
    made = HttpPeer(answer)
    with made.listening() as port:
        made.port = port  # type: ignore[attr-defined]
        yield made


class Here:
    """A way to the server on loopback."""

    def __init__(self, port: int, host: str = "bank.example", **more: Any) -> None:
        scheme = more.pop("scheme", "http")
        place = more.pop("place", "/")
        self.url = f"{scheme}://{host}:{port}"
        self.target = Target(id="w", kind="web", object_type="application",
                             settings={"url": self.url + place})  # fmt: skip
        self.access = WebAccess(address=HostName(host), **more)

    def address(self, name: str) -> str:
        return "127.0.0.1"

    def secret(self, reference: str) -> str:
        return TOKEN


def asked(peer: Any, *requests: Any, **more: Any) -> list[Reply]:
    with session.open(Here(peer.port, **more)) as opened:
        return list(opened.ask(requests))


def got(peer: Any, path: str, **more: Any) -> Reply:
    (reply,) = asked(peer, HttpPage(url=f"http://bank.example:{peer.port}{path}", **more))
    return reply


def head(reply: Reply) -> Head:
    assert reply.status is Status.ANSWERED, reply
    return msgspec.json.decode(reply.stdout.partition(b"\n")[0], type=Head)


def test_a_page_comes_without_values_of_cookies_and_queries(peer: Any) -> None:
    reply = got(peer, "/")
    assert reply.stdout.endswith(b"\n<html>hello</html>")
    (hop,) = head(reply).hops
    assert hop.header("server") == "x\ufffdy"
    assert hop.header("x-other") is None
    (cookie,) = hop.cookies
    assert (cookie.name, cookie.secure, cookie.http_only, cookie.same_site) == (
        "SESSION", True, True, "Lax",
    )  # fmt: skip
    assert b"secret-value" not in reply.stdout
    moved = got(peer, "/moved")
    assert [(h.status, h.to) for h in head(moved).hops] == [
        (302, f"http://bank.example:{peer.port}/there"), (200, ""),
    ]  # fmt: skip
    assert b"kept-out" not in moved.stdout
    # no cookie goes back, nothing is said of us, no packing is asked for
    assert not any("cookie" in sent for sent in peer.headers)
    assert {sent["accept-encoding"] for sent in peer.headers} == {"identity"}


def test_redirects_are_not_followed_to_other_hosts_nor_for_ever(peer: Any) -> None:
    before = len(peer.asked)
    assert len(head(got(peer, "/loop")).hops) == 6
    assert len(peer.asked) == before + 6
    away = head(got(peer, "/away"))
    assert (away.left, away.hops[-1].to) == (True, "http://evil.example:81/x")
    assert head(got(peer, "/down")).hops[-1].to == ""
    other = HttpPage(url=f"http://other.example:{peer.port}/")
    assert [r.status for r in asked(peer, other)] == [Status.UNSUPPORTED]


def test_servers_that_lie_cost_a_bounded_time_and_size(peer: Any) -> None:
    for path, status in (
        ("/never", Status.TIMED_OUT), ("/drip", Status.TIMED_OUT),
        ("/drip-headers", Status.TIMED_OUT), ("/continue", Status.TIMED_OUT),
        ("/headers", Status.MALFORMED), ("/line", Status.MALFORMED),
        ("/garbage", Status.MALFORMED), ("/ssh", Status.MALFORMED),
        ("/notgzip", Status.MALFORMED), ("/chunks", Status.UNREACHABLE),
        ("/closed", Status.UNREACHABLE), ("/short", Status.UNREACHABLE),
    ):  # fmt: skip
        began = time.monotonic()
        slow = status is Status.TIMED_OUT
        reply = got(peer, path, timeout_s=1 if slow else 20)
        assert reply.status is status, (path, reply)
        assert reply.detail is not None
        assert time.monotonic() - began < 10, path
    for path in ("/endless", "/bomb"):
        reply = got(peer, path, limit=5000)
        assert (reply.status, reply.truncated, len(reply.stdout)) == (Status.ANSWERED, True, 5000)
    assert got(peer, "/packed").stdout.endswith(b"\n<html>packed")


def test_what_is_open_to_anybody_is_told_without_what_it_holds(peer: Any) -> None:
    base = f"http://bank.example:{peer.port}"
    paths = ("/401", "/data", "/says-no", "/fine", "/", "/closed")
    (reply,) = asked(peer, HttpOpen(urls=tuple(base + path for path in paths)))
    found = [msgspec.json.decode(line, type=Opened) for line in reply.stdout.splitlines()]
    assert [(one.status, one.holds, one.error) for one in found] == [
        (401, "", False), (200, "json", False), (200, "json", True), (200, "json", False),
        (200, "html", False), (0, "", False),
    ]  # fmt: skip
    assert b"somebody" not in reply.stdout


def test_calls_are_timed_at_the_declared_pace(peer: Any) -> None:
    base = f"http://bank.example:{peer.port}"
    before = len(peer.asked)
    times = HttpTimes(calls=(("GET", base + "/fine"), ("HEAD", base + "/500")), samples=5,
                      per_second=50)  # fmt: skip
    began = time.monotonic()
    (reply,) = asked(peer, times)
    assert time.monotonic() - began >= 9 / 50
    found = [msgspec.json.decode(line, type=Timed) for line in reply.stdout.splitlines()]
    assert [one.call for one in found] == [0, 1] * 5
    assert {(one.call, one.status) for one in found} == {(0, 200), (1, 500)}
    assert peer.asked[before:] == [("GET", "/fine"), ("HEAD", "/500")] * 5
    # a server that is not there is left alone after five calls
    gone = HttpTimes(calls=(("GET", base + "/closed"),), samples=100, per_second=50)
    (reply,) = asked(peer, gone)
    assert len(reply.stdout.splitlines()) == 5
    short = HttpTimes(calls=(("GET", base + "/drip"),), samples=5, per_second=50, each_s=1,
                      timeout_s=2)  # fmt: skip
    (reply,) = asked(peer, short)
    ended = [msgspec.json.decode(line, type=Timed).ended for line in reply.stdout.splitlines()]
    assert set(ended) == {Ended.TIMED_OUT}


def test_a_token_goes_with_timed_calls_only_and_a_refusal_counts(peer: Any) -> None:
    base = f"http://bank.example:{peer.port}"
    more: dict[str, Any] = {"token": SecretRef("env:X"), "header": "X-Key", "place": "/token",
                            "clear_text": True}  # fmt: skip
    before = len(peer.headers)
    times = HttpTimes(calls=(("GET", base + "/token"),), samples=1, per_second=50)
    asked(peer, HttpPage(url=base + "/fine"), HttpOpen(urls=(base + "/fine",)), times, **more)
    sent = [headers.get("x-key") for headers in peer.headers[before:]]
    assert sent == [TOKEN, None, None, TOKEN]
    with pytest.raises(ConnectError) as caught:
        session.open(Here(peer.port, **more | {"header": "X-Wrong"}))
    assert caught.value.refused
    before = peer.contacts
    with pytest.raises(ConnectError) as caught:
        session.open(Here(peer.port, **more | {"clear_text": False}))
    assert not caught.value.refused
    assert peer.contacts == before
    with pytest.raises(ConnectError) as caught:
        session.open(Here(1))
    assert not caught.value.refused


def test_certificates_are_verified(tmp_path: Path) -> None:
    material = Material(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(material.good)
    peer: Any = HttpPeer(answer, tls)
    with peer.listening() as peer.port:
        for host, ca, status in (
            ("localhost", None, Status.UNREACHABLE),
            ("localhost", str(material.ca), Status.ANSWERED),
            ("other.example", str(material.ca), Status.UNREACHABLE),
        ):
            url = f"https://{host}:{peer.port}/"
            (reply,) = asked(peer, HttpPage(url=url), host=host, scheme="https", tls_ca=ca)
            assert reply.status is status, reply
    assert peer.asked == [("GET", "/")]
