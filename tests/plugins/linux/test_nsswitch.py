"""Where accounts come from: nsswitch.conf, and whether SSSD serves a domain.

The files are invented after the defaults of the systems that they name.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Absent, Answer, ParseError, Reason
from audit_linux.nsswitch import Sources, parse_sources

Make = Callable[..., Answer]
INIT = "    1\n"
BACKEND = "/usr/libexec/sssd/sssd_be --domain {} --uid 0 --gid 0 --logger=files\n"
EL8 = "# generated\npasswd:     sss files systemd\nshadow:     files sss\nsudoers:    files sss\n"
DEBIAN = "passwd:         files systemd\ngroup: files systemd\n"


@pytest.mark.parametrize(
    ("conf", "processes", "passwd", "sudoers"),
    [
        ("", INIT, (), ()),
        (DEBIAN, INIT, (), ()),
        (DEBIAN, "", (), ()),
        (EL8, INIT, (), ()),  # named, but no domain is served
        (EL8, INIT + BACKEND.format("implicit_files"), (), ()),
        (EL8, INIT + BACKEND.format("corp"), ("sss (corp)",), ("sss (corp)",)),
        (EL8, INIT + BACKEND.format("a") + BACKEND.format("b"), ("sss (a)", "sss (b)"),
         ("sss (a)", "sss (b)")),
        (EL8, "", ("sss",), ("sss",)),  # /proc hides the processes of others, or ps is missing
        ("passwd: files [NOTFOUND=return] ldap # old\n", INIT, ("ldap",), ()),
        ("passwd: compat nis\n", INIT, ("nis",), ()),
        ("passwd: files winbind\nsudoers: ldap\n", INIT, ("winbind",), ("ldap",)),
        ("#passwd: ldap\n  passwd :files\n", INIT, (), ()),
        ("passwd: files\r\n", INIT, (), ()),
        ("== processes\n1\npasswd: ldap\n", INIT, ("ldap",), ()),  # the last mark is ours
        ("passwd: files extrausers\n", INIT, ("extrausers",), ()),
    ],
)  # fmt: skip
def test_sources(
    conf: str, processes: str, passwd: tuple[str, ...], sudoers: tuple[str, ...], answer: Make
) -> None:
    got = parse_sources(answer(f"{conf}\n== processes\n{processes}"))
    assert got == Sources(passwd=passwd, sudoers=sudoers)


def test_what_could_not_be_read_is_no_answer(answer: Make) -> None:
    got = parse_sources(answer("== processes\n", b"cat: /etc/nsswitch.conf: Permission denied\n"))
    assert isinstance(got, Absent)
    assert got.reason is Reason.NOT_PERMITTED
    with pytest.raises(ParseError):
        parse_sources(answer(DEBIAN))
