"""Where accounts come from: nsswitch.conf, and whether SSSD serves a domain.

The files are invented after the defaults of the systems that they name.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Absent, Answer, Answers, Reason
from audit_linux.nsswitch import Sources, parse_sources

Make = Callable[..., Answer]
MakeAll = Callable[..., Answers]
INIT = "    1 /sbin/init\n"
BACKEND = "  812 /usr/libexec/sssd/sssd_be --domain {} --uid 0 --gid 0 --logger=files\n"
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
        (EL8, "", ("sss",), ("sss",)),  # /proc hides the processes of others
        (EL8, None, ("sss",), ("sss",)),  # ps is missing
        ("passwd: files [NOTFOUND=return] ldap # old\n", INIT, ("ldap",), ()),
        ("passwd: compat nis\n", INIT, ("nis",), ()),
        ("passwd: files winbind\nsudoers: ldap\n", INIT, ("winbind",), ("ldap",)),
        ("#passwd: ldap\n  passwd :files\n", INIT, (), ()),
        ("passwd: files\r\n", INIT, (), ()),
        ("passwd: files extrausers\n", INIT, ("extrausers",), ()),
        # As getent of glibc 2.36 was seen to read them.
        ("passwd: files # ldap\n", INIT, ("ldap",), ()),
        ("passwd: files # of the host\n", INIT, (), ()),
        ("passwd ldap\n", INIT, ("ldap",), ()),
        ("passwd\tldap\n", INIT, ("ldap",), ()),
        ("passwd : ldap\n", INIT, ("ldap",), ()),
        ("PASSWD: ldap\n", INIT, (), ()),
        ("\ufeffpasswd: ldap\n", INIT, (), ()),
        ("passwd: ldap\npasswd: files\n", INIT, (), ()),
        ("passwd: files\npasswd: files ldap\n", INIT, ("ldap",), ()),
        ("passwd: files[NOTFOUND=return]ldap\n", INIT, ("ldap",), ()),
        ("passwd: files \\\n ldap\n", INIT, ("\\",), ()),
    ],
)  # fmt: skip
def test_sources(
    conf: str,
    processes: str | None,
    passwd: tuple[str, ...],
    sudoers: tuple[str, ...],
    files: Make,
    answers: MakeAll,
) -> None:
    reported = files({"/etc/nsswitch.conf": conf})
    got = parse_sources(answers(nsswitch=reported, sssd=processes))
    assert got == Sources(passwd=passwd, sudoers=sudoers)


def test_the_vendor_s_file_counts_where_there_is_no_other(files: Make, answers: MakeAll) -> None:
    vendor = {"/usr/etc/nsswitch.conf": "passwd: ldap\n"}
    for reported, passwd in ((vendor, ("ldap",)), ({"/etc/nsswitch.conf": DEBIAN, **vendor}, ())):
        got = parse_sources(answers(nsswitch=files(reported), sssd=INIT))
        assert isinstance(got, Sources)
        assert got.passwd == passwd
    assert parse_sources(answers(nsswitch=files({}), sssd=INIT)) == Sources()


def test_what_could_not_be_read_is_no_answer(files: Make, answers: MakeAll) -> None:
    closed = files({}, not_permitted="/etc/nsswitch.conf")
    got = parse_sources(answers(nsswitch=closed, sssd=INIT))
    assert isinstance(got, Absent)
    assert got.reason is Reason.NOT_PERMITTED
