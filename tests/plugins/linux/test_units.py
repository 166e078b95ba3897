"""Units of systemd and start-up links."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Absent, Answer, ParseError, Reason
from audit_linux import units
from audit_linux.units import Units

Make = Callable[..., Answer]
Read = Callable[[str], Answer]


def test_without_systemd_units_are_not_present(recorded: Read) -> None:
    assert isinstance(units.parse_units(recorded("units-not-systemd")), Absent)


# invented after systemd 252
UNITS = """== units
cups.socket loaded active running CUPS Scheduler
ssh.service loaded active running OpenBSD Secure Shell server
systemd-journal-upload.service loaded activating auto-restart Journal Remote Upload Service
● vsftpd.service loaded failed failed vsftpd FTP server
ypbind.service not-found inactive dead ypbind.service

== files
cups.service enabled enabled
rpcbind.socket disabled enabled
xinetd.service masked enabled
vsftpd.service generated -

== end 0
"""


def test_units(answer: Make) -> None:
    found = units.parse_units(answer(UNITS))
    upload = "systemd-journal-upload.service"
    assert found == Units(active=frozenset({"cups.socket", "ssh.service", upload}),
                          failing=frozenset({upload}),
                          enabled=frozenset({"cups.service"}),
                          generated=frozenset({"vsftpd.service"}))  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", UNITS[:300], "== units\n\n== files\n",
     UNITS.replace("== end 0", "== end 1"), UNITS.replace(" masked ", " what "),
     UNITS.replace("loaded active running CUPS Scheduler", "loaded")],
)  # fmt: skip
def test_units_must_be_whole(text: str, answer: Make) -> None:
    with pytest.raises(ParseError):
        units.parse_units(answer(text))


def test_start_links(recorded: Read, answer: Make) -> None:
    found = units.parse_links(recorded("start-links"))
    assert isinstance(found, frozenset)
    assert "ssh" in found
    assert units.parse_links(answer("")) == frozenset()
    with pytest.raises(ParseError):
        units.parse_links(answer("S01ssh"))


@pytest.mark.parametrize("line", [b"find: unrecognized: -printf\n", b"x: I/O error\n"])
def test_a_find_that_complains_lists_no_links(line: bytes, answer: Make) -> None:
    with pytest.raises(ParseError):
        units.parse_links(answer("", line, 1))


def test_closed_start_links_are_not_absent_ones(answer: Make) -> None:
    closed = answer("", b"find: '/etc/rc3.d': Permission denied\n", 1)
    missing = answer("", b"find: '/etc/rc.d/rc2.d': No such file or directory\n", 1)
    got = units.parse_links(closed)
    assert isinstance(got, Absent)
    assert got.reason is Reason.NOT_PERMITTED
    assert units.parse_links(missing) == frozenset()


def test_a_systemctl_that_ignores_the_question_lists_nothing(answer: Make) -> None:
    text = "== units\nRunning in chroot, ignoring command 'list-units'\n\n== files\n\n== end 0\n"
    with pytest.raises(ParseError):
        units.parse_units(answer(text))
