"""Services that nobody needs: units, start-up links and processes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Absent, Answer, ParseError, Reason, Target, Verdict
from audit_linux.system import services, units
from audit_linux.system.processes import Process
from audit_linux.system.units import Units

Make = Callable[..., Answer]
Read = Callable[[str], Answer]
MakeTarget = Callable[..., Target]
INIT = Process(pid=1, uid=0, name="init")


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


@pytest.mark.parametrize(("name", "verdict"), [("telnet", Verdict.PASS), ("time", Verdict.PASS),
                                               ("in.telnetd", Verdict.FAIL)])  # fmt: skip
def test_a_client_is_no_service(name: str, verdict: Verdict, target: Callable[..., Target]) -> None:
    processes = (INIT, Process(pid=8, uid=1000, name=name))
    judged = services.risky_services.judge(target(), processes, NONE, frozenset())
    assert judged.verdict is verdict


NONE = Units(active=frozenset(), enabled=frozenset())


@pytest.mark.parametrize(
    ("process", "units_", "links", "needed", "verdict"),
    [
        ("sshd", NONE, (), (), Verdict.PASS),
        ("sshd", None, ("ssh",), (), Verdict.PASS),
        ("rpcbind", NONE, (), (), Verdict.FAIL),
        ("rpcbind", NONE, (), ("rpcbind",), Verdict.PASS),
        ("sshd", Units(active=frozenset({"telnet.socket"}), enabled=frozenset()), (), (),
         Verdict.FAIL),
        ("sshd", Units(active=frozenset({"tftp@1.service"}), enabled=frozenset()), (), (),
         Verdict.FAIL),
        ("sshd", Units(active=frozenset(), enabled=frozenset({"cups.service"})), (), (),
         Verdict.FAIL),
        ("sshd", Units(active=frozenset({"cups.path.service"}), enabled=frozenset()), (), (),
         Verdict.PASS),
        ("sshd", None, ("xinetd",), (), Verdict.FAIL),
        # systemd passes over links that a native unit replaces
        ("sshd", NONE, ("xinetd",), (), Verdict.PASS),
        ("sshd", Units(active=frozenset(), enabled=frozenset(),
                       generated=frozenset({"xinetd.service"})), ("xinetd",), (), Verdict.FAIL),
        ("sshd", Units(active=frozenset(), enabled=frozenset(),
                       generated=frozenset({"xinetd.service"})), (), (), Verdict.PASS),
    ],
)  # fmt: skip
def test_risky_services(
    process: str, units_: Units | None, links: tuple[str, ...], needed: tuple[str, ...],
    verdict: Verdict, target: MakeTarget,
) -> None:  # fmt: skip
    processes = (INIT, Process(pid=8, uid=0, name=process))
    host = target(needed_services=list(needed))
    judgement = services.risky_services.judge(host, processes, units_, frozenset(links))
    assert judgement.verdict is verdict


def test_without_systemd_the_finding_says_so(target: MakeTarget) -> None:
    judgement = services.risky_services.judge(target(), (INIT,), None, frozenset())
    assert any("rc links" in m.id for m in judgement.said)
