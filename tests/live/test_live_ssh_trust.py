"""Host certificates, and servers too old or too odd to agree with, by Debian's own sshd."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import audit_shell
from audit_core.model import ConnectError, Reason
from audit_core.model.errors import ConfigError
from audit_core.text.translate import Translator
from audit_shell import hostkeys
from audit_shell.ssh import SshAccess, SshTransport
from audit_shell.ssh._certificates import refusal as refused
from audit_shell.ssh._credentials import credential
from live.sshd import Sshd, keygen, program, public, secret

pytestmark = pytest.mark.live
CHINESE = Translator("zh", {"audit_shell": Path(audit_shell.__file__).parent / "locale"}).say


def access(sshd: Sshd, known: Path, name: str = "web1") -> SshAccess:
    return SshAccess(
        host=sshd.host, port=sshd.port, user=sshd.user, key=str(sshd.client_key),
        known_hosts=(str(known),), login_timeout_s=60.0, host_name_for_keys=name,
    )  # fmt: skip


def refusal(way: SshAccess) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        SshTransport(way, secret).open()
    assert caught.value.reason is Reason.UNREACHABLE
    assert not caught.value.refused
    assert CHINESE(caught.value.detail) != str(caught.value)
    return caught.value


def blob(path: Path) -> bytes:
    """The bytes of a public key or certificate."""
    return base64.b64decode(path.read_text().split()[1])


def how(way: SshAccess) -> str:
    with SshTransport(way, secret).open() as session:
        assert session.run(b"echo x\n", deadline_s=60, limit=100).stdout == b"x\n"
        return session.info.identity


# --- certificates -------------------------------------------------------------------------------


class Authority:
    """A key that signs host keys, and a server that shows what it signed."""

    def __init__(self, folder: Path, type: str = "ed25519") -> None:
        self.key = keygen(folder / f"ca_{type}", type)
        self.known = folder / "known_hosts"

    def sign(self, key: Path, *options: str) -> Path:
        """The certificate that is then beside `key`."""
        sign = [program("ssh-keygen"), "-q", "-s", str(self.key), "-I", "host", *options]
        subprocess.run([*sign, f"{key}.pub"], check=True, capture_output=True)
        return key.with_name(f"{key.name}-cert.pub")

    def vouches_for(self, names: str, marker: str = "@cert-authority") -> None:
        """A line of known_hosts."""
        with self.known.open("a") as file:
            file.write(f"{marker} {names} {public(self.key)}\n")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sshd, Path]]:
    """One server; the certificate that it shows is written by each test."""
    folder = tmp_path_factory.mktemp("hosts")
    folder.chmod(0o755)
    key = keygen(folder / "host")
    lines = [f"HostKey {key}", f"HostCertificate {key}-cert.pub"]
    # sshd reads the certificate when it starts, and again for each connection.
    Authority(folder).sign(key, "-h", "-n", "web1")
    with Sshd(lines) as sshd:
        yield sshd, key


def test_a_certificate_of_the_user_that_has_ended_is_named_before_a_connection(
    authority: Authority, tmp_path: Path
) -> None:
    key = keygen(tmp_path / "user")
    way = SshAccess(host="192.0.2.1", port=22, user="audit", key=str(key), known_hosts=())
    for period, named in (("20200101:20210101", True), ("20200101:20990101", False)):
        path = authority.sign(key, "-n", "audit", "-V", period)
        if not named:
            credential(way, secret).close()
            continue
        with pytest.raises(ConfigError, match="not valid at this time") as caught:
            SshTransport(way, secret).open()
        assert str(path) in caught.value.command


NAMED = ("-h", "-n", "web1")


@pytest.mark.parametrize("type", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("names", ["web1", "*", "web1,db1", "[web1]:PORT"])
def test_an_authority_makes_a_host_known(
    hosts: tuple[Sshd, Path], tmp_path: Path, type: str, names: str
) -> None:
    sshd, key = hosts
    authority = Authority(tmp_path, type)
    authority.sign(key, *NAMED)
    authority.vouches_for(names.replace("PORT", str(sshd.port)))
    shown = subprocess.run(["ssh-keygen", "-lf", f"{key}.pub"], capture_output=True, text=True)
    assert shown.stdout.split()[1] == how(access(sshd, authority.known))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("-h", "-n", "web2"), "is not for web1"),
        (("-h",), "is not for web1"),
        (("-n", "web1"), "a user's, not a host's"),
        (("-h", "-n", "web1", "-V", "20200101:20200102"), "not valid at this time"),
        (("-h", "-n", "web1", "-V", "20900101:20910101"), "not valid at this time"),
    ],
)
def test_a_certificate_that_proves_nothing(
    hosts: tuple[Sshd, Path], authority: Authority, options: tuple[str, ...], word: str
) -> None:
    sshd, key = hosts
    authority.sign(key, *options)
    authority.vouches_for("web1")
    error = refusal(access(sshd, authority.known))
    assert word in str(error)
    assert "ssh-keyscan" in str(error.remedy)


def test_an_altered_certificate_proves_nothing(authority: Authority, tmp_path: Path) -> None:
    key = keygen(tmp_path / "host")
    whole = blob(authority.sign(key, *NAMED))
    authority.vouches_for("web1")
    known = hostkeys.known_keys((str(authority.known),), "web1", 22)
    assert refused(whole, blob(Path(f"{key}.pub")), "web1", known, time.time()) is None
    for n in range(len(whole)):
        altered = whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :]
        assert refused(altered, blob(Path(f"{key}.pub")), "web1", known, time.time()) is not None
    other = blob(Path(f"{keygen(tmp_path / 'other')}.pub"))
    assert refused(whole, other, "web1", known, time.time()) is not None
    users = blob(authority.sign(key, "-n", "web1"))
    wrong = refused(users, blob(Path(f"{key}.pub")), "web1", known, time.time())
    assert wrong is not None
    assert "a user's" in wrong.id


def test_an_authority_for_another_host_is_not_accepted(
    hosts: tuple[Sshd, Path], authority: Authority
) -> None:
    sshd, key = hosts
    authority.sign(key, *NAMED)
    authority.vouches_for("db1")
    assert "unknown host key" in str(refusal(access(sshd, authority.known)))


def test_a_certificate_of_another_authority(
    hosts: tuple[Sshd, Path], authority: Authority, tmp_path: Path
) -> None:
    sshd, key = hosts
    (tmp_path / "other").mkdir()
    Authority(tmp_path / "other").sign(key, *NAMED)
    authority.vouches_for("web1")
    assert "not a @cert-authority for this host" in str(refusal(access(sshd, authority.known)))


def test_a_revoked_authority_is_not_accepted(
    hosts: tuple[Sshd, Path], authority: Authority
) -> None:
    sshd, key = hosts
    authority.sign(key, *NAMED)
    authority.vouches_for("web1")
    authority.vouches_for("web1", "@revoked")
    assert "is revoked" in str(refusal(access(sshd, authority.known)))


def test_a_revoked_key_is_refused_with_any_certificate(
    hosts: tuple[Sshd, Path], authority: Authority
) -> None:
    sshd, key = hosts
    authority.sign(key, *NAMED)
    authority.vouches_for("web1")
    with authority.known.open("a") as file:
        file.write(f"@revoked * {public(key)}\n")
    assert "THE HOST KEY IS REVOKED" in str(refusal(access(sshd, authority.known)))


def test_a_key_that_changed_is_not_saved_by_its_certificate(
    hosts: tuple[Sshd, Path], authority: Authority, tmp_path: Path
) -> None:
    sshd, key = hosts
    authority.sign(key, *NAMED)
    authority.vouches_for("web1")
    with authority.known.open("a") as file:
        file.write(f"[web1]:{sshd.port} {public(keygen(tmp_path / 'before'))}\n")
    assert "THE HOST KEY HAS CHANGED" in str(refusal(access(sshd, authority.known)))


def test_the_authoritys_own_key_is_no_host_key(authority: Authority) -> None:
    # the host shows the very key that stands on the line, without any certificate
    with Sshd() as sshd:
        key = public(sshd.host_keys["ed25519"])
        authority.known.write_text(f"@cert-authority * {key}\n")
        assert "presented no certificate" in str(refusal(access(sshd, authority.known)))


def test_an_authority_that_signs_with_sha1(hosts: tuple[Sshd, Path], tmp_path: Path) -> None:
    sshd, key = hosts
    authority = Authority(tmp_path, "rsa")
    authority.sign(key, "-t", "ssh-rsa", *NAMED)
    authority.vouches_for("web1")
    assert "SHA-1" in str(refusal(access(sshd, authority.known)))


# --- nothing in common --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "word", "remedy"),
    [
        (["HostKeyAlgorithms ssh-rsa"], "no host key algorithm in common; the server offers only "
         "ssh-rsa", "sign only with SHA-1"),
        (["Ciphers chacha20-poly1305@openssh.com"], "no cipher in common; the server offers only "
         "chacha20-poly1305@openssh.com", "current algorithm"),
        (["KexAlgorithms diffie-hellman-group1-sha1"], "no key exchange algorithm in common; the "
         "server offers only diffie-hellman-group1-sha1", "current algorithm"),
        (["MACs umac-64@openssh.com", "Ciphers aes256-ctr"], "no MAC algorithm in common; the "
         "server offers only umac-64@openssh.com", "current algorithm"),
    ],
)  # fmt: skip
def test_a_server_without_a_common_algorithm(
    tmp_path: Path, lines: list[str], word: str, remedy: str
) -> None:
    with Sshd(lines, host_key_types=("rsa",)) as sshd:
        error = refusal(access(sshd, sshd.known_hosts, "127.0.0.1"))
    assert word in str(error)
    assert remedy in str(error.remedy)
    assert error.remedy is not None
    assert CHINESE(error.remedy) != str(error.remedy)


# --- lines with and without a port ----------------------------------------------------------------


def test_lines_without_a_port_are_taken_as_ssh_takes_them(tmp_path: Path, subtests: Any) -> None:
    """The verdict of `ssh -o StrictHostKeyChecking=yes` on the same file is ours.

    But for `@revoked` without a port beside a key with one: ssh takes the key, we do not.
    """
    other = public(keygen(tmp_path / "other"))
    rsa = public(keygen(tmp_path / "rsa", "rsa"))
    with Sshd() as sshd:
        right, at = public(sshd.host_keys["ed25519"]), f"[127.0.0.1]:{sshd.port}"
        for lines in (
            (f"127.0.0.1 {right}",), (f"{at} {right}",), (f"* {right}",), (f"127.0.0.* {right}",),
            (f"127.0.0.? {right}",), (f"[127.0.0.1]:* {right}",), (f"!127.0.0.1,* {right}",),
            (f"*,!127.* {right}",), (f"!{at},* {right}",), (f"[127.0.0.1]:1 {right}",),
            (f"127.0.0.1 {other}",), (f"{at} {other}", f"127.0.0.1 {right}"),
            (f"{at} {rsa}", f"127.0.0.1 {right}"), (f"{at} {right}", f"127.0.0.1 {other}"),
            (f"127.0.0.1 {other}", f"127.0.0.1 {right}"),
            (f"@revoked * {right}", f"127.0.0.1 {right}"), (f"127.0.0.2 {right}",),
            (f"@revoked {at} {other}", f"127.0.0.1 {right}"),
            (f"@cert-authority {at} {other}", f"127.0.0.1 {right}"),
        ):  # fmt: skip
            with subtests.test(" | ".join(line.split()[0] for line in lines)):
                known = tmp_path / "known"
                known.write_text("".join(f"{line}\n" for line in lines))
                assert _taken(sshd, known) is _taken_by_ssh(sshd, known)
        hashed = tmp_path / "hashed"
        hashed.write_text(f"127.0.0.1 {right}\n")
        subprocess.run([program("ssh-keygen"), "-q", "-H", "-f", str(hashed)], check=True,
                       capture_output=True)  # fmt: skip
        assert "127" not in hashed.read_text().split()[0]
        assert _taken(sshd, hashed) is _taken_by_ssh(sshd, hashed) is True


def _taken(sshd: Sshd, known: Path) -> bool:
    keys = hostkeys.known_keys((str(known),), sshd.host, sshd.port)
    key = public(sshd.host_keys["ed25519"]).split()
    trust = hostkeys.judge(keys, key[0], base64.b64decode(key[1]))
    return trust is hostkeys.Trust.KNOWN


def _taken_by_ssh(sshd: Sshd, known: Path) -> bool:
    options = ("BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={known}",
               "GlobalKnownHostsFile=/dev/null", "HostKeyAlgorithms=ssh-ed25519")  # fmt: skip
    words = [word for option in options for word in ("-o", option)]
    argv = [program("ssh"), "-F", "/dev/null", *words, "-i", str(sshd.client_key),
            "-p", str(sshd.port), f"{sshd.user}@{sshd.host}", "true"]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, text=True)
    assert done.returncode in (0, 255)
    refused = "Host key verification failed" in done.stderr or "REVOKED" in done.stderr
    assert refused is (done.returncode == 255), done.stderr
    return not refused
