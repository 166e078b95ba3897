"""Algorithms and host keys, as Debian's sshd shows them in its key exchange; a lost session."""

from __future__ import annotations

import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from audit_core import plan
from audit_core.api.sdk import Severity, check, fact, msg, passed
from audit_core.api.testkit import target_of
from audit_core.collect import Collector
from audit_core.evaluate.target_status import target_statuses
from audit_core.model import (
    Absent,
    Answer,
    Check,
    Command,
    Judgement,
    Message,
    Reason,
    Status,
    Target,
    Verdict,
)
from audit_core.model.results import TargetState
from audit_linux.ssh import sshd_algorithms as strong
from audit_linux.ssh.host_keys import sshd_host_key_size
from audit_linux.ssh.sshd import Servers, parse_sshd_t
from audit_linux.ssh.sshd import Sshd as Settings
from audit_linux.ssh.sshd_offered import OfferedAlgorithms, shown_server
from audit_shell.connect import SshShell
from audit_shell.key_exchange import (
    KEY_EXCHANGE,
    SshKeyExchange,
    StoredKeyExchange,
    parse_key_exchange,
)
from audit_shell.ssh import SshAccess, SshTransport, _host_key, _library, _server_keys
from core.fakes import new_run, shell_route
from live.patience import PATIENCE_S, eventually
from live.sshd import Sshd, program

pytestmark = pytest.mark.live

NONE = Absent(reason=Reason.NOT_PERMITTED, detail=Message(id="closed"))
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED
USUAL, OTHERS = (Servers(distribution=True, others=o) for o in ((), ("/opt/sshd",)))
WEAK = ("Ciphers aes256-ctr,3des-cbc", "MACs hmac-md5,hmac-sha2-256", "HostKeyAlgorithms +ssh-dss",
        "KexAlgorithms diffie-hellman-group1-sha1,diffie-hellman-group14-sha256",
        "Compression no")  # fmt: skip
ALGORITHMS = (strong.sshd_ciphers, strong.sshd_macs, strong.sshd_kex, strong.sshd_host_keys)
CHECKS = (*ALGORITHMS, sshd_host_key_size)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_server_keys, "_PAUSES_S", (0.0, *[0.05] * 200))


class _Weak(Sshd):
    """Offers what is weak, to one client at a time; of MaxStartups the last value counts."""

    rsa_bits = 1024

    def _defaults(self) -> list[str]:
        return [*super()._defaults(), "MaxStartups 1"]


@pytest.fixture(scope="module")
def weak() -> Iterator[Sshd]:
    with _Weak(WEAK, host_key_types=("ed25519", "rsa", "dsa")) as server:
        yield server


@pytest.fixture(scope="module")
def usual() -> Iterator[Sshd]:
    """As Debian sets it, with every key exchange that it knows besides."""
    lines = ("KexAlgorithms +diffie-hellman-group1-sha1,diffie-hellman-group14-sha1,"
             "diffie-hellman-group-exchange-sha1", "HostKeyAlgorithms +ssh-rsa")  # fmt: skip
    with Sshd(lines, host_key_types=("ecdsa", "rsa")) as server:
        yield server


def access(server: Sshd, **more: Any) -> SshAccess:
    return SshAccess(
        host=server.host, port=server.port, user=server.user, key=str(server.client_key),
        known_hosts=(str(server.known_hosts),), login_timeout_s=PATIENCE_S, **more,
    )  # fmt: skip


def reported(way: SshAccess) -> StoredKeyExchange:
    """What the server shows to a session that is logged in to it."""
    with SshTransport(way).open() as session:
        return session.key_exchange(PATIENCE_S)


def read(shown: StoredKeyExchange) -> OfferedAlgorithms:
    """What the plugin of Linux makes of it."""
    return shown_server(parse_key_exchange(answer(msgspec.json.encode(shown))))


def answer(stdout: bytes) -> Answer:
    return Answer(
        stdout=stdout, stderr=b"", exit_code=0, truncated=False,
        collected_at="2026-11-29T00:00:00Z", target=target_of("host"),
    )  # fmt: skip


def seen(check: Check, shown: OfferedAlgorithms, programs: Servers = USUAL) -> Judgement:
    """What an account judges that may read nothing of the server's."""
    more = (None,) if check is sshd_host_key_size else ()
    return check.judge(programs, *[NONE] * 6, shown, *more)


