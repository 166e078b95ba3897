"""What an ordinary account sees of the SSH server: readable files, public host keys."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from audit_core.model import Absent, Answer, Answers, Check, Judgement, Reason, Verdict
from audit_linux.ssh import sshd_algorithms as strong
from audit_linux.ssh import sshd_checks as checks
from audit_linux.ssh.host_keys import HostKeys, parse_host_keys, sshd_host_key_size
from audit_linux.ssh.public_keys import PublicKey, public_key
from audit_linux.ssh.sshd import Servers, Sshd, parse_servers_seen
from audit_linux.ssh.sshd_files import SshdFiles, parse_sshd_files, settings_of_files
from audit_linux.ssh.sshd_offered import OfferedAlgorithms
from audit_linux.ssh.sshd_running import Running, parse_running_seen

Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
USUAL = Servers(distribution=True, others=())


def test_settings_of_readable_files(files: Make) -> None:
    def judged(check: Check, text: str, **more: str) -> Judgement:
        read = parse_sshd_files(files({"/etc/ssh/sshd_config": text, **more}))
        assert isinstance(read, SshdFiles)
        reported = settings_of_files(read)
        assert isinstance(reported, Sshd)
        return check.judge(USUAL, reported, read)

    for text, verdict in {
        "PermitRootLogin yes\n": FAIL,
        "PermitRootLogin no\nPermitRootLogin yes\n": PASS,  # the first one holds
        "PermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin yes\n": FAIL,
        "Port 22\n": FAIL,  # by default with a key at least
        "DenyUsers root\n": PASS,
    }.items():
        got = judged(checks.sshd_root_login, text)
        assert got.verdict is verdict, text
        assert "sshd -T" in got.detail[-1].id
    keys = frozenset({"no", "prohibit-password"})
    read = parse_sshd_files(files({"/etc/ssh/sshd_config": "Port 22\n"}))
    assert isinstance(read, SshdFiles)
    root = checks.sshd_root_login.judge(USUAL, settings_of_files(read), read, allowed=keys)
    assert root.verdict is UNDETERMINED  # the default depends on the release
    assert judged(checks.sshd_login_limits, "MaxAuthTries 9\n").verdict is FAIL
    assert judged(checks.sshd_login_limits, "MaxAuthTries 3\n").verdict is PASS
    assert judged(checks.sshd_login_limits, "Port 22\n").verdict is FAIL  # 6 by default
    assert judged(checks.sshd_empty_passwords, "Port 22\n").verdict is PASS
    assert judged(checks.sshd_pam, "Port 22\n").verdict is FAIL  # no by default
    assert judged(strong.sshd_ciphers, "Ciphers aes256-ctr,3des-cbc\n").verdict is FAIL
    assert judged(strong.sshd_ciphers, "Ciphers +3des-cbc\n").verdict is FAIL
    assert judged(strong.sshd_ciphers, "Ciphers ^aes256-ctr\n").verdict is UNDETERMINED
    assert judged(strong.sshd_ciphers, "Ciphers -3des-cbc\n").verdict is UNDETERMINED
    far = parse_sshd_files(files({"/etc/ssh/sshd_config": "Include /opt/x\nPermitRootLogin no\n"}))
    assert isinstance(far, SshdFiles)
    assert isinstance(settings_of_files(far), Absent)


def test_what_an_ordinary_account_does_not_see(answer: Make) -> None:
    closed = parse_servers_seen(
        answer(b"/usr/sbin/sshd\0", b"find: '/opt/x': Permission denied\n", 1)
    )
    assert isinstance(closed, Servers)
    assert not closed.searched
    reported = Sshd(values={"permitrootlogin": ("no",)})
    assert checks.sshd_root_login.judge(closed, reported, None).verdict is UNDETERMINED
    hidden = parse_running_seen(answer("   77 Sun Nov 29 03:00:00 2026 /usr/sbin/sshd -D\n"))
    assert isinstance(hidden, Absent)
    assert hidden.reason is Reason.NOT_PERMITTED
    init = "    1 Sun Nov 29 03:00:00 2026 /sbin/init\n"
    line = "  77 Sun Nov 29 03:00:00 2026 sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\n"
    for text, listens in ((init + line, True), (init, False), (line.replace("77", "1"), True)):
        seen = parse_running_seen(answer(text))
        assert isinstance(seen, Running)
        assert (seen.usual, seen.other, seen.started is not None) == (True, (), listens)


_KEY = "/etc/ssh/ssh_host_rsa_key"


def _sizes(keys: dict[str, PublicKey | None], **values: str) -> Verdict:
    sshd = Sshd(values={key: tuple(value.split()) for key, value in values.items()})
    pairs = HostKeys(keys=keys)
    return sshd_host_key_size.judge(USUAL, sshd, *[None] * 6, pairs).verdict


def test_host_key_sizes() -> None:
    short, long = PublicKey(kind="ssh-rsa", bits=1024), PublicKey(kind="ssh-rsa", bits=3072)
    dsa, curve = PublicKey(kind="ssh-dss", bits=1024), PublicKey(kind="ssh-ed25519")
    other = "/etc/ssh/ssh_host_ed25519_key"
    assert _sizes({_KEY: short, other: curve}, hostkey=f"{_KEY} {other}") is FAIL
    assert _sizes({_KEY: short, other: curve}) is FAIL
    assert _sizes({_KEY: short, other: curve}, hostkey=other) is PASS  # not in use
    assert _sizes({_KEY: short}, hostkeyalgorithms="ssh-ed25519,rsa-sha2-256") is FAIL
    assert _sizes({_KEY: short, other: curve}, hostkeyalgorithms="ssh-ed25519") is PASS
    assert _sizes({_KEY: short, other: curve}, requiredrsasize="2048") is PASS  # sshd refuses it
    assert _sizes({_KEY: long, other: curve}) is PASS
    assert _sizes({_KEY: dsa}) is FAIL
    assert _sizes({_KEY: None, other: curve}) is UNDETERMINED
    assert _sizes({_KEY: None, other: dsa}) is FAIL
    assert _sizes({other: curve}, hostkey=f"{_KEY} {other}") is PASS  # named by default, not there
    assert _sizes({other: curve}, hostkey=f"/opt/key {other}") is UNDETERMINED
    assert _sizes({}) is UNDETERMINED


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_lengths_are_those_that_ssh_keygen_tells(
    tmp_path: Path, answers: Callable[..., Answers], answer: Make, files: Make
) -> None:
    made = {"rsa 1024": ("rsa", "1024"), "rsa 2048": ("rsa", "2048"), "ed25519": ("ed25519", "256")}
    made["ecdsa"] = ("ecdsa", "384")
    texts = {}
    for kind, bits in made.values():
        path = tmp_path / f"{kind}{bits}"
        make = ["ssh-keygen", "-q", "-t", kind, "-b", bits, "-N", "", "-C", "a b", "-f", str(path)]
        subprocess.run(make, check=True)
        texts[f"/etc/ssh/{kind}{bits}_key.pub"] = path.with_suffix(".pub").read_text()
    private = "\0".join(path.removesuffix(".pub") for path in texts) + "\0/etc/ssh/none_key\0"
    got = parse_host_keys(answers(public=files(texts), private=answer(private)))
    assert isinstance(got, HostKeys)
    assert {path: key and key.text for path, key in got.keys.items()} == {
        "/etc/ssh/rsa1024_key": "ssh-rsa 1024",
        "/etc/ssh/rsa2048_key": "ssh-rsa 2048",
        "/etc/ssh/ed25519256_key": "ssh-ed25519",
        "/etc/ssh/ecdsa384_key": "ecdsa-sha2-nistp384",
        "/etc/ssh/none_key": None,
    }
    for kind, encoded in (("ssh-rsa", "AAAA"), ("ssh-rsa", "x"), ("ssh-dss", "AAAAB3NzaC1yc2E=")):
        assert public_key(kind, encoded) is None


def _shown(**names: str) -> OfferedAlgorithms:
    usual = {"kexalgorithms": "curve25519-sha256", "hostkeyalgorithms": "ssh-ed25519",
             "ciphers": "aes256-ctr", "macs": "hmac-sha2-256"}  # fmt: skip
    return OfferedAlgorithms(
        algorithms={k: tuple(v.split(",")) for k, v in (usual | names).items()}
    )


def test_what_the_server_shows_against_its_settings() -> None:
    same = Sshd(values={key: (",".join(names),) for key, names in _shown().algorithms.items()})
    gss = "gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g=="  # as sshd of Debian shows it
    for shown, verdict in (
        (_shown(), PASS),
        (_shown(ciphers="aes128-ctr"), UNDETERMINED),
        (_shown(kexalgorithms=f"curve25519-sha256,{gss}"), PASS),
        (_shown(hostkeyalgorithms="rsa-sha2-512"), UNDETERMINED),
    ):
        got = strong.sshd_ciphers.judge(USUAL, same, *[None] * 5, shown)
        assert got.verdict is verdict, shown
    weak = structs.replace(same, values={**same.values, "ciphers": ("3des-cbc",)})
    for shown, verdict in ((_shown(), UNDETERMINED), (_shown(ciphers="3des-cbc"), FAIL)):
        assert strong.sshd_ciphers.judge(USUAL, weak, *[None] * 5, shown).verdict is verdict
    new = _shown(ciphers="aes256-ctr,new-cipher")
    assert strong.sshd_ciphers.judge(USUAL, None, *[None] * 5, new).verdict is UNDETERMINED
    long = structs.replace(_shown(hostkeyalgorithms="rsa-sha2-512"), unread=("rsa-sha2-512",))
    judged = sshd_host_key_size.judge(USUAL, same, *[None] * 5, long, HostKeys(keys={}))
    assert judged.verdict is UNDETERMINED
