"""Real servers of Debian with one setting each, the verdicts of the checks, and what nmap says.

Checks that a row does not name pass. nmap's ssl-enum-ciphers must see the same versions, and a weak
suite exactly where we do.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from audit_core.model import Verdict
from live.patience import eventually
from live.tls_servers import Material, free_port, issue, judge, needed, verdicts, write

pytestmark = pytest.mark.live

F, U = Verdict.FAIL, Verdict.UNDETERMINED
Argv = Callable[["Site", int], list[str]]


class Site:
    """Certificates of one authority, and the folder of configuration files."""

    def __init__(self, folder: Path) -> None:
        self.material, self.folder = Material(folder), folder
        ca_key = ec.generate_private_key(ec.SECP256R1())
        self.ca = write(folder / "site-ca.pem", issue(ca_key, ca_key, ca=True))
        keys = {"rsa": rsa.generate_private_key(65537, 2048),
                "ec": ec.generate_private_key(ec.SECP256R1())}  # fmt: skip
        self.certs = {n: write(folder / f"{n}.pem", k, issue(k, ca_key)) for n, k in keys.items()}

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("programs"))


def program(name: str) -> str:
    """The path of a server, which may lie where only administrators look."""
    found = [p for p in (f"/usr/sbin/{name}", f"/usr/bin/{name}") if Path(p).exists()]
    return found[0] if found else needed(name)


def nginx(settings: str, *, certs: tuple[str, ...] = ("rsa",), tls: str = " ssl") -> Argv:
    def argv(site: Site, port: int) -> list[str]:
        held = "".join(
            f"ssl_certificate {site.certs[n]}; ssl_certificate_key {site.certs[n]};" for n in certs
        )
        places = "".join(
            f"{n}_temp_path {site.folder}/{n};"
            for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = (
            f"daemon off; master_process off; pid {site.folder}/{port}.pid; error_log stderr;"
            f" events {{}} http {{ access_log off; {places}"
            f" server {{ listen 127.0.0.1:{port}{tls}; {held if tls else ''}"
            f" {settings.replace('CA', str(site.ca))} }} }}"
        )
        return [program("nginx"), "-c", site.file(f"{port}.conf", text)]

    return argv


def gnutls(priority: str) -> Argv:
    def argv(site: Site, port: int) -> list[str]:
        rsa_pem = str(site.certs["rsa"])
        return [program("gnutls-serv"), "-q", "-p", str(port), "--x509certfile", rsa_pem,
                "--x509keyfile", rsa_pem, "--priority", priority]  # fmt: skip

    return argv


def haproxy(settings: str) -> Argv:
    def argv(site: Site, port: int) -> list[str]:
        text = (
            "defaults\n  mode http\n  timeout client 9s\n  timeout server 9s\n"
            "  timeout connect 9s\n"
            f"frontend f\n  bind 127.0.0.1:{port} ssl crt {site.certs['rsa']} {settings}\n"
        )
        return [program("haproxy"), "-db", "-f", site.file(f"{port}.cfg", text)]

    return argv


def stunnel(settings: str) -> Argv:
    def argv(site: Site, port: int) -> list[str]:
        pem = site.certs["rsa"]
        text = (
            f"foreground=yes\npid=\n[x]\naccept=127.0.0.1:{port}\nconnect=127.0.0.1:9\n"
            f"cert={pem}\nkey={pem}\n{settings}\n"
        )
        return [program("stunnel4"), site.file(f"{port}.conf", text)]

    return argv


GOOD = "ssl_ciphers ECDHE+AESGCM; ssl_protocols TLSv1.2 TLSv1.3;"
ONLY_12 = "-VERS-TLS-ALL:+VERS-TLS1.2"
# what of certificates is open where none was sent
NO_CERTIFICATE = dict.fromkeys(
    ("certificate-valid", "key-strength", "signature-hash", "certificate-name", "chain-order",
     "certificate-trusted", "certificate-revocable", "certificate-lifetime"), U,
)  # fmt: skip
AGAIN = {"client-renegotiation": F}  # gnutls-serv lets clients begin again and again
SETUPS: dict[str, tuple[Argv, dict[str, Verdict]]] = {
    "nginx": (nginx(GOOD), {}),
    "nginx, old versions": (
        nginx("ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers AES128-SHA:ECDHE+AES:@SECLEVEL=0;"),
        {"no-old-versions": F, "key-exchange-signature": F},
    ),
    "nginx, RSA and ECDSA": (nginx(GOOD, certs=("rsa", "ec")), {}),
    "nginx, TLS 1.3 alone": (nginx("ssl_protocols TLSv1.3;"), {}),
    "nginx, hello retry": (nginx(GOOD + "ssl_ecdh_curve secp384r1;"), {}),
    "nginx, certificates of clients": (
        nginx(GOOD + "ssl_client_certificate CA; ssl_verify_client on;"), {},
    ),
    "nginx, static keys": (
        nginx("ssl_protocols TLSv1.2; ssl_ciphers AES128-GCM-SHA256;"), {"forward-secrecy": F},
    ),
    "GnuTLS, as it comes but for old versions": (
        # it signs with SHA-1 where a client offers nothing else, as openssl s_client sees, too
        gnutls("NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"), {"key-exchange-signature": F, **AGAIN},
    ),
    "GnuTLS, no SHA-1": (
        gnutls("NORMAL:-VERS-TLS1.0:-VERS-TLS1.1:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:-SIGN-DSA-SHA1"),
        AGAIN,
    ),
    "GnuTLS, old versions": (
        gnutls("NORMAL"), {"no-old-versions": F, "key-exchange-signature": F, **AGAIN},
    ),
    "GnuTLS, RC4 and 3DES": (
        gnutls(f"NORMAL:{ONLY_12}:+3DES-CBC:+ARCFOUR-128:-SIGN-RSA-SHA1"),
        {"no-weak-suites": F, **AGAIN},
    ),
    "GnuTLS, anonymous": (
        gnutls(f"NORMAL:-KX-ALL:+ANON-ECDH:{ONLY_12}"),
        {"offered": F, "no-weak-suites": F, "forward-secrecy": F, "client-renegotiation": U,
         **NO_CERTIFICATE},
    ),
    "HAProxy": (haproxy("ciphers ECDHE+AESGCM ssl-min-ver TLSv1.2"), {}),
    # nobody listens behind it, so that it ends each connection
    "stunnel": (
        stunnel("sslVersionMin=TLSv1.2\nciphers=ECDHE+AESGCM"), {"client-renegotiation": U},
    ),
}  # fmt: skip


@contextlib.contextmanager
def served(site: Site, argv: Argv) -> Iterator[int]:
    port = free_port()
    quiet: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    env = {**os.environ, "OPENSSL_CONF": str(site.material.conf)}
    if "SECLEVEL=0" not in str(argv(site, port)) + _read(argv(site, port)[-1]):
        del env["OPENSSL_CONF"]
    process = subprocess.Popen(argv(site, port), env=env, **quiet)

    def answers() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return process.poll() is not None

    try:
        eventually(answers)
        assert process.poll() is None
        yield port
    finally:
        process.kill()
        process.wait()


def _read(path: str) -> str:
    return Path(path).read_text() if path.startswith("/") else ""


def by_nmap(port: int) -> tuple[set[str], bool]:
    """The versions, and whether a weak suite is among those of them."""
    argv = [needed("nmap"), "-Pn", "-n", "-p", str(port), "--script", "ssl-enum-ciphers",
            "127.0.0.1"]  # fmt: skip
    reported = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    versions = re.findall(r"(?:TLSv[\d.]+|SSLv3)(?=:)", reported)
    return set(versions), re.search(r"TLS_\S*(?:anon|NULL|RC4|3DES|EXPORT)", reported) is not None


@pytest.mark.parametrize("setup", SETUPS)
def test_servers_of_debian(setup: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(site.ca))
    argv, expected = SETUPS[setup]
    with served(site, argv) as port:
        judged = judge(port)
        found = {n: v for n, v in verdicts(judged).items() if v is not Verdict.PASS}
        assert found == expected, judged
        versions, weak = by_nmap(port)
    assert weak is (expected.get("no-weak-suites") is F)
    assert bool(versions & {"TLSv1.0", "TLSv1.1", "SSLv3"}) is ("no-old-versions" in expected)


def test_plain_http_where_tls_is_declared(site: Site) -> None:
    with served(site, nginx("", tls="")) as port:
        found = verdicts(judge(port))
    assert found.pop("offered") is F
    assert set(found.values()) == {U}
