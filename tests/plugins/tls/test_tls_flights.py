"""The bytes of a handshake, read however they come; invented ones."""

from __future__ import annotations

import struct
import time

import pytest

from audit_tls.suites import SSL3, TLS12
from audit_tls.wire import Flight, NotTls, client_hello, key_exchange
from invented.tls import DHE, GOOD, NULL, alert, chain, hello, message, record


def test_flight_is_the_same_however_it_is_cut() -> None:
    whole = hello(TLS12, DHE) + chain(b"abc", b"d") + record(22, message(14, b""))
    at_once, by_byte = Flight(), Flight()
    at_once.feed(whole)
    for i in range(len(whole)):
        by_byte.feed(whole[i : i + 1])
    for flight in (at_once, by_byte):
        assert flight.hello is not None
        assert (flight.hello.suite, flight.certificates, flight.done) == (DHE, (b"abc", b"d"), True)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0-OpenSSH_9.2", bytes(5), b"\xff" * 5,
        b"\x16\x03\x03\xff\xff", b"\x16\x03\x03\0\0", record(20, b"\1"), record(23, b"x"),
        record(21, b"\2"), record(22, message(11, b"")), record(22, message(2, b"\3\3")),
    ],
)  # fmt: skip
def test_what_no_server_says(raw: bytes) -> None:
    with pytest.raises(NotTls):
        Flight().feed(raw)


def test_endless_flight_is_read_in_linear_time() -> None:
    flight, started = Flight(), time.process_time()
    flight.feed(hello(TLS12, GOOD))
    one = record(22, b"\x0b")
    flight.feed(one + record(22, b"\xff\xff\xff"))
    for _ in range(100_000):
        flight.feed(record(22, b"x"))
    assert time.process_time() - started < 10  # 0.2 s were measured
    assert flight.certificates == ()


def test_warning_before_the_hello() -> None:
    flight = Flight()
    flight.feed(alert(112, level=1) + hello(TLS12, GOOD))
    assert flight.hello is not None
    assert flight.alert is None


def test_hello_has_its_name_and_suites() -> None:
    sent = client_hello(TLS12, (GOOD, NULL), "a.example", bytes(96))
    assert b"a.example" in sent
    assert struct.pack(">HHHH", 6, GOOD, NULL, 0x00FF) in sent
    assert b"127.0.0.1" not in client_hello(TLS12, (GOOD,), "127.0.0.1", bytes(96))
    assert client_hello(SSL3, (NULL,), "a.example", bytes(96)).endswith(b"\1\0")
    assert b"a.example" in client_hello(SSL3, (NULL,), "a.example", bytes(96), extended=True)
    assert b"a.example." not in client_hello(TLS12, (GOOD,), "a.example.", bytes(96))


def test_key_exchange_that_cannot_be_read() -> None:
    assert key_exchange(b"", finite_field=False, hint=False) is None
    assert key_exchange(b"\xff\xff", finite_field=True, hint=False) is None
    assert key_exchange(b"\0\1", finite_field=True, hint=True) is None
    curve = key_exchange(b"\x03\x00\x13", finite_field=False, hint=False)
    assert curve is not None
    assert curve.group == "secp192r1"
