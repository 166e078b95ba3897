"""TLS behind STARTTLS. The plain part is played by the test in the recorded words of real servers,
what follows is a real TLS server.

The words were recorded on Debian 12, 2026-11-23, over loopback, once with TLS configured and once
without: Postfix 3.7.11, Dovecot 2.3.19.1 (imap, pop3), vsFTPd 3.0.3, OpenLDAP slapd 2.5.13 and
PostgreSQL 15.18; the host's name was replaced by `mail`. The prober itself was run against each of
these servers, too.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from audit_core.model import Reply, Status, Verdict
from audit_tls.probe import asked
from audit_tls.request import TlsHellos
from audit_tls.starttls import PROTOCOLS
from live.patience import PATIENCE_S
from live.tls_servers import Material, judge, peer, relay, s_server, verdicts

pytestmark = pytest.mark.live

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
Step = tuple[bytes, bytes]  # what is sent, and what the server says then
EHLO, LDAP = b"EHLO [127.0.0.1]\r\n", b"0\x1d\x02\x01\x01w\x18\x80\x161.3.6.1.4.1.1466.20037"
PG = b"\0\0\0\x08\x04\xd2\x16\x2f"
OFFERED = (
    b"250-mail\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-VRFY\r\n250-ETRN\r\n250-STARTTLS\r\n"
    b"250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n"
)
IMAP = b"* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ %sAUTH=PLAIN]"
READY = b" Dovecot (Debian) ready.\r\n"
AGREED: dict[str, tuple[Step, ...]] = {
    "smtp": ((b"", b"220 mail ESMTP Postfix (Debian/GNU)\r\n"), (EHLO, OFFERED),
             (b"STARTTLS\r\n", b"220 2.0.0 Ready to start TLS\r\n")),
    "imap": ((b"", IMAP % b"STARTTLS " + READY),
             (b"a1 STARTTLS\r\n", b"a1 OK Begin TLS negotiation now.\r\n")),
    "pop3": ((b"", b"+OK" + READY), (b"STLS\r\n", b"+OK Begin TLS negotiation now.\r\n")),
    "ftp": ((b"", b"220 (vsFTPd 3.0.3)\r\n"),
            (b"AUTH TLS\r\n", b"234 Proceed with negotiation.\r\n")),
    "ldap": ((LDAP, b"0\x0c\x02\x01\x01x\x07\n\x01\x00\x04\x00\x04\x00"),),
    "postgres": ((PG, b"S"),),
}  # fmt: skip
DECLINED: dict[str, tuple[Step, ...]] = {
    "smtp": ((b"", b"220 mail ESMTP Postfix (Debian/GNU)\r\n"),
             (EHLO, OFFERED.replace(b"250-STARTTLS\r\n", b""))),
    "imap": ((b"", IMAP % b"" + READY),
             (b"a1 STARTTLS\r\n", b"a1 BAD TLS support isn't enabled.\r\n")),
    "pop3": ((b"", b"+OK" + READY), (b"STLS\r\n", b"-ERR TLS support isn't enabled.\r\n")),
    "ftp": ((b"", b"220 (vsFTPd 3.0.3)\r\n"),
            (b"AUTH TLS\r\n", b"530 Please login with USER and PASS.\r\n")),
    "ldap": ((LDAP, b"0*\x02\x01\x01x%\n\x01\x02\x04\x00\x04\x1eunsupported extended operation"),),
    "postgres": ((PG, b"N"),),
}  # fmt: skip


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def behind(material: Material) -> Iterator[int]:
    """A server that speaks TLS 1.0 to 1.2 and has an expired certificate with a weak key."""
    cipher = "AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"
    with s_server(material, material.expired, "-cipher", cipher, "-no_tls1_3") as port:
        yield port


def play(connection: socket.socket, steps: tuple[Step, ...]) -> None:
    """The server's part of a plain exchange; it ends where the client says anything else."""
    for expected, detail in steps:
        got = b""
        while len(got) < len(expected):
            got += connection.recv(len(expected) - len(got)) or b"\0" * len(expected)
        if got != expected:
            raise ConnectionAbortedError("something else was said")
        connection.sendall(detail)


def ask(port: int, protocol: str, timeout_s: int = int(PATIENCE_S), most: int = 40) -> Reply:
    hellos = TlsHellos(
        address="127.0.0.1", port=port, max_connections=most, starttls=protocol,
        timeout_s=timeout_s, limit=8 << 20,
    )  # fmt: skip
    started = time.monotonic()
    reply = asked(hellos)
    assert time.monotonic() - started < timeout_s + PATIENCE_S / 2
    return reply


def test_every_starttls_protocol_is_spoken() -> None:
    assert set(AGREED) == set(DECLINED) == set(PROTOCOLS)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_tls_behind_starttls_is_judged_as_without_it(protocol: str, behind: int) -> None:
    def talk(connection: socket.socket, number: int) -> None:
        play(connection, AGREED[protocol])
        relay(connection, behind)

    with peer(talk) as port:
        found = judge(port, starttls=protocol)
    assert verdicts(found) == verdicts(judge(behind))
    assert {id for id, v in verdicts(found).items() if v is F} == {
        "no-old-versions", "certificate-valid", "key-strength", "certificate-trusted",
        "key-exchange-signature",
    }  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_declines(protocol: str) -> None:
    with peer(lambda connection, _: play(connection, DECLINED[protocol])) as port:
        found = judge(port, starttls=protocol)
    assert {id for id, v in verdicts(found).items() if v is not U} == {"offered"}
    assert verdicts(found)["offered"] is F
    assert {j.detail[0].id for j in found.values()} == {
        "The server declines STARTTLS ({protocol}), so TLS is not used: {detail}"
    }


