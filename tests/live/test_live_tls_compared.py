"""Versions and suites as the prober finds them, compared with other programs.

These are nmap's script ssl-enum-ciphers, and `openssl s_client` with one suite at a time.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from audit_core.model import Answer
from audit_tls.endpoint import Endpoint, parse_endpoint
from audit_tls.probe import asked
from audit_tls.request import TlsHellos
from live.tls_servers import Material, issue, make, needed, s_server, write

pytestmark = pytest.mark.live

Suites = dict[str, frozenset[str]]
FLAGS = {"TLS 1.0": "-tls1", "TLS 1.1": "-tls1_1", "TLS 1.2": "-tls1_2", "TLS 1.3": "-tls1_3"}
# what a Debian OpenSSL 3.0 client can ask for in TLS 1.3
NEW = (
    "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256",
    "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256",
)  # fmt: skip


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(tmp_path_factory.mktemp("tls"))


def found_by_us(port: int) -> Suites:
    args: dict[str, Any] = {
        "address": "127.0.0.1",
        "port": port,
        "server_name": "",
        "max_connections": 2000,
        "starttls": "",
    }
    # A server of ours that took 5 s to answer: the machine was too busy.
    replies = (asked(TlsHellos(**args, timeout_s=300, limit=64 << 20)) for _ in range(5))
    reply = next(r for r in replies if b'"timed_out"' not in r.stdout)
    reported = Answer(
        stdout=reply.stdout, stderr=b"", exit_code=0, truncated=False, collected_at="",
        target=make(port),
    )  # fmt: skip
    found = parse_endpoint(reported)
    assert isinstance(found, Endpoint)
    return {v.name: frozenset(v.accepted) for v in found.versions if v.accepted}


def found_by_nmap(port: int) -> Suites:
    argv = [needed("nmap"), "-Pn", "-n", "-p", str(port), "--script", "ssl-enum-ciphers",
            "-oX", "-", "127.0.0.1"]  # fmt: skip
    reported = subprocess.run(argv, check=True, capture_output=True).stdout
    found: Suites = {}
    for version in ElementTree.fromstring(reported).findall(".//script/table"):
        names = [e.text or "" for e in version.findall("./table[@key='ciphers']//*[@key='name']")]
        # nmap writes TLS_AKE_WITH for TLS 1.3, and groups or sizes behind a name
        plain = frozenset(n.split(" ")[0].replace("TLS_AKE_WITH", "TLS") for n in names)
        found[str(version.get("key")).replace("TLSv", "TLS ")] = plain
    return found


def registered(material: Material) -> dict[str, str]:
    """OpenSSL's names of suites, and those of the registry."""
    argv = [needed("openssl"), "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    rows = _openssl(material, argv).decode().splitlines()
    return {row.split()[2]: row.split()[0] for row in rows}


def _openssl(material: Material, argv: list[str]) -> bytes:
    env = {**os.environ, "OPENSSL_CONF": str(material.conf)}
    return subprocess.run(argv, env=env, input=b"", capture_output=True, timeout=120).stdout


def found_by_openssl(material: Material, port: int) -> Suites:
    names = registered(material)
    found = {}
    for version, flag in FLAGS.items():
        suites = _one_after_another(material, port, flag)
        if suites:
            found[version] = frozenset(names.get(s, s) for s in suites)
    return found


def _one_after_another(material: Material, port: int, flag: str) -> set[str]:
    seen: set[str] = set()
    while True:
        if flag == "-tls1_3":
            left = [s for s in NEW if s not in seen]
            offer = ["-ciphersuites", ":".join(left)]
        else:
            without = "".join(f":!{s}" for s in sorted(seen))
            offer = ["-cipher", f"ALL:COMPLEMENTOFALL{without}:@SECLEVEL=0"]
        if not offer[1]:
            return seen
        argv = [needed("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", flag, *offer]
        hit = re.search(rb"^New, \S+, Cipher is (\S+)$", _openssl(material, argv), re.MULTILINE)
        if hit is None or hit[1] == b"(NONE)":
            return seen
        assert hit[1].decode() not in seen
        seen.add(hit[1].decode())


# --- set-ups --------------------------------------------------------------------------------------

ECDSA, RSA, ED = "ecdsa", "rsa", "ed25519"
SETUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "as OpenSSL comes, nearly": (RSA, ("-cipher", "DEFAULT:!DHE:@SECLEVEL=2")),
    "modern": (ECDSA, ("-no_tls1", "-no_tls1_1", "-cipher", "ECDHE+AESGCM:ECDHE+CHACHA20")),
    "only TLS 1.0, static": (RSA, ("-tls1", "-cipher", "kRSA:@SECLEVEL=0")),
    "only TLS 1.1": (RSA, ("-tls1_1", "-cipher", "AES:@SECLEVEL=0")),
    "a gap": (RSA, ("-no_tls1_2", "-cipher", "AES128-SHA:ECDHE-RSA-AES256-SHA:@SECLEVEL=0")),
    "only TLS 1.2": (RSA, ("-tls1_2", "-cipher", "ECDHE+AES:AES256-SHA:@SECLEVEL=0")),
    "only TLS 1.3": (ECDSA, ("-tls1_3",)),
    "one suite of TLS 1.3": (RSA, ("-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256")),
    "CCM": (RSA, ("-tls1_3", "-ciphersuites", ":".join(NEW[3:]))),
    "null": (RSA, ("-cipher", "eNULL:@SECLEVEL=0", "-tls1_2")),
    "anonymous": (RSA, ("-cipher", "AECDH:@SECLEVEL=0", "-no_tls1_3")),
    "rare": (RSA, ("-tls1_2", "-cipher", "kRSA+ARIA:kRSA+CAMELLIA:kRSA+AESCCM:@SECLEVEL=0")),
    "its own order": (RSA, ("-serverpref", "-cipher", "AES128-SHA:ECDHE+AES:@SECLEVEL=0")),
    "Ed25519": (ED, ("-cipher", "ECDHE:@SECLEVEL=0", "-no_tls1", "-no_tls1_1")),
    "one odd curve": (ECDSA, ("-curves", "P-384", "-cipher", "ECDHE:@SECLEVEL=0")),
}


@pytest.fixture(scope="module")
def certs(material: Material) -> dict[str, Path]:
    keys: dict[str, Any] = {
        ECDSA: ec.generate_private_key(ec.SECP256R1()),
        RSA: rsa.generate_private_key(65537, 2048),
        ED: ed25519.Ed25519PrivateKey.generate(),
    }
    ca_key = ec.generate_private_key(ec.SECP256R1())
    folder = material.folder
    return {n: write(folder / f"{n}.pem", k, issue(k, ca_key)) for n, k in keys.items()}


def agree(kind: str, ours: Suites, nmaps: Suites) -> bool:
    """Whether nmap saw what we saw."""
    if kind == ED:  # nmap 7.93 offers no EdDSA signature below TLS 1.3, and sees the rest
        return all(suites <= ours.get(v, frozenset()) for v, suites in nmaps.items())
    return ours == nmaps


@pytest.mark.parametrize("setup", SETUPS)
def test_openssl_and_nmap_agree(setup: str, material: Material, certs: dict[str, Path]) -> None:
    kind, options = SETUPS[setup]
    with s_server(material, certs[kind], *options) as port:
        ours = found_by_us(port)
        assert ours
        assert ours == found_by_openssl(material, port)
        seen = found_by_nmap(port)
        for _ in range(2):  # on a busy machine nmap leaves out what it waited for
            if not agree(kind, ours, seen):
                seen = found_by_nmap(port)
    assert agree(kind, ours, seen), (ours, seen)