def test_weak_algorithms_are_told_without_any_rights(weak: Sshd) -> None:
    found = read(reported(access(weak)))
    for one in CHECKS:
        assert seen(one, found).verdict is FAIL, one.id
        assert seen(one, found, OTHERS).verdict is FAIL, one.id
    names = seen(sshd_host_key_size, found).detail[0].args["names"]
    assert names == ("ssh-dss", "ssh-rsa 1024")
    assert seen(strong.sshd_kex, found).detail[0].args["weak"] == ("diffie-hellman-group1-sha1",)


def test_keys_that_the_server_told_after_the_login_cost_no_connection(
    weak: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SshTransport(access(weak)).open() as session:
        session.run(b"true\n", deadline_s=PATIENCE_S, limit=100)
        monkeypatch.setattr(_server_keys, "_connected", None)
        shown = session.key_exchange(PATIENCE_S)
    assert seen(sshd_host_key_size, read(shown)).detail[0].args["names"] == (
        "ssh-dss",
        "ssh-rsa 1024",
    )
    begin = struct.pack(">I", 23) + b"hostkeys-00@openssh.com\0"
    for more, keys in (
        (b"\0\0\0\1a\0\0\0\0", (b"a", b"")), (b"", ()), (b"\0\0\0\2a", ()), (b"\0\0", ()),
    ):  # fmt: skip
        assert _library._sent_keys(begin + more) == keys
    assert _library._sent_keys(struct.pack(">I", 23) + b"hostkeys-prove-0@x.com\0\0") == ()


def test_a_busy_server_is_asked_again(weak: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_library, "host_keys", lambda _: ())
    waiting: list[socket.socket] = []

    def taken() -> bool:
        """Whether the one client that may wait is ours."""
        waiting.append(socket.create_connection((weak.host, weak.port)))
        waiting[-1].settimeout(PATIENCE_S)
        return waiting[-1].recv(100).startswith(b"SSH-")

    with SshTransport(access(weak)).open() as session:
        assert eventually(taken)
        before = weak.log.read_bytes().count(b"MaxStartups")
        timer = threading.Timer(0.3, waiting[-1].shutdown, (socket.SHUT_RDWR,))
        timer.start()
        shown = session.key_exchange(PATIENCE_S)
        timer.join()
    assert "ssh-rsa" in shown.keys
    assert weak.logged(b"MaxStartups") > before
    for sock in waiting:
        sock.close()


def test_what_holds_is_compared_with_the_settings(usual: Sshd) -> None:
    found = read(reported(access(usual)))
    assert found.keys["ssh-rsa"].bits == 2048
    assert seen(sshd_host_key_size, found).verdict is PASS
    assert seen(sshd_host_key_size, found, OTHERS).verdict is UNDETERMINED
    assert seen(strong.sshd_ciphers, found).verdict is PASS
    assert found.other_than(settings(usual)) is None
    # changed, and not restarted
    changed = usual.folder / "config"
    changed.write_text("Ciphers aes256-ctr,aes128-cbc\n" + changed.read_text())
    other = settings(usual)
    assert found.other_than(other) is not None
    judged = strong.sshd_ciphers.judge(USUAL, other, *[None] * 5, found)
    assert judged.verdict is UNDETERMINED


def settings(server: Sshd) -> Settings:
    """What `sshd -T` says of the file that `server` was started with."""
    ask = [program("sshd"), "-T", "-f", str(server.folder / "config")]
    got = parse_sshd_t(answer(subprocess.run(ask, capture_output=True, check=True).stdout))
    assert isinstance(got, Settings)
    return got


def test_every_key_exchange_leads_to_the_key(usual: Sshd) -> None:
    shown = reported(access(usual, jump=access(usual)))  # over itself as the host in between
    lists = list(shown.lists.values())
    assert _host_key._STARTS.keys() == {name for name in lists[0] if name in _host_key._STARTS}
    keys = set()
    for number, kex in enumerate(_host_key._STARTS):
        algorithm = _server_keys._BY_RSA[number % 3]
        with socket.create_connection((usual.host, usual.port)) as sock:
            until = time.monotonic() + PATIENCE_S
            keys.add(_host_key.host_key(sock, algorithm, [[kex], *lists[1:]], until))
    assert [msgspec.json.encode(key) for key in keys] == [f'"{shown.keys["ssh-rsa"]}"'.encode()]


def test_a_server_that_takes_one_key_exchange_by_its_newer_name_only() -> None:
    with Sshd(["KexAlgorithms curve25519-sha256"]) as server:
        assert reported(access(server)).lists["kex"][0] == "curve25519-sha256"


def test_what_is_no_server_shows_no_key() -> None:
    for stated in (
        b"",
        b"x" * 9000,
        b"SSH-2.0-x\r\n" + bytes(5),
        b"SSH-2.0-x\r\n\0\0\0\x0c\x0a\x01",
    ):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(stated)
            theirs.shutdown(socket.SHUT_WR)
            lists = [["curve25519-sha256"], *[["x"]] * 7]
            with pytest.raises(_host_key.Unread):
                _host_key.host_key(ours, "ssh-rsa", lists, time.monotonic() + PATIENCE_S)


# --- a login that is refused --------------------------------------------------------------------


def test_what_a_server_showed_before_it_refused_the_login_is_kept(tmp_path: Path) -> None:
    refusing = [*WEAK, "AllowUsers nobody-of-that-name"]
    strange = ["KexAlgorithms diffie-hellman-group1-sha1", *WEAK]
    no_shell = [*WEAK, "ForceCommand /bin/true"]
    cases = (
        (Reason.NOT_PERMITTED, refusing, strong.sshd_ciphers),
        (Reason.UNREACHABLE, strange, strong.sshd_kex),  # nothing in common with the library
        (Reason.NOT_PERMITTED, no_shell, strong.sshd_macs),
    )
    for number, (reason, settings, judge) in enumerate(cases):
        _refused(tmp_path / str(number), reason, settings, judge)


def _refused(folder: Path, reason: Reason, settings: list[str], judge: Check) -> None:
    target = Target(id="web1", kind="host", object_type="server")
    run = new_run(folder, [target])
    needs_it = check("t.needs-it", needs=KEY_EXCHANGE, severity=Severity.LOW)(_needs_it)
    checks = [needs_it, _seen(0, Command(argv=("/bin/true",)))]
    with Sshd(settings) as sshd:
        route = structs.replace(
            shell_route(SshTransport(access(sshd)), target.id),
            accepts=(Command, SshKeyExchange),
            open=lambda: SshShell(SshTransport(access(sshd)).open(), sudo=False),
        )
        Collector(run, {target.id: (route,)}).collect(plan.groups((target,), checks))
        assert sshd.logged(b"Connection from") == 1
    bundle = run.bundle(target.id)
    assert bundle is not None
    assert [fault.reason for fault in bundle.faults.values()] == [reason]
    (kept,) = bundle.observations.values()
    assert b"3des-cbc" in bundle.blob(kept.stdout_sha256)
    exchange = parse_key_exchange(answer(bundle.blob(kept.stdout_sha256)))
    judged = judge.judge(*[NONE] * 7, shown_server(exchange))
    assert judged.verdict is FAIL
    (status,) = target_statuses(plan.groups((target,), checks)[0], bundle, sealed=True)
    assert status.state is TargetState.NOT_REACHED


def _needs_it(_: object) -> Judgement:
    """It was shown."""
    return passed(msg("shown"))


# --- a session that is lost --------------------------------------------------------------------


def test_what_a_lost_session_was_not_asked_is_asked_over_a_new_one(
    usual: Sshd, tmp_path: Path
) -> None:
    mark = usual.folder / "killed"
    target = Target(id="web1", kind="host", object_type="server")
    asks = [
        Command(argv=("/bin/sh", "-c", _SUICIDE, "sh", str(mark))),
        *(Command(argv=("/bin/echo", str(n))) for n in range(3)),
    ]
    checks = [_seen(n, ask) for n, ask in enumerate(asks)]
    run = new_run(tmp_path, [target])
    before = usual.log.read_bytes().count(b"Accepted publickey")
    routes = {target.id: (shell_route(SshTransport(access(usual)), target.id),)}
    Collector(run, routes).collect(plan.groups((target,), checks))
    bundle = run.bundle(target.id)
    assert bundle is not None
    got = {o.asked: o.status for o in bundle.observations.values()}
    assert set(got.values()) == {Status.ANSWERED}, got
    assert usual.log.read_bytes().count(b"Accepted publickey") == before + 2
    assert mark.exists()


# The shell of a login is a child of the server's process for it, and `timeout` of that shell.
_SUICIDE = """
test -e "$1" && exit 0
: >"$1"
p=$$
while read -r name <"/proc/$p/comm"; do
  case $name in sshd*) kill -9 "$p"; sleep 5; exit ;; esac
  read -r _ _ _ p _ <"/proc/$p/stat"
done
"""


def _seen(number: int, ask: Command) -> Check:
    reported = fact(f"t.{number}", str, kind="host", ask=ask, parse=lambda answer: answer.text)

    @check(f"t.check-{number}", needs=reported, severity=Severity.LOW)
    def answered(seen: str) -> Judgement:
        """It answers."""
        return passed(msg("{seen}", seen=seen))

    return answered
