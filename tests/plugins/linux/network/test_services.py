"""Services that nobody needs: units, start-up links and processes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit_core.model import Absent, Reason, Target, Verdict, msg
from audit_linux.network import services
from audit_linux.processes import Process
from audit_linux.units import Units

MakeTarget = Callable[..., Target]
INIT = Process(pid=1, uid=0, name="init")


@pytest.mark.parametrize(("name", "verdict"), [("telnet", Verdict.PASS), ("time", Verdict.PASS),
                                               ("in.telnetd", Verdict.FAIL)])  # fmt: skip
def test_clients_are_not_services(
    name: str, verdict: Verdict, target: Callable[..., Target]
) -> None:
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
    assert any("rc links" in m.id for m in judgement.detail)


def test_a_host_that_was_not_reached_settles_nothing(target: MakeTarget) -> None:
    gone = Absent(reason=Reason.UNREACHABLE, detail=msg("gone"))
    judgement = services.risky_services.judge(target(), gone, gone, gone)
    assert judgement.verdict is Verdict.UNDETERMINED
    assert judgement.detail
