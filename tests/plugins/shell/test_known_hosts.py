"""known_hosts as sshd(8) describes it, and the trust in a key."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.model import HostName
from audit_core.model.errors import ConfigError
from audit_shell.access import SshLogin
from audit_shell.hostkeys import (
    KnownKey,
    Trust,
    fingerprint,
    judge,
    known_keys,
    name_for,
    prefer,
)
from audit_shell.known_servers import identities

# `ssh-keygen -t ed25519`, `-l` and `-H` of OpenSSH 9.2p1, Debian 12, 2026-11-23.
BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIOEsJROWid5p4prP4JD4ydQwegZ0jmek2GawcAZqyuhj"
PRINT = "SHA256:uMo0ya/B+Qqq3Wj5iRd4IlGEQLNZwynRJzLe01BfjkU"
HASHED = "|1|xS6CLVxxgk9Rj6GuQIl96djucWU=|nPKT61ljA50DrmmNO5uc7LXGvk0= ssh-ed25519 " + BLOB
KEY = f"ssh-ed25519 {BLOB}"
RAW = base64.b64decode(BLOB)


def found(tmp_path: Path, text: str, host: str = "web1", port: int = 22) -> tuple[KnownKey, ...]:
    path = tmp_path / "known_hosts"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return known_keys((str(path),), host, port)


def test_the_fingerprint_is_that_of_ssh_keygen() -> None:
    assert fingerprint(RAW) == PRINT


def test_a_hashed_name_is_that_of_ssh_keygen(tmp_path: Path) -> None:
    assert [k.blob for k in found(tmp_path, f"{HASHED}\n", "example.org")] == [RAW]
    assert found(tmp_path, f"{HASHED}\n", "example.com") == ()


@pytest.mark.parametrize(
    "names",
    ["web1", "WEB1", "a,web1", "web?", "web*", "*", "*,!db*", "web1,!db1", "we*,*b1"],
)
def test_names_that_match(tmp_path: Path, names: str) -> None:
    assert len(found(tmp_path, f"{names} {KEY} a comment\n")) == 1


@pytest.mark.parametrize(
    "names",
    ["web", "web11", "web1.example", "!web1", "*,!web1", "!web*,web1", "[web1]:22", "[web1]:2222",
     "web.", "|1|x|y", "|2|eA==|eA==", "|1|eA==", "|", "web1 web1", "#web1", "(web1", "web[0-9]"],
)  # fmt: skip
def test_names_that_do_not_match(tmp_path: Path, names: str) -> None:
    assert found(tmp_path, f"{names} {KEY}\n") == ()


def test_a_line_without_the_port_holds_for_its_very_key_only(tmp_path: Path) -> None:
    text = f"web1 {KEY}\n[web1]:2222 {KEY}\n"
    keys = found(tmp_path, text, port=2222)
    assert [(k.place[-2:], k.without_port) for k in keys] == [(":1", True), (":2", False)]
    assert [k.place[-2:] for k in found(tmp_path, text)] == [":1"]
    assert name_for("WEB1", 22) == "web1"
    assert name_for("::1", 2222) == "[::1]:2222"


@pytest.mark.parametrize(
    "line",
    ["", " ", "#", "web1", "web1 ssh-ed25519", "web1 ssh-ed25519 !", "@revoked web1", "@x",
     f"# web1 {KEY}", "web1 ssh-ed25519 AAA", "\udcff\udcfe"],
)  # fmt: skip
def test_an_unreadable_line_of_known_hosts_matches_no_host(tmp_path: Path, line: str) -> None:
    assert len(found(tmp_path, f"{line}\nweb1 {KEY}\n{line}")) == 1


@given(st.binary())
def test_no_file_breaks_it(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(raw)
    assert judge(known_keys((str(path),), "web1", 22), "ssh-ed25519", RAW) is Trust.UNKNOWN


def test_a_missing_file_holds_nothing_and_an_unreadable_one_is_an_error(tmp_path: Path) -> None:
    assert known_keys((str(tmp_path / "no"),), "web1", 22) == ()
    with pytest.raises(ConfigError, match="Is a directory"):
        known_keys((str(tmp_path),), "web1", 22)


@pytest.mark.parametrize(
    ("lines", "trust"),
    [
        ([], Trust.UNKNOWN),
        ([f"db1 {KEY}"], Trust.UNKNOWN),
        ([f"web1 {KEY}"], Trust.KNOWN),
        (["web1 ssh-ed25519 AAAA"], Trust.CHANGED),
        (["web1 ssh-ed25519 AAAA", f"web1 {KEY}"], Trust.KNOWN),
        (["web1 ssh-rsa AAAA"], Trust.OTHER_TYPE),
        (["web1 ssh-rsa AAAA", "web1 ssh-ed25519 AAAA"], Trust.CHANGED),
        ([f"web1 {KEY}", f"@revoked web1 {KEY}"], Trust.REVOKED),
        ([f"@revoked * {KEY}"], Trust.REVOKED),
        ([f"@revoked db1 {KEY}", f"web1 {KEY}"], Trust.KNOWN),
        (["@revoked web1 ssh-ed25519 AAAA"], Trust.UNKNOWN),
        ([f"@cert-authority web1 {KEY}"], Trust.AUTHORITY_ONLY),
        ([f"@other web1 {KEY}"], Trust.UNKNOWN),
    ],
)
def test_the_strength_of_a_key(tmp_path: Path, lines: list[str], trust: Trust) -> None:
    known = found(tmp_path, "\n".join(lines))
    assert judge(known, "ssh-ed25519", RAW) is trust


def test_known_types_come_first(tmp_path: Path) -> None:
    supported = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
    known = found(tmp_path, f"web1 ssh-rsa AAAA\n@revoked web1 {KEY}\nweb1 ssh-dss AAAA\n")
    rsa_first = ("rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519", "ecdsa-sha2-nistp256")
    assert prefer(known, supported) == rsa_first
    assert prefer((), supported) == supported


def test_two_names_of_one_server_have_its_keys_in_common(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(
        f"# {KEY}\nweb1,10.0.0.1 {KEY}\n[gate]:2201 {KEY}\n{HASHED}\n@revoked old {KEY}\n"
        f"*.example {KEY}\ndb1 ssh-ed25519 bad!\n"
    )

    def known(address: str, port: int = 22, name: str | None = None) -> tuple[str, ...]:
        return identities(
            SshLogin(user="a", agent=True, address=HostName(address), port=port, host_key_name=name,
                     known_hosts=str(path))
        )  # fmt: skip

    one = (PRINT,)
    assert known("web1") == known("10.0.0.1") == known("gate", 2201) == known("example.org") == one
    assert known("192.0.2.1", name="WEB1") == one
    assert known("web1", 2201) == known("old") == known("x.example") == known("db1") == ()
    gone = SshLogin(user="a", agent=True, address=HostName("web1"), known_hosts="/none")
    assert identities(gone) == ()
