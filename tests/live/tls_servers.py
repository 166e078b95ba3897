"""TLS servers for tests: real, modified, or behind a proxy; and the probe of them."""

from __future__ import annotations

import base64
import contextlib
import datetime
import ipaddress
import os
import select
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from audit_core.api.sdk import undetermined
from audit_core.model import (
    Absent,
    Answer,
    Builtin,
    Check,
    Judgement,
    KnownOrAbsent,
    Status,
    Target,
    Verdict,
)
from audit_tls import checks
from audit_tls.ask_endpoint import ask
from audit_tls.facts import FACTS
from audit_tls.offers import CONNECTORS
from audit_tls.request import TlsHellos
from core.fakes import ask_isolated
from live.patience import PATIENCE_S, eventually

# No server here speaks TLCP, which is asked for by one profile only.
CHECKS = tuple(c for c in checks.CHECKS if c.id != "tls.tlcp-offered")

# RFC 2409, second Oakley group: 1024 bits
OAKLEY_2 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)  # fmt: skip


def needed(program: str) -> str:
    """The path of a program; the test is skipped without it, and fails where CI=true."""
    found = shutil.which(program)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is not installed, and in CI nothing is skipped")
        pytest.skip(f"{program} is not installed")
    return found


# --- certificates ---------------------------------------------------------------------------------


CRL = x509.CRLDistributionPoints(
    [
        x509.DistributionPoint(
            [x509.UniformResourceIdentifier("http://ca.test/crl")], None, None, None
        )
    ]
)


def issue(key: Any, issuer_key: Any, *, days: tuple[int, int] = (-1, 90), ca: bool = False) -> Any:
    now = datetime.datetime.now(datetime.UTC)
    alone = key is issuer_key and not ca
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA" if ca else "localhost")])
    issuer = subject if alone else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(CRL, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def write(path: Path, *items: Any) -> Path:
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    with path.open("wb") as file:
        for item in items:
            if isinstance(item, x509.Certificate):
                file.write(item.public_bytes(pem))
            else:
                file.write(item.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return path


def dh_parameters(prime: int, generator: int) -> str:
    """PKCS #3 parameters as PEM; the library is about to drop them."""
    raw = prime.to_bytes(129, "big")
    numbers = b"\x02\x81\x81" + raw + b"\x02\x01" + bytes([generator])
    body = base64.encodebytes(b"\x30\x81" + bytes([len(numbers)]) + numbers).decode()
    return f"-----BEGIN DH PARAMETERS-----\n{body}-----END DH PARAMETERS-----\n"


class Material:
    """An authority and what it issued, as files."""

    def __init__(self, folder: Path) -> None:
        openssl = needed("openssl")
        ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        weak = rsa.generate_private_key(65537, 1024)
        self.folder = folder
        self.ca = write(folder / "ca.pem", issue(ca_key, ca_key, ca=True))
        self.good = write(folder / "good.pem", key, issue(key, ca_key))
        self.expired = write(folder / "expired.pem", weak, issue(weak, weak, days=(-9, -1)))
        self.sha1 = folder / "sha1.pem"
        write(self.sha1, weak)
        made = subprocess.run(
            [openssl, "req", "-x509", "-sha1", "-key", self.sha1, "-days", "90",
             "-subj", "/CN=old", "-addext", "subjectAltName=DNS:old.example"],
            check=True, capture_output=True,
        )  # fmt: skip
        with self.sha1.open("ab") as file:
            file.write(made.stdout)
        self.prime = folder / "dh.pem"
        self.prime.write_text(dh_parameters(OAKLEY_2, 2))
        self.conf = folder / "openssl.cnf"
        self.conf.write_text(
            "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
            "[c]\nMinProtocol = None\nCipherString = ALL:@SECLEVEL=0\n"
        )


# --- servers --------------------------------------------------------------------------------------


@contextlib.contextmanager
def s_server(material: Material, cert: Path, *options: str) -> Iterator[int]:
    """The port of `openssl s_server` with a certificate and options; it takes whatever it can."""
    argv = [needed("openssl"), "s_server", "-key", str(cert), "-cert", str(cert), "-quiet"]
    env = {**os.environ, "OPENSSL_CONF": str(material.conf)}
    quiet: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    for _ in range(3):  # a free port may be taken before the server binds it
        port = free_port()
        accept = ("-accept", f"127.0.0.1:{port}")
        process = subprocess.Popen([*argv, *options, *accept], env=env, **quiet)
        try:
            if _listens(port, process):
                yield port
                return
        finally:
            process.kill()
            process.wait()
    pytest.fail("the server does not answer")


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    def answers() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    eventually(lambda: process.poll() is not None or answers())
    return process.poll() is None and answers()


@contextlib.contextmanager
def peer(talk: Callable[[socket.socket, int], None]) -> Iterator[int]:
    """A listener that hands each connection and its number to `talk`."""
    listener, closing = socket.create_server(("127.0.0.1", 0)), threading.Event()
    threads: list[threading.Thread] = []

    def one(connection: socket.socket, number: int) -> None:
        with connection, contextlib.suppress(OSError):
            talk(connection, number)
            connection.settimeout(PATIENCE_S)
            while connection.recv(65536):  # until the prober hangs up
                pass

    def accept() -> None:
        number = 0
        while not closing.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=one, args=(connection, number)))
                threads[-1].start()
                number += 1

    listener.settimeout(0.1)
    threads.append(threading.Thread(target=accept))
    threads[0].start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        closing.set()
        for thread in threads:
            thread.join(PATIENCE_S)
        listener.close()


