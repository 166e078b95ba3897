"""Whether the clock is kept right, by chrony, ntpd, timesyncd or the kernel's word alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from audit_core.model import Answers, ParseError, Verdict
from audit_linux.processes import Process
from audit_linux.system import timesync
from audit_linux.system.timesync import Sync
from audit_linux.units import Units

MakeAll = Callable[..., Answers]
INIT = Process(pid=1, uid=0, name="init")


def test_chrony_of_a_recording(recorded_answers: MakeAll) -> None:
    (sync,) = timesync.parse_timesync(recorded_answers("timesync-chrony", "ntpq"))
    assert (sync.service, sync.synchronised, sync.source) == ("chrony", True, "127.0.0.1")
    assert sync.offset_s == pytest.approx(-1.378e-6)
    assert sync.age_s == pytest.approx(-0.13, abs=0.01)
    assert timesync.time_sync.judge((sync,), (INIT,), None).verdict is Verdict.PASS


def test_no_service_answers_in_a_recording(recorded_answers: MakeAll) -> None:
    assert timesync.parse_timesync(recorded_answers("timesync-none", "ntpq")) == ()


def _sections(
    chrony: str = "", ntpq: str = "", timedatectl: str = "", status: str = ""
) -> dict[str, str]:
    return {"clock": "1795434704\n", "chrony": chrony, "ntpq": ntpq, "timedatectl": timedatectl,
            "timesync": status}  # fmt: skip


UNSYNCHRONISED = ("00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,"
                  "1.000000000,1.000000000,0.0,Not synchronised")  # fmt: skip
# invented after ntpq 4.2.8 and systemd 252
NTPQ = (
    "     remote           refid      st t when poll reach   delay   offset  jitter\n"
    "==============================================================================\n"
    "+192.0.2.8       .GPS.            1 u   23   64  377    0.512    9.912   0.103\n"
    "{0}192.0.2.7       {1}            1 u   23   64  377    0.512    {2}   0.103"
)
STATUS = "       Server: 192.0.2.9 (ntp.example.com)\n      Offset: {0}\n       Delay: 1.1ms"


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        (_sections(chrony=UNSYNCHRONISED), [("chrony", False, None)]),
        # its own clock as the source
        (_sections(chrony="7F7F0101,,8" + ",0.0" * 10 + ",Normal"), [("chrony", False, None)]),
        (_sections(ntpq=NTPQ.format("*", ".GPS.", "12.5")), [("ntpd", True, 0.0125)]),
        (_sections(ntpq=NTPQ.format(" ", ".GPS.", "12.5")), [("ntpd", False, None)]),
        (_sections(ntpq=NTPQ.format("*", ".LOCL.", "0.0")), [("ntpd", False, None)]),
        (_sections(timedatectl="NTP=yes\nNTPSynchronized=yes"), [("systemd", True, None)]),
        (_sections(timedatectl="NTPSynchronized=yes", status=STATUS.format("-23.4ms")),
         [("systemd", True, -0.0234)]),
        (_sections(timedatectl="NTPSynchronized=yes", status=STATUS.format("+12us")),
         [("systemd", True, 12e-6)]),
        (_sections(timedatectl="NTPSynchronized=no"), [("systemd", False, None)]),
        # the daemon that sets the clock knows better than the kernel's flag
        (_sections(chrony=UNSYNCHRONISED, timedatectl="NTPSynchronized=yes"),
         [("chrony", False, None)]),
        (_sections(timedatectl="Unknown operation show."), []),
    ],
)  # fmt: skip
def test_time_services(
    reported: dict[str, str],
    expected: list[tuple[str, bool, float | None]],
    answers: MakeAll,
) -> None:
    syncs = timesync.parse_timesync(answers(**reported))
    assert [(s.service, s.synchronised) for s in syncs] == [e[:2] for e in expected]
    for sync, (_, synchronised, offset) in zip(syncs, expected, strict=True):
        assert not synchronised or sync.offset_s == (offset and pytest.approx(offset))


def test_a_clock_value_that_is_not_a_number_is_refused(answers: MakeAll) -> None:
    with pytest.raises(ParseError):
        timesync.parse_timesync(answers(**{**_sections(), "clock": "x\n"}))


def _sync(**changes: Any) -> Sync:
    return Sync(**{"service": "chrony", "synchronised": True, "source": "192.0.2.1",
                   "offset_s": 0.2, "age_s": 60.0, **changes})  # fmt: skip


@pytest.mark.parametrize(
    ("syncs", "daemon", "parameters", "verdict"),
    [
        ((_sync(),), "chronyd", {}, Verdict.PASS),
        ((_sync(offset_s=-1.01),), "chronyd", {}, Verdict.FAIL),
        ((_sync(offset_s=1.0),), "chronyd", {}, Verdict.PASS),
        ((_sync(),), "chronyd", {"max_offset_s": 0.1}, Verdict.FAIL),
        ((_sync(age_s=86_401.0),), "chronyd", {}, Verdict.FAIL),
        ((_sync(offset_s=None, age_s=None),), "x", {}, Verdict.PASS),
        ((_sync(synchronised=False),), "chronyd", {}, Verdict.FAIL),
        ((), "chronyd", {}, Verdict.UNDETERMINED),
        # chronyd with cmdport 0 answers root only: another account hears the kernel's flag alone
        ((_sync(service="systemd", synchronised=False),), "chronyd", {}, Verdict.UNDETERMINED),
        ((_sync(service="systemd", synchronised=False),), "systemd-timesyn", {}, Verdict.FAIL),
        ((_sync(service="systemd", synchronised=False),), "bash", {}, Verdict.FAIL),
        # the kernel keeps its flag for hours after the service was stopped
        ((_sync(service="systemd", offset_s=None),), "bash", {}, Verdict.UNDETERMINED),
        ((_sync(service="systemd", offset_s=None),), "systemd-timesyn", {}, Verdict.PASS),
        ((), "bash", {}, Verdict.FAIL),
    ],
)
def test_time(
    syncs: tuple[Sync, ...], daemon: str, parameters: dict[str, float], verdict: Verdict
) -> None:
    processes = (INIT, Process(pid=8, uid=100, name=daemon))
    assert timesync.time_sync.judge(syncs, processes, None, **parameters).verdict is verdict


def test_a_service_that_is_disabled_fails() -> None:
    sync = Sync(service="chrony", synchronised=True, source="10.0.0.1", offset_s=0.0, age_s=3.0)
    daemon, here = Process(pid=9, uid=0, name="chronyd"), frozenset({"chrony.service"})
    for disabled, verdict in ((frozenset[str](), Verdict.PASS), (here, Verdict.FAIL)):
        units = Units(active=here, enabled=here - disabled, disabled=disabled)
        assert timesync.time_sync.judge((sync,), (daemon,), units).verdict is verdict
