"""Accounts and servers that accept the login but run no script, with Debian's sshd."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

import pytest

from audit_core import plan
from audit_core.collect import Collector
from audit_core.model import ConnectError, Privilege, ReadFile, Reason, Status
from audit_core.store.bundles import Bundle
from audit_shell import batch
from audit_shell.scripts import Ended, ScriptReply
from audit_shell.ssh import SshAccess, SshTransport
from core.fakes import HOST, blue, new_run, shell_route
from live.conftest import Account
from live.island import USER, Island, need_namespaces
from live.sshd import Sshd, program, secret

pytestmark = pytest.mark.live
NONCE = "0123456789abcdef" * 2


def access(sshd: Sshd) -> SshAccess:
    return SshAccess(
        host=sshd.host, port=sshd.port, user=sshd.user, key=str(sshd.client_key),
        known_hosts=(str(sshd.known_hosts),), login_timeout_s=60.0,
    )  # fmt: skip


def collected(sshd: Sshd, folder: Path) -> Bundle:
    run = new_run(folder)
    routes = {HOST.id: (shell_route(SshTransport(access(sshd), secret)),)}
    Collector(run, routes).collect(plan.groups((HOST,), (blue,)))
    bundle = run.bundle(HOST.id)
    assert bundle is not None
    return bundle


def shell(account: Account, path: str) -> None:
    subprocess.run([program("usermod"), "-s", path, account.name], check=True)


@pytest.mark.parametrize(
    ("path", "reason", "words"),
    [
        ("/usr/sbin/nologin", Reason.NOT_PERMITTED, "This account is currently not available"),
        ("/bin/false", Reason.NOT_PERMITTED, "exit status 1 and printed nothing"),
        ("/bin/true", Reason.NOT_PERMITTED, "exit status 0 and printed nothing"),
        ("/bin/rbash", Reason.NOT_PERMITTED, "restricted"),
        ("/usr/bin/python3", Reason.NOT_PERMITTED, "Traceback"),
        ("/usr/bin/cat", Reason.NOT_PERMITTED, "invalid option"),
    ],
)
def test_an_account_whose_shell_is_none(
    account: Account, tmp_path: Path, path: str, reason: Reason, words: str
) -> None:
    shell(account, path)
    with Sshd(user=account.name) as sshd:
        bundle = collected(sshd, tmp_path)
    assert bundle.fault is not None
    assert bundle.fault.reason is reason
    assert words in str(bundle.fault.detail)
    assert bundle.observations == {}


@pytest.mark.parametrize("path", ["/bin/sh", "/bin/bash", "/bin/dash"])
def test_an_account_whose_shell_is_one(account: Account, tmp_path: Path, path: str) -> None:
    shell(account, path)
    for name in (".bashrc", ".profile", ".bash_profile"):
        (account.home / name).write_text("echo 'a profile speaks'; umask 777; PATH=/nowhere\n")
    with Sshd(["SetEnv SHLVL=0"], user=account.name) as sshd:
        bundle = collected(sshd, tmp_path)
    assert bundle.fault is None
    (seen,) = [o for o in bundle.observations.values() if o.asked == "cat /colour"]
    assert (seen.status, seen.exit_code) == (Status.ANSWERED, 1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ForceCommand internal-sftp", Reason.NOT_PERMITTED),
        ("ForceCommand /usr/lib/openssh/sftp-server", Reason.NOT_PERMITTED),
        ("ForceCommand echo menu; exit 0", Reason.NOT_PERMITTED),
        ("ForceCommand kill -9 $PPID", Reason.UNREACHABLE),
    ],
)
def test_a_server_that_runs_something_else(tmp_path: Path, line: str, reason: Reason) -> None:
    with Sshd([line]) as sshd:
        bundle = collected(sshd, tmp_path)
    assert bundle.fault is not None
    assert bundle.fault.reason is reason
    assert bundle.observations == {}


def test_an_account_with_no_session_left(tmp_path: Path) -> None:
    need_namespaces()
    files: dict[str, bytes | None] = {
        "/etc/security/limits.d/x.conf": f"{USER} - maxlogins 0\n".encode(),
        "/etc/pam.d/sshd": b"auth required pam_permit.so\naccount required pam_permit.so\n"
        b"session required pam_limits.so\n",
    }
    with Island(["UsePAM yes"], user=USER, files=files) as sshd:
        bundle = collected(sshd, tmp_path)
    assert bundle.fault is not None
    assert bundle.fault.reason in (Reason.NOT_PERMITTED, Reason.UNREACHABLE)
    assert bundle.observations == {}


def test_pam_messages_to_a_user_of_sudo_are_not_in_the_answer(tmp_path: Path) -> None:
    need_namespaces()
    files: dict[str, bytes | None] = {
        "/etc/pam.d/sudo": b"auth required pam_permit.so\naccount required pam_permit.so\n"
        b"account optional pam_echo.so your password ends soon\n"
        b"session required pam_permit.so\nsession optional pam_echo.so welcome\n",
    }
    rule = f"{USER} ALL=(root) NOPASSWD: ALL\n"
    asked = [ReadFile(path="/etc/login.defs", privilege=Privilege.ROOT)]
    with (
        Island(user=USER, files=files, sudoers=rule) as sshd,
        SshTransport(access(sshd), secret).open() as session,
    ):
        reported = session.run(batch.render(asked, NONCE), deadline_s=120, limit=1 << 20)
    (got,) = batch.unframe(
        asked, NONCE, reported.stdout, reported.stderr, cut=Status.NO_REPLY
    ).replies
    assert got is not None
    assert (got.status, got.stdout) == (Status.ANSWERED, Path("/etc/login.defs").read_bytes())


def test_keys_are_exchanged_again_in_the_middle_of_an_answer() -> None:
    with (
        Sshd(["RekeyLimit 1M"]) as sshd,
        SshTransport(access(sshd), secret).open() as session,
    ):
        script = b"head -c 12000000 /dev/zero | tr '\\0' x; echo end\n"
        reported = session.run(script, deadline_s=120, limit=16 << 20)
    assert (reported.ended, reported.exit_code) == (Ended.EXITED, 0)
    assert reported.stdout == b"x" * 12_000_000 + b"end\n"


def awake(every_s: int) -> ScriptReply:
    """What came of a script longer than the server waits for a sign of us."""
    lines = [f"ClientAliveInterval {every_s}", "ClientAliveCountMax 2"]
    with Sshd(lines) as sshd, SshTransport(access(sshd), secret).open() as session:
        script = f"sleep {5 * every_s}; echo awake\n".encode()
        return session.run(script, deadline_s=300, limit=100)


def test_a_server_that_asks_whether_we_are_still_there() -> None:
    # A busy machine may answer so late that it counts as gone: then the server waits longer.
    reported = next(reported for reported in map(awake, (1, 5, 20)) if reported.stdout)
    assert (reported.stdout, reported.ended) == (b"awake\n", Ended.EXITED)


class _Busy(Sshd):
    """One login at a time. Of MaxStartups the last value counts, not the first."""

    def _defaults(self) -> list[str]:
        return [*super()._defaults(), "MaxStartups 1"]


def test_a_busy_server_is_tried_again_before_any_login() -> None:
    """MaxStartups: whoever comes while a login is under way is turned away."""
    with _Busy() as sshd:
        with socket.create_connection((sshd.host, sshd.port)) as held:
            assert held.recv(100).startswith(b"SSH-2.0")
            timer = threading.Timer(2.0, held.shutdown, (socket.SHUT_RDWR,))
            timer.start()
            with SshTransport(access(sshd), secret).open() as session:
                assert session.run(b"echo x\n", deadline_s=60, limit=100).stdout == b"x\n"
            timer.join()
        assert sshd.logged(b"Accepted publickey") == 1
        assert sshd.logged(b"MaxStartups throttling") >= 1, sshd.log.read_text()
        assert b"Failed" not in sshd.log.read_bytes()


def test_a_refused_key_comes_with_what_to_look_for() -> None:
    with Sshd(["AllowUsers nobody-of-that-name"]) as sshd, pytest.raises(ConnectError) as caught:
        SshTransport(access(sshd), secret).open()
    assert caught.value.refused
    reported = str(caught.value.remedy)
    assert "AllowUsers" in reported
    assert "chmod go-w ~ ~/.ssh" in reported
