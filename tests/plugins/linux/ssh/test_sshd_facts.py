"""The settings of sshd as they are read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.api.testkit import whole
from audit_core.model import Absent, Answer, ParseError, Partial, Reason
from audit_linux.ssh.sshd import Sshd, parse_servers, parse_sshd_t
from audit_linux.ssh.sshd_files import parse_sshd_files, settings_of_files

Make = Callable[..., Answer]


def test_recorded_sshd(recording: Make) -> None:
    sshd = whole(parse_sshd_t(recording("linux.sshd")))
    assert sshd.one("permitrootlogin") == "without-password"
    assert sshd.one("maxauthtries") == "6"
    assert "chacha20-poly1305@openssh.com" in sshd.algorithms("ciphers")
    assert sshd.values["listenaddress"] == ("[::]:22", "0.0.0.0:22")
    assert sshd.one("no-such-key") == ""


def test_sshd_t_must_be_whole(answer: Make) -> None:
    text = b"port 22\npermitrootlogin no\nciphers a\nmacs b\nmaxauthtries 4\nallowusers a\n"
    assert whole(parse_sshd_t(answer(text + b"allowusers b\n"))).values["allowusers"] == ("a", "b")
    for line in text.splitlines()[:-1]:
        with pytest.raises(ParseError):
            parse_sshd_t(answer(text.replace(line + b"\n", b"")))
    mixed = text.replace(b"port", b"Port").replace(b"permitrootlogin", b"PermitRootLogin")
    assert parse_sshd_t(answer(mixed)) == parse_sshd_t(answer(text))  # OpenSSH 10.4 and later
    part = parse_sshd_t(answer(text + b"Permission denied!\n"))
    assert isinstance(part, Partial)
    assert part.value.unread
    assert part.value.one("port") == "22"


@pytest.mark.parametrize(
    ("out", "err", "reason"),
    [
        (b"", b"find: '/opt': No such file or directory\n", Reason.NOT_PRESENT),
        (b"", b"find: '/opt/x': Permission denied\n", Reason.NOT_PERMITTED),
    ],
)
def test_no_ssh_server(out: bytes, err: bytes, reason: Reason, answer: Make) -> None:
    got = parse_servers(answer(out, err, 1))
    assert isinstance(got, Absent)
    assert got.reason is reason


def test_ssh_servers(answer: Make) -> None:
    denied = b"find: '/opt/x': Permission denied\n"
    usual = parse_servers(answer(b"/usr/sbin/sshd\0/opt/git/sshd\0", denied))
    assert not isinstance(usual, Absent)
    assert (usual.distribution, usual.others) == (True, ())
    both = parse_servers(answer(b"/usr/sbin/sshd\0/usr/local/sbin/sshd\0"))
    assert not isinstance(both, Absent)
    assert both.others == ("/usr/local/sbin/sshd",)
    other = parse_servers(answer(b"/usr/sbin/dropbear\0", denied))
    assert not isinstance(other, Absent)
    assert (other.distribution, other.others) == (False, ("/usr/sbin/dropbear",))
    with pytest.raises(ParseError):
        parse_servers(answer(b"sshd\0"))


def test_sshd_files_tell_match_blocks(files: Make) -> None:
    got = parse_sshd_files(
        files({
            "/etc/ssh/sshd_config": (
                "Include /etc/ssh/sshd_config.d/*.conf\r\nPermitRootLogin no\r\n"
                "# Match User x\r\nMatch Address 10.0.0.0/8\r\n  PermitRootLogin = \"yes\"\r\n"
            ),
            "/etc/ssh/sshd_config.d/a.conf": "match user bob\nMaxAuthTries=20\nInclude /etc/x\n",
            "/etc/ssh/sshd_config.d/b.conf~": "Match all\nPermitEmptyPasswords yes\n",
        })
    )  # fmt: skip
    assert not isinstance(got, Absent)
    assert [(o.criteria, o.key, o.value) for o in got.overrides] == [
        ("user bob", "maxauthtries", "20"),
        ("user bob", "include", "/etc/x"),  # was not read
        ("Address 10.0.0.0/8", "permitrootlogin", "yes"),
    ]
    assert got.foreign == ()


def test_sshd_drop_ins_count_only_when_included(files: Make) -> None:
    got = parse_sshd_files(
        files({
            "/etc/ssh/sshd_config": "Port 22\n",
            "/etc/ssh/sshd_config.d/a.conf": "Match all\nPermitRootLogin yes\n",
        })
    )  # fmt: skip
    assert not isinstance(got, Absent)
    assert got.overrides == ()
    absent = parse_sshd_files(files({"/etc/ssh/sshd_config.d/a.conf": "Port 22\n"}))
    assert isinstance(absent, Absent)
    assert absent.reason is Reason.NOT_PRESENT


def test_a_closed_directory_that_is_included_leaves_the_settings_unknown(files: Make) -> None:
    main = {"/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\n"}
    closed = files(main, not_permitted="/etc/ssh/sshd_config.d")
    other = files(main, not_permitted="/etc/ssh/moduli.d")
    assert isinstance(settings_of_files(whole(parse_sshd_files(closed))), Absent)
    assert isinstance(settings_of_files(whole(parse_sshd_files(other))), Sshd)
