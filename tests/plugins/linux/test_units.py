"""Units of systemd and start-up links."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Absent, Answer, Answers, ParseError, Partial, Reason
from audit_linux import units
from audit_linux.units import Units

Make = Callable[..., Answer]
Read = Callable[[str], Answer]
MakeAll = Callable[..., Answers]


def test_without_systemd_units_are_not_present(recorded_answers: MakeAll, answers: MakeAll) -> None:
    for reported in (recorded_answers("units-not-systemd"), answers(units=None, files=None)):
        got = units.parse_units(reported)
        assert isinstance(got, Absent)
        assert got.reason is Reason.NOT_PRESENT


# invented after systemd 252
UNITS = """\
cups.socket loaded active running CUPS Scheduler
ssh.service loaded active running OpenBSD Secure Shell server
systemd-journal-upload.service loaded activating auto-restart Journal Remote Upload Service
● vsftpd.service loaded failed failed vsftpd FTP server
ypbind.service not-found inactive dead ypbind.service
"""
FILES = """\
cups.service enabled enabled
rpcbind.socket disabled enabled
xinetd.service masked enabled
vsftpd.service generated -
"""


def test_units(answers: MakeAll) -> None:
    found = units.parse_units(answers(units=UNITS, files=FILES))
    upload = "systemd-journal-upload.service"
    assert found == Units(active=frozenset({"cups.socket", "ssh.service", upload}),
                          failing=frozenset({upload}),
                          enabled=frozenset({"cups.service"}),
                          disabled=frozenset({"rpcbind.socket"}),
                          generated=frozenset({"vsftpd.service"}))  # fmt: skip


def test_units_must_be_whole(answer: Make, answers: MakeAll) -> None:
    cut = UNITS.replace("loaded active running CUPS Scheduler", "loaded")
    for loaded, files in (
        ("", FILES), (UNITS, ""),
        (answer(UNITS, b"Connection reset\n", 1), FILES), (UNITS, answer(FILES, b"", 1)),
        # in a chroot systemctl says on standard error that it ignores the question, with status 0
        (answer("", b"Running in chroot, ignoring command 'list-units'\n"), FILES),
        ("Running in chroot, ignoring command 'list-units'\n", FILES),
    ):  # fmt: skip
        with pytest.raises(ParseError):
            units.parse_units(answers(units=loaded, files=files))
    for loaded, files in ((cut, FILES), (UNITS, FILES.replace(" masked ", " what "))):
        part = units.parse_units(answers(units=loaded, files=files))
        assert isinstance(part, Partial)
        assert part.value.active


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
