"""The SSH transport against Debian's own sshd, set up in many ways."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import audit_shell.ssh
from audit_core.model import ConnectError, Reason
from audit_core.model.errors import ConfigError
from audit_shell.scripts import Ended, ScriptReply
from audit_shell.ssh import SshAccess, SshSession, SshTransport
from live.conftest import Account
from live.island import need_namespaces
from live.patience import PATIENCE_S, eventually, give_ssh_the_time_to_kill
from live.sshd import Sshd, keygen, program, public, secret

pytestmark = pytest.mark.live

TYPES = ("ed25519", "ecdsa", "rsa")
DEADLINES_S = (0.5, 5.0, 40.0)
AddKey = Callable[[Path], None]


@pytest.fixture(autouse=True)
def _time_to_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    give_ssh_the_time_to_kill(monkeypatch)


@pytest.fixture(scope="module")
def server() -> Iterator[Sshd]:
    with Sshd(host_key_types=TYPES) as sshd:
        yield sshd


def access(sshd: Sshd, **changes: Any) -> SshAccess:
    given: dict[str, Any] = {
        "host": sshd.host, "port": sshd.port, "user": sshd.user, "key": str(sshd.client_key),
        "known_hosts": (str(sshd.known_hosts),), "login_timeout_s": PATIENCE_S,
    }  # fmt: skip
    return SshAccess(**(given | changes))


def ask(
    context: SshAccess, script: str = "echo it works\n", deadline_s: float = PATIENCE_S
) -> ScriptReply:
    with SshTransport(context, secret).open() as session:
        return session.run(script.encode(), deadline_s=deadline_s, limit=1 << 20)


def run_past_its_deadline(session: SshSession, script: str, *, after: bytes) -> ScriptReply:
    """The reply at a deadline by which `after` had come; a busy machine needs a later one."""
    for deadline_s in DEADLINES_S:
        reply = session.run(f"{script}\n".encode(), deadline_s=deadline_s, limit=100_000)
        assert (reply.ended, reply.exit_code) == (Ended.DEADLINE, None)
        if after in reply.stdout:
            return reply
    raise AssertionError(f"not begun within {DEADLINES_S[-1]:g} s")


def assert_works(context: SshAccess) -> None:
    reply = ask(context)
    assert (reply.stdout, reply.stderr, reply.exit_code) == (b"it works\n", b"", 0)


def refusal(context: SshAccess) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        SshTransport(context, secret).open()
    return caught.value


def seen(key: Path) -> str:
    """The fingerprint as ssh-keygen prints it."""
    command = [program("ssh-keygen"), "-l", "-f", f"{key}.pub"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[1]


def commands_of(account: Account) -> list[str]:
    """What runs as this account, without what has ended and waits to be collected."""
    uid, found = pwd.getpwnam(account.name).pw_uid, []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == uid:
                found.append((folder / "cmdline").read_text(errors="replace"))
    return [command for command in found if command]


# --- host keys ----------------------------------------------------------------------------------


@pytest.mark.parametrize("type", TYPES)
def test_the_known_type_of_host_key_is_negotiated(server: Sshd, tmp_path: Path, type: str) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(server.known_hosts_line(type))
    with SshTransport(access(server, known_hosts=(str(known),)), secret).open() as session:
        key = seen(server.host_keys[type])
        info = session.info
        assert (info.user, info.address) == (server.user, f"127.0.0.1:{server.port}")
        assert info.identity == key
        assert info.server.startswith("OpenSSH")


def test_an_unknown_host_is_refused_and_the_hint_is_the_command_that_accepts_it(
    server: Sshd, tmp_path: Path
) -> None:
    known = tmp_path / "known hosts;touch x"
    context = access(server, known_hosts=(str(known),))
    error = refusal(context)
    assert error.reason is Reason.UNREACHABLE
    assert not error.refused
    assert f"unknown host key ssh-ed25519 {seen(server.host_keys['ed25519'])}" in str(error)
    assert seen(server.host_keys["ed25519"]) in str(error.remedy or "")
    command = str(error.remedy or "").partition("accept it: ")[2]
    assert command.startswith(f"ssh-keyscan -p {server.port} -t ed25519 -- 127.0.0.1 >> ")
    subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True, cwd=tmp_path)
    assert os.listdir(tmp_path) == [known.name]
    assert_works(context)


def test_a_changed_key_is_a_different_error(server: Sshd, tmp_path: Path) -> None:
    other = keygen(tmp_path / "other")
    known = tmp_path / "known_hosts"
    known.write_text(f"{server.name} {public(other)}\n")
    error = refusal(access(server, known_hosts=(str(known),)))
    assert error.reason is Reason.UNREACHABLE
    assert "THE HOST KEY HAS CHANGED" in str(error)
    assert f"{known}:1" in str(error)
    assert "ssh-keyscan" not in str(error.remedy or "")
    command = str(error.remedy or "").partition("remove the old one: ")[2]
    subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True)
    assert known.read_text() == ""


def test_a_changed_key_is_not_hidden_by_a_known_key_of_another_type(
    server: Sshd, tmp_path: Path
) -> None:
    other = keygen(tmp_path / "other")
    known = tmp_path / "known_hosts"
    known.write_text(f"{server.name} {public(other)}\n{server.known_hosts_line('rsa')}")
    error = refusal(access(server, known_hosts=(str(known),)))
    assert "THE HOST KEY HAS CHANGED" in str(error)


def test_a_revoked_key_is_refused_even_if_it_is_known(server: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    line = server.known_hosts_line("ed25519")
    known.write_text(f"{line}@revoked * {public(server.host_keys['ed25519'])}\n")
    error = refusal(access(server, known_hosts=(str(known),)))
    assert "REVOKED" in str(error)
    assert str(error.remedy or "") == ""


def test_hashed_names_are_found(server: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(server.known_hosts_line())
    command = [program("ssh-keygen"), "-H", "-f", str(known)]
    subprocess.run(command, check=True, capture_output=True)
    assert known.read_text().startswith("|1|")
    assert_works(access(server, known_hosts=(str(known),)))


def test_a_key_known_for_another_port_is_not_this_hosts(server: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:1 {public(server.host_keys['ed25519'])}\n")
    assert "unknown host key" in str(refusal(access(server, known_hosts=(str(known),))))


def test_a_host_may_be_known_by_its_name(server: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"[web*.Example.org]:{server.port} {public(server.host_keys['rsa'])}\n")
    context = access(server, known_hosts=(str(known),))
    assert "unknown" in str(refusal(context))
    assert_works(access(server, known_hosts=(str(known),), host_name_for_keys="web1.example.ORG"))


def test_a_host_known_by_other_types_only(server: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    with Sshd() as only_ed25519:
        key = public(server.host_keys["rsa"])
        known.write_text(f"{only_ed25519.name} {key}\n")
        error = refusal(access(only_ed25519, known_hosts=(str(known),)))
    assert "known by keys of other types" in str(error)


# --- keys, agent, passwords ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "more"),
    [
        ("ed25519", []),
        ("ecdsa", []),
        ("rsa", []),
        ("rsa", ["-m", "PEM"]),
        ("ecdsa", ["-m", "PKCS8"]),
    ],
)
def test_every_kind_of_key_file_logs_in(tmp_path: Path, type: str, more: list[str]) -> None:
    with Sshd() as sshd:
        key = tmp_path / "key"
        command = [program("ssh-keygen"), "-q", "-t", type, *more, "-N", "", "-f", str(key)]
        subprocess.run(command, check=True)
        (sshd.folder / "authorized_keys").write_text(public(key))
        assert_works(access(sshd, key=str(key)))


def test_a_key_with_a_certificate_beside_it(tmp_path: Path) -> None:
    authority = keygen(tmp_path / "ca")
    with Sshd([f"TrustedUserCAKeys {authority}.pub"]) as sshd:
        key = keygen(tmp_path / "key")
        sign = [program("ssh-keygen"), "-q", "-s", str(authority), "-I", "x", "-n", sshd.user]
        subprocess.run([*sign, f"{key}.pub"], check=True, capture_output=True)
        assert_works(access(sshd, key=str(key)))


def test_an_encrypted_key_needs_its_passphrase(
    server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    key.write_bytes(server.client_key.read_bytes())
    key.chmod(0o600)
    encrypt = [program("ssh-keygen"), "-q", "-p", "-P", "", "-N", "right", "-f", str(key)]
    subprocess.run(encrypt, check=True, capture_output=True)
    monkeypatch.setenv("RIGHT", "right")
    monkeypatch.setenv("WRONG", "wrong")
    with pytest.raises(ConfigError, match="encrypted: give passphrase"):
        SshTransport(access(server, key=str(key)), secret).open()
    with pytest.raises(ConfigError, match="wrong passphrase"):
        SshTransport(access(server, key=str(key), passphrase="env:WRONG"), secret).open()
    assert_works(access(server, key=str(key), passphrase="env:RIGHT"))


def test_a_key_by_reference(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_TEXT", server.client_key.read_text())
    assert_works(access(server, key="env:KEY_TEXT"))
    assert_works(access(server, key=f"file:{server.client_key}"))


def test_a_key_that_others_can_read_is_not_used(server: Sshd, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(server.client_key.read_bytes())
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        SshTransport(access(server, key=str(key)), secret).open()


def test_a_refused_key_is_tried_once_only(tmp_path: Path) -> None:
    key = keygen(tmp_path / "stranger")
    with Sshd() as sshd:
        transport = SshTransport(access(sshd, key=str(key)), secret)
        for _ in range(3):
            with pytest.raises(ConnectError) as caught:
                transport.open()
            assert caught.value.refused
            assert caught.value.reason is Reason.NOT_PERMITTED
        assert sshd.logged(b"Connection from") == 1
        assert sshd.logged(b"Failed publickey") == 1


def test_a_server_that_hangs_up_at_the_first_failure_has_refused(tmp_path: Path) -> None:
    key = keygen(tmp_path / "stranger")
    with Sshd(["MaxAuthTries 1"]) as sshd:
        assert refusal(access(sshd, key=str(key))).refused


def test_the_agent_logs_in(server: Sshd, agent: AddKey) -> None:
    agent(server.client_key)
    assert_works(access(server, key=None, use_agent=True))


def test_of_the_agents_keys_one_is_offered(tmp_path: Path, agent: AddKey) -> None:
    with Sshd() as sshd:
        agent(keygen(tmp_path / "other"))
        agent(sshd.client_key)
        error = refusal(access(sshd, key=None, use_agent=True))
        assert error.refused
        assert sshd.logged(b"Failed publickey") == 1
        key = seen(sshd.client_key)
        assert_works(access(sshd, key=None, use_agent=True, agent_fingerprint=key))
        with pytest.raises(ConfigError, match="holds no key SHA256:x"):
            SshTransport(
                access(sshd, key=None, use_agent=True, agent_fingerprint="SHA256:x"), secret
            ).open()


def test_without_an_agent(server: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(ConfigError, match="SSH_AUTH_SOCK"):
        SshTransport(access(server, key=None, use_agent=True), secret).open()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
    with pytest.raises(ConfigError, match="does not answer"):
        SshTransport(access(server, key=None, use_agent=True), secret).open()


def test_a_password_logs_in(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", account.password)
    with Sshd(["PasswordAuthentication yes"], user=account.name) as sshd:
        assert_works(access(sshd, key=None, password="env:PASSWORD"))
        assert b"Failed" not in sshd.log.read_bytes()


def test_a_wrong_password_is_sent_once(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "wrong")
    with Sshd(["PasswordAuthentication yes"], user=account.name) as sshd:
        transport = SshTransport(access(sshd, key=None, password="env:PASSWORD"), secret)
        for _ in range(2):
            with pytest.raises(ConnectError) as caught:
                transport.open()
            assert caught.value.refused
        assert sshd.logged(b"Failed password") == 1


@pytest.mark.parametrize("word", ["right", "wrong"])
def test_a_password_over_keyboard_interactive(
    account: Account, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setenv("PASSWORD", account.password if word == "right" else word)
    lines = ["UsePAM yes", "KbdInteractiveAuthentication yes"]
    with Sshd(lines, user=account.name) as sshd:
        context = access(sshd, key=None, password="env:PASSWORD")
        if word == "right":
            assert_works(context)
        else:
            assert refusal(context).refused
            assert sshd.logged(b"PAM: Authentication failure") == 1


def test_a_key_that_fails_never_falls_back_to_the_password(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PASSWORD", account.password)
    key = keygen(tmp_path / "stranger")
    with Sshd(["PasswordAuthentication yes"], user=account.name) as sshd:
        error = refusal(access(sshd, key=str(key), password="env:PASSWORD"))
        assert error.refused
        assert b"password" not in sshd.log.read_bytes().lower()


def test_a_server_that_takes_no_passwords(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "unused")
    error = refusal(access(server, key=None, password="env:PASSWORD"))
    assert error.reason is Reason.NOT_PERMITTED
    assert "accepts no password, only publickey" in str(error)
    assert not error.refused


def test_a_server_that_wants_two_factors() -> None:
    lines = ["AuthenticationMethods publickey,password", "PasswordAuthentication yes"]
    with Sshd(lines) as sshd:
        error = refusal(access(sshd))
    assert "requires a second" in str(error)
    assert not error.refused


# --- algorithms, shells, sessions ---------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        ["Ciphers aes256-gcm@openssh.com", "KexAlgorithms curve25519-sha256@libssh.org"],
        ["Ciphers aes256-ctr", "MACs hmac-sha2-512-etm@openssh.com"],
        ["KexAlgorithms diffie-hellman-group16-sha512"],
    ],
)
def test_servers_with_few_algorithms(lines: list[str]) -> None:
    with Sshd(lines) as sshd:
        assert_works(access(sshd))


def test_a_login_shell_that_talks_first(account: Account) -> None:
    account.home.joinpath(".bashrc").write_text("echo WELCOME; echo notice >&2\n")
    with Sshd(["SetEnv DENGBAO=1", "Banner /etc/hostname"], user=account.name) as sshd:
        reply = ask(access(sshd))
    assert (reply.stdout, reply.stderr) == (b"WELCOME\nit works\n", b"notice\n")


def test_a_forced_command_answers_in_the_scripts_place() -> None:
    with Sshd(["ForceCommand echo not for you; exit 4"]) as sshd:
        reply = ask(access(sshd), "echo it works\n" * 100_000)
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"not for you\n", Ended.EXITED, 4)


def test_a_forced_command_that_does_not_end(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        audit_shell.ssh, "_KILL_S", 0.5
    )  # what is to kill it is the forced command again
    stay = account.home / "stay"
    stay.touch()
    forced = f"ForceCommand echo x; while [ -e {stay} ]; do sleep 0.1; done"
    with Sshd([forced], user=account.name) as sshd:
        with SshTransport(access(sshd), secret).open() as session:
            reply = run_past_its_deadline(session, "echo it works", after=b"x\n")
        stay.unlink()
    assert reply.stdout == b"x\n"


def test_an_account_without_a_shell(account: Account) -> None:
    change = [program("usermod"), "-s", program("nologin"), account.name]
    subprocess.run(change, check=True)
    with Sshd(user=account.name) as sshd:
        reply = ask(access(sshd))
    assert (reply.ended, reply.exit_code) == (Ended.EXITED, 1)
    assert b"not available" in reply.stdout


def test_one_session_at_a_time_is_enough(account: Account) -> None:
    with (
        Sshd(["MaxSessions 1"], user=account.name) as sshd,
        SshTransport(access(sshd), secret).open() as session,
    ):
        for n in range(20):
            reply = session.run(f"echo {n}\n".encode(), deadline_s=PATIENCE_S, limit=100)
            assert (reply.stdout, reply.exit_code) == (f"{n}\n".encode(), 0)


def killed_in_its_only_place(sshd: Sshd, deadline_s: float) -> tuple[ScriptReply, ScriptReply]:
    """What ran into its deadline, and what was asked in its place."""
    with SshTransport(access(sshd), secret).open() as session:
        first = session.run(b"echo begun; exec sleep 300\n", deadline_s=deadline_s, limit=100)
        assert first.ended is Ended.DEADLINE
        return first, session.run(b"echo x\n", deadline_s=PATIENCE_S, limit=100)


def test_what_holds_the_only_session_is_killed_at_its_deadline(account: Account) -> None:
    # No second channel to kill it from: the signal must do, and free the place.
    with Sshd(["MaxSessions 1"], user=account.name) as sshd:
        tries = (killed_in_its_only_place(sshd, deadline_s) for deadline_s in DEADLINES_S)
        # A busy server may not have begun by then, or not have cleared the place when asked again.
        second = next(second for first, second in tries if first.stdout and second.stdout)
    assert (second.stdout, second.exit_code) == (b"x\n", 0)


def running(account: Account) -> list[str]:
    """What runs as this account but sshd's own processes, whose titles bear its random name."""
    return [command for command in commands_of(account) if not command.startswith("sshd")]