Rule = Callable[[int, bytes], bytes | Callable[[socket.socket], None] | None]


@contextlib.contextmanager
def between(server: int, rule: Rule) -> Iterator[int]:
    """A device before `server`: for each connection `rule` is given its number and the hello.

    It says None to let it through, bytes to answer in the server's place, or a function that does
    something to the connection.
    """

    def talk(connection: socket.socket, number: int) -> None:
        hello = connection.recv(65536)
        done = rule(number, hello)
        if isinstance(done, bytes):
            connection.sendall(done)
        elif done is not None:
            done(connection)
        else:
            relay(connection, server, hello)

    with peer(talk) as port:
        yield port


def relay(client: socket.socket, server: int, hello: bytes = b"", source: str = "") -> None:
    """What each of the two says goes to the other, `hello` first; it comes from `source`."""
    with socket.create_connection(("127.0.0.1", server), None, (source, 0)) as upstream:
        upstream.sendall(hello)
        other = {client: upstream, upstream: client}
        while True:
            for ready in select.select(list(other), [], [], PATIENCE_S)[0]:
                data = ready.recv(65536)
                if not data:
                    return client.shutdown(socket.SHUT_RDWR)
                other[ready].sendall(data)


# --- looking --------------------------------------------------------------------------------------


def make(port: int, **settings: object) -> Target:
    """An endpoint of this machine, as an inventory declares it."""
    held: dict[str, object] = {"port": port, "server_name": "localhost", **settings}
    return Target(
        id="web1/tls", kind="endpoint", object_type="server", address="127.0.0.1",
        settings=held,
    )  # fmt: skip


def answer(target: Target, *, silences: bool = False) -> Answer:
    """What the prober brings back from the target; `silences`: it is one that falls silent."""
    probe = ask(target)
    assert isinstance(probe, TlsHellos)
    assert f":{target.settings['port']}" in probe.describe()
    # In a child process, as in a run. A server of ours that took 5 s to answer: the machine stood
    # still, and what is told then is right but not what is to be seen here.
    replies = (ask_isolated(CONNECTORS[0], probe) for _ in range(5))
    reply = next(r for r in replies if silences or b'"timed_out"' not in r.stdout)
    assert (reply.status, reply.truncated) == (Status.ANSWERED, False)
    now = datetime.datetime.now(datetime.UTC).isoformat()
    return Answer(
        stdout=reply.stdout, stderr=b"", exit_code=0, truncated=False, collected_at=now,
        target=target,
    )  # fmt: skip


def judge(port: int, *, silences: bool = False, **settings: object) -> dict[str, Judgement]:
    """Every check on the endpoint, as the engine would call it."""
    target = make(port, **settings)
    reported = answer(target, silences=silences)
    values: dict[Any, Any] = {f: f.providers[0].parse(reported) for f in FACTS}
    values |= {Builtin.TARGET: target, Builtin.COLLECTED_AT: reported.collected_at}
    return {c.id: _judged(c, [values[asked_of(need)] for need in c.needs]) for c in CHECKS}


def asked_of(need: Any) -> Any:
    """The fact or builtin that `need` names, without what it forgives."""
    return need.of if isinstance(need, KnownOrAbsent) else need


def _judged(check: Check, held: list[Any]) -> Judgement:
    gone = [value for value in held if isinstance(value, Absent)]
    return undetermined(gone[0].detail) if gone else check.judge(*held)


def verdicts(judged: dict[str, Judgement]) -> dict[str, Verdict]:
    """The verdicts by the check's name, without the plugin's."""
    return {id.removeprefix("tls."): j.verdict for id, j in judged.items()}