ENDED = re.compile(rb'"ended":"([a-z_]+)"')
NO_TLS = (Status.MALFORMED, Status.TIMED_OUT, Status.UNREACHABLE)


@pytest.mark.parametrize("protocol", ["imap", "postgres"])
def test_tls_where_starttls_was_declared_and_the_other_way_round(
    protocol: str, behind: int
) -> None:
    assert ask(behind, protocol, 3).status in NO_TLS
    with peer(lambda connection, _: play(connection, AGREED[protocol])) as port:
        reply = ask(port, "", 3)
        assert reply.status in NO_TLS or set(ENDED.findall(reply.stdout)) == {b"not_tls"}


def no_tls_was_heard(reply: Reply) -> bool:
    """Whether no TLS was heard: a reason, or nothing but declined attempts."""
    only_declined = b'"ended":"declined"' in reply.stdout and b'"reply":"1' not in reply.stdout
    return reply.status is not Status.ANSWERED or only_declined


# --- hostile servers ------------------------------------------------------------------------------


def for_ever(data: bytes) -> Callable[[socket.socket, int], None]:
    def talk(connection: socket.socket, number: int) -> None:
        while True:
            connection.sendall(data)

    return talk


def injected(protocol: str, behind: int) -> Callable[[socket.socket, int], None]:
    """More than the answer, in one piece with it: a device in between that speaks for TLS."""
    *before, (sent, detail) = AGREED[protocol]

    def talk(connection: socket.socket, number: int) -> None:
        play(connection, (*before, (sent, detail + b"\x15\x03\x03\0\2\2\x46")))
        relay(connection, behind)

    return talk


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_data_between_the_starttls_answer_and_tls_is_rejected(protocol: str, behind: int) -> None:
    with peer(injected(protocol, behind)) as port:
        reply = ask(port, protocol)
    assert (reply.status, "after STARTTLS" in str(reply.detail)) == (Status.MALFORMED, True)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "data",
    [
        b"A" * 4096, b"220-more\r\n" * 400, b"* OK more\r\n" * 400, b"\0" * 4096, b"\r\n" * 2048,
        b"250-\xff\xfe\x1b[2J\r\n" * 300, b"0\x84\xff\xff\xff\xff" * 600, b"+OK\r\n-ERR\r\n" * 300,
    ],
    ids=["A", "220-", "* OK", "NUL", "empty lines", "escapes", "giant LDAP", "pop3"],
)  # fmt: skip
def test_what_never_ends(protocol: str, data: bytes) -> None:
    with peer(for_ever(data)) as port:
        reply = ask(port, protocol)
    assert len(reply.stdout) < 1 << 20
    assert no_tls_was_heard(reply)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_plain_part_that_takes_its_time(protocol: str) -> None:
    def drip(connection: socket.socket, number: int) -> None:
        for byte in b"220-" + b"x" * 500:
            connection.sendall(bytes([byte]))
            time.sleep(0.2)

    with peer(drip) as port:
        reply = ask(port, protocol, 3)
    assert no_tls_was_heard(reply)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_hangs_up(protocol: str) -> None:
    with peer(lambda connection, _: connection.shutdown(socket.SHUT_RDWR)) as port:
        assert ask(port, protocol).status is Status.UNREACHABLE


def test_a_greeting_that_comes_late(behind: int) -> None:
    """Each greeting comes after 6 s, as mail servers wait; connections wait at the same time."""

    def talk(connection: socket.socket, number: int) -> None:
        time.sleep(6)
        play(connection, AGREED["smtp"])
        relay(connection, behind)

    with peer(talk) as port:
        reply = ask(port, "smtp", 60, 12)
    assert ENDED.findall(reply.stdout) == [b"answered"] * 12


def test_a_server_that_serves_few_at_a_time(behind: int) -> None:
    """What is refused for a while, or to this client, says nothing of TLS."""
    lock, at_once = threading.Lock(), [0]

    def talk(connection: socket.socket, number: int) -> None:
        with lock:
            at_once[0] += 1
            many = at_once[0] > 3
        try:
            time.sleep(2.5)
            if many:
                return connection.sendall(b"421 4.7.0 mail Error: too many connections\r\n")
            play(connection, AGREED["smtp"])
            relay(connection, behind)
        finally:
            with lock:
                at_once[0] -= 1

    with peer(talk) as port:
        reply = ask(port, "smtp", 60, 12)
    ended = ENDED.findall(reply.stdout)
    assert reply.status is Status.ANSWERED
    assert ended[-3:] == [b"answered"] * 3  # one by one again
    assert set(ended) <= {b"answered", b"not_served"}
    with peer(lambda c, _: c.sendall(b"554 5.7.1 go away\r\n")) as port:
        reply = ask(port, "smtp")
    assert (reply.status, "go away" in str(reply.detail)) == (Status.UNREACHABLE, True)


def test_a_device_that_strips_starttls_now_and_then(behind: int) -> None:
    """What is declined some of the time is not what the server declines."""

    def talk(connection: socket.socket, number: int) -> None:
        play(connection, (DECLINED if number % 3 else AGREED)["imap"])
        if number % 3 == 0:
            relay(connection, behind)

    with peer(talk) as port:
        found = verdicts(judge(port, starttls="imap"))
    seen = verdicts(judge(behind))
    assert {id for id, v in found.items() if v not in (U, seen[id])} == set()
