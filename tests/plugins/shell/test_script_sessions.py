"""What every transport must do: one suite, over each of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_shell.local import LocalTransport
from audit_shell.scripts import Ended, ScriptReply, ScriptSession, Transport
from audit_shell.ssh import SshAccess, SshTransport
from live.patience import PATIENCE_S, eventually, give_ssh_the_time_to_kill
from live.sshd import Sshd
from live.threads import none_left

LIMIT = 8 << 20
DEADLINES_S = (0.7, 5.0, 40.0)


@pytest.fixture(autouse=True)
def _time_to_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    give_ssh_the_time_to_kill(monkeypatch)


@pytest.fixture(scope="module")
def server() -> Iterator[Sshd]:
    with Sshd() as sshd:
        yield sshd


@pytest.fixture(
    params=[
        "local",
        pytest.param("ssh", marks=pytest.mark.live),
    ]
)
def transport(request: pytest.FixtureRequest) -> Transport:
    if request.param == "local":
        return LocalTransport()
    sshd: Sshd = request.getfixturevalue("server")
    key, known = str(sshd.client_key), (str(sshd.known_hosts),)
    access = SshAccess(
        host=sshd.host, port=sshd.port, user=sshd.user, key=key, known_hosts=known,
        login_timeout_s=PATIENCE_S,
    )  # fmt: skip
    return SshTransport(access)


@pytest.fixture
def session(transport: Transport) -> Iterator[ScriptSession]:
    with none_left(), transport.open() as opened:
        yield opened


def run(
    session: ScriptSession,
    script: str | bytes,
    *,
    deadline_s: float = PATIENCE_S,
    limit: int = LIMIT,
) -> ScriptReply:
    raw = script.encode() if isinstance(script, str) else script
    return session.run(raw, deadline_s=deadline_s, limit=limit)


def run_past_its_deadline(session: ScriptSession, script: str, *, after: bytes) -> ScriptReply:
    """The reply at a deadline by which `after` had come; a busy machine needs a later one."""
    for deadline_s in DEADLINES_S:
        reply = run(session, script, deadline_s=deadline_s)
        assert (reply.ended, reply.exit_code) == (Ended.DEADLINE, None)
        if after in reply.stdout:
            return reply
    raise AssertionError(f"not begun within {DEADLINES_S[-1]:g} s")


def alive(leader: int) -> list[str]:
    """The processes of a session that can still run something."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(errors="replace")
        except OSError:
            continue
        state, _, _, session = text.rpartition(")")[2].split()[:4]
        if int(session) == leader and state not in "ZX":
            found.append(text)
    return found


def assert_gone(leader: int) -> None:
    assert eventually(lambda: not alive(leader)), alive(leader)


def test_it_says_how_it_reaches_the_target(session: ScriptSession) -> None:
    assert session.info.connector in ("local", "ssh")
    assert session.info.connector == "local" or session.info.identity.startswith("SHA256:")


def test_both_streams_come_back_apart(session: ScriptSession) -> None:
    reply = run(session, "echo out; echo err >&2\n")
    assert (reply.stdout, reply.stderr) == (b"out\n", b"err\n")
    assert (reply.ended, reply.exit_code) == (Ended.EXITED, 0)


def test_every_byte_comes_through(session: ScriptSession) -> None:
    octal = "".join(f"\\\\{n:03o}" for n in range(256))
    reply = run(session, f"printf {octal}; printf {octal} >&2\n")
    assert reply.stdout == reply.stderr == bytes(range(256))


def test_bytes_of_the_script_come_through(session: ScriptSession) -> None:
    odd = bytes(n for n in range(1, 256) if n not in b"'")
    reply = run(session, b"printf %s '" + odd + b"'\n")
    assert reply.stdout == odd


@pytest.mark.parametrize("code", [0, 1, 3, 124, 127, 255])
def test_the_exit_code_is_the_shells(session: ScriptSession, code: int) -> None:
    reply = run(session, f"exit {code}\n")
    assert (reply.ended, reply.exit_code) == (Ended.EXITED, code)


def test_an_empty_script_is_an_answer(session: ScriptSession) -> None:
    reply = run(session, "")
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"", Ended.EXITED, 0)


def test_a_shell_that_is_killed_has_no_exit_code(session: ScriptSession) -> None:
    reply = run(session, "echo begun; kill -9 $$\n")
    assert (reply.stdout, reply.ended, reply.exit_code) == (b"begun\n", Ended.CLOSED, None)
    assert reply.detail


def test_six_megabytes_on_stderr_and_nothing_on_stdout(session: ScriptSession) -> None:
    reply = run(session, "head -c 6000000 /dev/zero >&2\n")
    assert (reply.ended, len(reply.stdout), len(reply.stderr)) == (Ended.EXITED, 0, 6000000)


def test_output_while_the_script_is_still_being_read(session: ScriptSession) -> None:
    line = f"echo {'x' * 400}; echo {'y' * 400} >&2\n"
    reply = run(session, line * 3500)  # 2.8 MB in, 1.4 MB out on each stream
    assert reply.ended is Ended.EXITED
    assert (len(reply.stdout), len(reply.stderr)) == (401 * 3500, 401 * 3500)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_endless_output_stops_at_the_limit_and_its_process_is_gone(
    session: ScriptSession, stream: str
) -> None:
    noise, pid = ("", " >&2") if stream == "stdout" else (" >&2", "")
    reply = run(session, f"echo $${pid}; yes 123456789{noise}\n", limit=100_000)
    assert (reply.ended, reply.exit_code) == (Ended.LIMIT, None)
    assert len(getattr(reply, stream)) == 100_000
    assert_gone(int(reply.stderr if stream == "stdout" else reply.stdout))


