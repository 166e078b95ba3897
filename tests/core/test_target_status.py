"""How far a target was reached, from what its bundle holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audit_core.evaluate.target_status import target_statuses
from audit_core.model import Command, Reason, Reply, SessionInfo, Status, Target, msg
from audit_core.plan import Group
from audit_core.store.bundles import Bundle, BundleWriter, Head, Stamp

HOST = Target(id="web1", kind="host", object_type="server")
TLS = Target(id="web1/tls:443", kind="tls_endpoint", object_type="server", parent="web1")
BACKUP = Target(id="web1/backup:db", kind="backup", object_type="server", parent="web1")
SITE = Target(id="hq", kind="site", object_type="site")
GROUP = Group(root=HOST, members=(HOST, TLS, BACKUP), asked=())


def _states(tmp_path: Path, seen: list[tuple[Any, ...]], *, sealed: bool = True) -> list[str]:
    """The states of host, endpoint and backup; `seen` are (target, connector, status or None)."""
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.bundle"
    writer = BundleWriter(path, Head(run="r", target="web1"))
    for number, (target, connector, status) in enumerate(seen):
        if status is None:
            writer.fault(target, Reason.UNREACHABLE, msg("refused"), connector=connector)
            continue
        stamp = Stamp(round=1, started="", ended="", how=SessionInfo(connector=connector))
        request = Command(argv=("/bin/true", str(number)))
        writer.add(target, Reply(request=request, status=status), stamp)
    writer.finish() if sealed else writer.close()
    found = target_statuses(GROUP, Bundle(path), sealed=sealed)
    assert all(s.carried_out or s.remedy for s in found), found  # something helps
    return [s.state.value for s in found]


def test_the_state_follows_from_what_was_answered(tmp_path: Path) -> None:
    host, tls = "web1", "web1/tls:443"
    yes, no, late = Status.ANSWERED, Status.NOT_PERMITTED, Status.TIMED_OUT
    reached, partly, lost = "reached", "partly_answered", "not_reached"
    cases = (
        ("all said", [(host, "ssh", yes), (host, "ssh", no), (tls, "tls", yes)], reached, reached),
        ("one late", [(host, "ssh", yes), (host, "ssh", late), (tls, "tls", yes)], partly, reached),
        ("no login", [(host, "ssh", None), (tls, "tls", yes)], lost, reached),
        ("no login, but a scan", [(host, "nmap", yes), (host, "ssh", None)], lost, lost),
        ("login lost", [(host, "ssh", yes), (host, "ssh", None)], partly, partly),
        ("a scan failed", [(host, "ssh", yes), (host, "nmap", late)], partly, partly),
        ("endpoint silent", [(host, "ssh", yes), (tls, "tls", Status.UNREACHABLE)], reached, lost),
        ("tool missing", [(host, "ssh", yes), (tls, "tls", Status.UNSUPPORTED)], reached, lost),
    )  # fmt: skip
    found = {name: _states(tmp_path, seen) for name, seen, _, _ in cases}
    assert found == {name: [own, end, own] for name, _, own, end in cases}


def test_what_was_cut_off_is_not_reached(tmp_path: Path) -> None:
    seen = [("web1", "ssh", Status.ANSWERED)]
    assert _states(tmp_path, seen, sealed=False) == ["partly_answered"] * 3
    group = Group(root=SITE, members=(SITE,), asked=())
    assert target_statuses(group, None, sealed=False)[0].state == "not_reached"
    assert target_statuses(group, None, sealed=True)[0].state == "nothing_asked"
