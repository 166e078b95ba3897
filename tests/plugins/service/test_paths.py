"""Paths from a host: what curl tells, and what the zones allow."""

from __future__ import annotations

import socket
import subprocess
from typing import Any

from audit_core.api.sdk import Answer, Known, Target, Verdict
from audit_service.declared import Declared
from audit_service.path_checks import paths_declared
from audit_service.paths import Reach, ask, reached


def asked(port: int) -> Answer:
    """What curl answers on this machine."""
    target = Target(id="h/path", kind="path", object_type="server",
                    settings={"reach": "127.0.0.1", "port": port})  # fmt: skip
    command: Any = ask(target)
    done = subprocess.run(command.argv, input=b"NOTHING OF THIS", capture_output=True,
                          check=False, timeout=20)  # fmt: skip
    assert done.returncode in command.ok
    return Answer(
        stdout=done.stdout, stderr=done.stderr, exit_code=done.returncode, truncated=False,
        collected_at="2026-11-29T00:00:00Z", target=target,
    )  # fmt: skip


def test_curl_tells_an_open_port_from_a_closed_one_and_sends_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert reached(asked(port)) == Reach(open=True)
        connection, _ = server.accept()
        with connection:
            assert connection.recv(100) == b""
    assert reached(asked(port)) == Reach(open=False)


def test_zones_by_their_smallest_network() -> None:
    rows: tuple[tuple[str, tuple[str, ...], dict[str, tuple[int, ...]]], ...] = (
        ("all", ("10.0.0.0/8", "fd00::/8"), {}), ("lan", ("10.2.0.0/16",), {}),
        ("dmz", ("10.1.0.0/16",), {"lan": (5432,)}),
    )  # fmt: skip
    zones = tuple(
        (
            Target(id=id, kind="zone", object_type="security_zone"),
            Known(value=Declared(networks=networks, reaches=reaches)),
        )
        for id, networks, reaches in rows
    )
    for zone, address, port, open_, verdict in (
        ("dmz", "10.2.0.9", 5432, True, Verdict.PASS),
        ("dmz", "10.2.0.9", 22, True, Verdict.FAIL),
        ("dmz", "10.2.0.9", 22, False, Verdict.PASS),
        ("dmz", "10.3.0.9", 5432, True, Verdict.FAIL),  # the zone of the rest
        ("dmz", "fd00::1", 5432, True, Verdict.FAIL),
        ("dmz", "10.1.0.9", 22, True, Verdict.NOT_APPLICABLE),
        ("dmz", "192.0.2.1", 22, True, Verdict.UNDETERMINED),
        (None, "10.2.0.9", 22, True, Verdict.UNDETERMINED),
    ):
        path = Target(id="h/path", kind="path", object_type="server", zone=zone,
                      settings={"reach": address, "port": port})  # fmt: skip
        assert paths_declared.judge(path, Reach(open=open_), zones).verdict is verdict