def test_output_of_exactly_the_limit_is_whole(session: ScriptSession) -> None:
    reply = run(session, "head -c 5000 /dev/zero\n", limit=5000)
    assert (reply.ended, len(reply.stdout)) == (Ended.EXITED, 5000)


def test_one_byte_more_is_cut(session: ScriptSession) -> None:
    reply = run(session, "head -c 5001 /dev/zero\n", limit=5000)
    assert (reply.ended, reply.exit_code, len(reply.stdout)) == (Ended.LIMIT, None, 5000)


def test_slow_output_is_kept_up_to_the_deadline(session: ScriptSession) -> None:
    begun = time.monotonic()
    drip = "echo $$ >&2; while :; do echo x; sleep 0.05; done\n"
    reply = run_past_its_deadline(session, drip, after=b"x\nx\n")
    assert time.monotonic() - begun < sum(DEADLINES_S) + PATIENCE_S  # it has no end of its own
    assert_gone(int(reply.stderr))


def test_a_program_under_timeout_is_gone_too(session: ScriptSession) -> None:
    program = "echo $$; timeout 900 sh -c 'echo started; exec sleep 900'\n"
    reply = run_past_its_deadline(session, program, after=b"started\n")
    assert_gone(int(reply.stdout.split()[0]))


def test_a_child_that_holds_the_output_open_is_waited_for_until_the_deadline(
    session: ScriptSession, tmp_path: Path
) -> None:
    # Over SSH nobody can say any more who started the child: it stays, until it is told to go.
    stay = tmp_path / "stay"
    stay.touch()
    reply = run(session, f"while [ -e '{stay}' ]; do sleep 0.1; done & exit 0\n", deadline_s=0.5)
    stay.unlink()
    assert (reply.ended, reply.exit_code) == (Ended.DEADLINE, None)


def test_a_child_of_a_shell_that_ended_is_gone_here() -> None:
    with LocalTransport().open() as session:
        reply = run_past_its_deadline(session, "sleep 900 & echo $$; exit 0\n", after=b"\n")
    assert_gone(int(reply.stdout))


def test_the_session_goes_on_after_deadline_and_limit(session: ScriptSession) -> None:
    assert run(session, "sleep 30\n", deadline_s=0.3).ended is Ended.DEADLINE
    assert run(session, "yes\n", limit=10).ended is Ended.LIMIT
    reply = run(session, "echo again\n")
    assert (reply.stdout, reply.ended) == (b"again\n", Ended.EXITED)


def test_stdin_ends_with_the_script(session: ScriptSession) -> None:
    reply = run(session, "cat; echo done\n")
    assert (reply.stdout, reply.ended) == (b"done\n", Ended.EXITED)


def test_there_is_no_terminal(session: ScriptSession) -> None:
    assert run(session, "test -t 0 || test -t 1 || test -t 2; echo $?\n").stdout == b"1\n"


def test_a_script_of_300_kilobytes(session: ScriptSession) -> None:
    text = "".join(f"# {n:08d} {'-' * 85}\n" for n in range(3100))
    assert len(text) > 295_000
    reply = run(session, f"{text}wc -c <<'E'\n{text}E\n")
    assert int(reply.stdout) == len(text)


def test_a_script_that_stops_reading_itself(session: ScriptSession) -> None:
    reply = run(session, "exit 7\n" + "# padding\n" * 30_000)
    assert (reply.ended, reply.exit_code) == (Ended.EXITED, 7)


def test_what_the_collector_has_in_its_environment_stays_here(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGBAO_PLANTED", "a secret of the collector")
    with transport.open() as session:
        reply = run(session, "env\n")
    assert b"PATH=" in reply.stdout
    assert b"DENGBAO_PLANTED" not in reply.stdout
    assert b"a secret" not in reply.stdout


def test_fifty_rounds_on_one_session(session: ScriptSession) -> None:
    files = len(os.listdir("/proc/self/fd"))
    for n in range(50):
        assert run(session, f"echo {n}\n").stdout == f"{n}\n".encode()
    assert eventually(lambda: len(os.listdir("/proc/self/fd")) <= files)


def test_it_can_be_closed_twice(transport: Transport) -> None:
    files = len(os.listdir("/proc/self/fd"))
    with none_left():
        session = transport.open()
        assert run(session, "echo x\n").stdout == b"x\n"
        session.close()
        session.close()
    assert eventually(lambda: len(os.listdir("/proc/self/fd")) <= files)


def test_a_transport_opens_more_than_once(transport: Transport) -> None:
    for _ in range(2):
        with transport.open() as session:
            assert run(session, "echo x\n").stdout == b"x\n"


def test_the_local_environment_is_three_names(tmp_path: Path) -> None:
    with LocalTransport().open() as session:
        reply = run(session, "env; pwd\n")
    names = {line.partition(b"=")[0] for line in reply.stdout.splitlines() if b"=" in line}
    assert names <= {b"PATH", b"LC_ALL", b"HOME", b"PWD", b"OLDPWD", b"SHLVL", b"_"}
    assert b"LC_ALL=C\n" in reply.stdout
    assert reply.stdout.endswith(b"\n/\n")


def test_the_ssh_library_is_loaded_only_when_it_is_used() -> None:
    program = "import sys, audit_shell.ssh as s; print(*sys.modules)"
    env = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert "audit_shell.ssh" in done.stdout.split()
    assert not {"paramiko", "cryptography"} & set(done.stdout.split())