@pytest.mark.parametrize("under", ["", "timeout 900 "])
def test_an_ordinary_login_leaves_nothing_running(account: Account, under: str) -> None:
    script = f"{under}sh -c 'echo begun; exec sleep 900'"
    with Sshd(user=account.name) as sshd, SshTransport(access(sshd), secret).open() as session:
        run_past_its_deadline(session, script, after=b"begun\n")
        assert eventually(lambda: not running(account)), running(account)
        assert commands_of(account)  # sshd's own: that they can be seen at all


def test_a_login_with_too_much_output_leaves_nothing_running(account: Account) -> None:
    with Sshd(user=account.name) as sshd, SshTransport(access(sshd), secret).open() as session:
        script = b"timeout 900 sh -c 'yes >&2; exec sleep 900'\n"
        reply = session.run(script, deadline_s=PATIENCE_S, limit=100_000)
        assert reply.ended is Ended.LIMIT
        assert eventually(lambda: not running(account)), running(account)
        assert commands_of(account)


def test_the_killer_kills_nothing_once_the_ssh_server_has_ended(tmp_path: Path) -> None:
    """Then its parent is init: what init started, leaders of sessions as well, is not ours."""
    need_namespaces()
    killer, ended = tmp_path / "killer", tmp_path / "ended"
    killer.write_bytes(f"trap 'touch {ended}' EXIT\n".encode() + audit_shell.ssh._KILLER)
    script = f"""
setsid sleep 900 & service=$!
sh -c '(sleep 0.2; exec sh -s <{killer} >&2) &'
while [ ! -e {ended} ]; do sleep 0.1; done
kill -0 $service && echo spared
"""
    enter = [program("unshare"), "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    done = subprocess.run([*enter, "sh", "-c", script], capture_output=True, text=True)
    assert done.stdout == "spared\n"


def broken_midway(server: Sshd, pause_s: float) -> ScriptReply:
    """What is left of a script that cuts its own connection a while after its first word."""
    with SshTransport(access(server), secret).open() as session:
        script = f"echo begun; sleep {pause_s}; kill -9 $PPID; sleep 3\n".encode()
        reply = session.run(script, deadline_s=PATIENCE_S, limit=100)
        again = session.run(b"echo x\n", deadline_s=PATIENCE_S, limit=100)
    assert (reply.ended, reply.exit_code) == (Ended.CLOSED, None)
    assert str(reply.detail).startswith("the server closed the c")
    assert (again.stdout, again.ended, again.exit_code) == (b"", Ended.CLOSED, None)
    return reply


def test_a_connection_that_breaks_midway(server: Sshd) -> None:
    # What a busy server has not sent yet is lost with the connection.
    replies = (broken_midway(server, pause_s) for pause_s in DEADLINES_S)
    assert next(reply.stdout for reply in replies if reply.stdout) == b"begun\n"


def test_small_packets_are_not_held_back(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []
    connect = socket.create_connection

    def remember(*args: Any, **named: Any) -> socket.socket:
        made.append(connect(*args, **named))
        return made[-1]

    monkeypatch.setattr(socket, "create_connection", remember)
    with SshTransport(access(server), secret).open():
        assert made[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


# --- jump hosts ---------------------------------------------------------------------------------


def test_through_a_jump_host(server: Sshd) -> None:
    with Sshd() as jump:
        context = access(server, jump=access(jump))
        with SshTransport(context, secret).open() as session:
            reply = session.run(b"echo $SSH_CLIENT\n", deadline_s=PATIENCE_S, limit=100)
            big = session.run(b"head -c 3000000 /dev/zero\n", deadline_s=PATIENCE_S, limit=1 << 22)
        assert reply.stdout.startswith(b"127.0.0.1 ")
        assert len(big.stdout) == 3000000
        jump_key, key = seen(jump.host_keys["ed25519"]), seen(server.host_keys["ed25519"])
        info = session.info
        assert (info.address, info.identity) == (f"127.0.0.1:{server.port}", key)
        assert info.through is not None
        assert (info.through.address, info.through.identity) == (
            f"127.0.0.1:{jump.port}", jump_key,
        )  # fmt: skip


def test_a_name_is_resolved_by_the_jump_host(server: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"[localhost]:{server.port} {public(server.host_keys['ed25519'])}\n")
    with Sshd() as jump:
        context = access(server, host="localhost", known_hosts=(str(known),), jump=access(jump))
        assert_works(context)


def test_the_key_behind_a_jump_host_is_verified(server: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    with Sshd() as jump:
        context = access(server, known_hosts=(str(known),), jump=access(jump))
        error = refusal(context)
        assert seen(server.host_keys["ed25519"]) in str(error)
        command = str(error.remedy or "").partition("accept it: ")[2]
        subprocess.run(["/bin/sh", "-c", command], check=True)
        assert_works(context)


def test_the_jump_hosts_own_key_is_verified(server: Sshd) -> None:
    with Sshd() as jump:
        error = refusal(access(server, jump=access(jump, known_hosts=())))
    assert str(error).startswith(f"{jump.user}@127.0.0.1:{jump.port}: unknown host key")


def test_a_jump_host_that_forwards_nothing(server: Sshd) -> None:
    with Sshd(["AllowTcpForwarding no"]) as jump:
        error = refusal(access(server, jump=access(jump)))
    assert error.reason is Reason.UNREACHABLE
    assert "the jump host" in str(error)
    assert "did not connect" in str(error)


def test_a_jump_host_in_front_of_a_closed_port(server: Sshd) -> None:
    with Sshd() as jump:
        error = refusal(access(server, port=1, jump=access(jump)))
    assert error.reason is Reason.UNREACHABLE
