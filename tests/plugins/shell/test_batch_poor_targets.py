"""The script on targets that lack something: processes, tools, rights, or a file that stays."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from audit_core.model import Command, Privilege, ReadFile, Status
from audit_shell import batch

NONCE = "0123456789abcdef" * 2
SHELLS = [["sh"], ["bash"], ["busybox", "sh"]]
Change = Callable[[str], str]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def asked(
    *requests: batch.ShellRequest,
    change: Change = lambda script: script,
    shell: tuple[str, ...] = ("sh",),
) -> list[batch.ScriptResponse | None]:
    script = change(batch.render(requests, NONCE).decode())
    done = subprocess.run(
        [*shell, "-s"], input=script.encode(), capture_output=True, check=False, timeout=300
    )
    got = batch.unframe(requests, NONCE, done.stdout, done.stderr, cut=Status.NO_REPLY)
    return list(got.replies)


def one(
    request: batch.ShellRequest, change: Change = lambda script: script
) -> batch.ScriptResponse:
    (got,) = asked(request, change=change)
    assert got is not None
    return got


def tool(path: Path, text: str) -> str:
    """A program at `path` that is the sh script `text`."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def under(sudo: str) -> Change:
    """The script as it runs for an ordinary user whose sudo is `sudo`."""
    return lambda script: (
        script.replace("R='sudo -n --'", f"R='{sudo} -n --'")
        .replace('if [ "$U" = 0 ]', "if false")
        .replace("U=$(id -u)", "U=1000")
    )


# --- no process can be started ------------------------------------------------------------------


@as_root
@pytest.mark.parametrize("shell", SHELLS, ids=lambda s: s[0])
@pytest.mark.parametrize("most", range(1, 9))
def test_no_answer_is_lost_where_no_more_processes_can_be_started(
    most: int, shell: list[str], tmp_path: Path
) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    poor = ["prlimit", f"--nproc={most}", "--", "setpriv", f"--reuid={54000 + most}",
            "--clear-groups", "--"]  # fmt: skip
    requests: tuple[batch.ShellRequest, ...] = (
        Command(argv=("echo", "whole"), timeout_s=1),
        ReadFile(path="/etc/hostname"),
    )
    # bash tries again for a while, longer than anybody waits here
    got = asked(*requests, shell=(*poor, "timeout", "-s", "KILL", "5", *shell))
    for raw, whole in zip(got, (b"whole\n", Path("/etc/hostname").read_bytes()), strict=True):
        if raw is not None and raw.status is Status.ANSWERED:
            assert (raw.exit_code, raw.stdout) == (0, whole), raw


@pytest.mark.parametrize(
    "reported",
    [
        b"/usr/bin/timeout: fork system call failed: Resource temporarily unavailable\n",
        b"main: /usr/bin/timeout: fork system call failedfork: retry: : Resource temporarily "
        b"unavailable\nResource temporarily unavailable\n",
        b"/usr/bin/timeout: main: fork: retry: Resource temporarily unavailable\n"
        b"fork system call failed: Resource temporarily unavailable\n",
    ],
    ids=["alone", "behind the shell", "around the shell"],
)
def test_mixed_messages_of_shell_and_timeout_are_no_answer(reported: bytes) -> None:
    """Both write to one stream, piece by piece."""
    out = b"\n%s H 0 no yes\n" % NONCE.encode() + batch.frame("0", NONCE, b"", 125)
    err = batch.frame("0", NONCE, reported, 125)
    (got,) = batch.unframe([Command(argv=("x",))], NONCE, out, err, cut=Status.NO_REPLY).replies
    assert got is not None
    assert (got.status, got.detail) == (Status.MALFORMED, batch.NO_PROCESS)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda s: s[0])
@pytest.mark.parametrize("what", ['head -c "$c"', "head -c 65536"])
def test_a_stream_that_was_not_carried_is_no_answer(what: str, shell: list[str]) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    (got,) = asked(
        Command(argv=("echo", "whole")),
        change=lambda script: script.replace(f"{{ {what}", f"{{ no-such-{what}"),
        shell=tuple(shell),
    )
    assert got is not None
    assert (got.status, got.detail) == (Status.MALFORMED, batch.NO_PROCESS)


# --- tools --------------------------------------------------------------------------------------


def test_a_program_that_ends_with_127_itself_is_not_missing() -> None:
    got = one(Command(argv=("sh", "-c", "no-such-helper; exit 127")))
    assert (got.status, got.exit_code) == (Status.ANSWERED, 127)
    assert one(Command(argv=("no-such-program",))).status is Status.NOT_PRESENT


def test_the_timeout_of_busybox_tells_that_a_program_is_missing(tmp_path: Path) -> None:
    if shutil.which("busybox") is None:
        pytest.skip("busybox is not installed")
    (tmp_path / "timeout").symlink_to(shutil.which("busybox") or "")

    def change(script: str) -> str:
        return script.replace("/usr/bin/timeout", f"{tmp_path}/timeout")

    found, missing, own, late = asked(
        Command(argv=("echo", "x")),
        Command(argv=("no-such-program",)),
        Command(argv=("sh", "-c", "exit 127")),
        Command(argv=("sleep", "30"), timeout_s=1),
        change=change,
    )
    assert found is not None
    assert (found.status, found.stdout) == (Status.ANSWERED, b"x\n")
    assert missing is not None
    assert missing.status is Status.NOT_PRESENT
    assert own is not None
    assert own.status is Status.ANSWERED
    assert late is not None
    assert late.status is Status.TIMED_OUT


@pytest.mark.parametrize(
    ("detail", "code"),
    [
        ("timeout: fork system call failed: Resource temporarily unavailable", 125),
        ("timeout: vfork: Resource temporarily unavailable", 1),
        ("timeout: failed to execute process: Resource temporarily unavailable (os error 11)", 125),
    ],
)
def test_a_timeout_that_cannot_fork_is_no_answer(tmp_path: Path, detail: str, code: int) -> None:
    # exit 1 is an answer of grep: nothing found
    text = f"case $6 in /dev/null) echo '{detail}' >&2; exit {code};; esac; shift 3; exec \"$@\""
    place = tool(tmp_path / "timeout", text)
    got = one(
        Command(argv=("grep", "x", "/dev/null"), ok=(0, 1)),
        lambda script: script.replace("/usr/bin/timeout", place),
    )
    assert (got.status, got.detail) == (Status.MALFORMED, batch.NO_PROCESS)


@pytest.mark.parametrize("text", ["echo usage >&2; exit 1", "echo usage >&2; exit 125"])
def test_a_timeout_of_another_kind_runs_nothing(tmp_path: Path, text: str) -> None:
    # BusyBox before 1.34 and coreutils before 8.5 know no -k; exit 1 is an answer of grep and find
    place = tool(tmp_path / "timeout", f'case $1 in -k) {text};; esac; shift; exec "$@"')
    got = one(
        Command(argv=("grep", "x", "/dev/null"), ok=(0, 1)),
        lambda script: script.replace("/usr/bin/timeout", place),
    )
    assert (got.status, got.detail) == (Status.UNSUPPORTED, batch.NO_TIMEOUT)


@pytest.mark.parametrize("name", ["stat", "head", "sha256sum"])
def test_a_tool_that_is_not_there_says_nothing_of_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    got = one(
        ReadFile(path=str(tmp_path / "file")),
        lambda script: script.replace(f"/usr/bin/{name}", f"/usr/bin/no-{name}"),
    )
    assert (got.status, got.detail) == (Status.UNSUPPORTED, batch.NO_TOOLS)


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["head", "sha256sum"])
def test_a_file_that_goes_away_while_it_is_read_was_there(tmp_path: Path, name: str) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    place = tool(tmp_path / name, f'rm -f {file}; exec /usr/bin/{name} "$@"')
    got = one(
        ReadFile(path=str(file)), lambda script: script.replace(f"/usr/bin/{name} ", f"{place} ")
    )
    assert (got.status, got.detail) == (Status.CHANGED, batch.VANISHED)


def test_a_path_that_cannot_be_followed_is_not_taken_for_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    loop, long = asked(ReadFile(path=str(tmp_path / "a")), ReadFile(path="/" + "x" * 300))
    assert loop is not None
    words = "“Too many levels of symbolic links”"
    assert (loop.status, str(loop.detail)) == (Status.MALFORMED, words)
    assert long is not None
    assert (long.status, str(long.detail)) == (Status.MALFORMED, "“File name too long”")


@pytest.mark.parametrize("words", ["Stale file handle", "Input/output error", "No such device"])
@pytest.mark.parametrize("name", ["stat", "head", "sha256sum"])
def test_an_error_of_the_file_system_is_told(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_text("x")
    place = tool(tmp_path / name, f"echo \"{name}: cannot do '/x': {words}\" >&2; exit 1")
    got = one(
        ReadFile(path=str(tmp_path / "file")),
        lambda script: script.replace(f"/usr/bin/{name} ", f"{place} "),
    )
    assert (got.status, str(got.detail)) == (Status.MALFORMED, f"“{words}”")


@as_root
def test_a_folder_that_may_not_be_entered_hides_what_is_in_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    drop = ("setpriv", "--reuid=65534", "--clear-groups", "sh")
    requests = [ReadFile(path=str(tmp_path / "gone")), ReadFile(path="/no/such/folder/file")]
    hidden, gone = asked(*requests, shell=drop)
    assert hidden is not None
    assert hidden.status is Status.NOT_PERMITTED
    assert gone is not None
    assert gone.status is Status.NOT_PRESENT


# --- sudo ---------------------------------------------------------------------------------------

RUNS = 'shift 2; exec "$@"'
FILE = b"seen"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (RUNS, Status.ANSWERED),
        (f"echo 'sudo: unable to resolve host z: no name' >&2; {RUNS}", Status.ANSWERED),
        (f"echo 'sudo: setrlimit(RLIMIT_CORE): Operation not permitted' >&2; {RUNS}",
         Status.ANSWERED),
        # what a PAM module says to the user, sudo prints where the answer belongs
        (f"echo 'Your password will expire in 3 days'; {RUNS}", Status.CHANGED),
        ("echo 'sudo: a password is required' >&2; exit 1", Status.NOT_PERMITTED),
        ("echo 'EXAMPLE\\a user is not in the sudoers file.' >&2; exit 1", Status.NOT_PERMITTED),
        ("case \"$*\" in *stat*) ;; *) echo 'sudo: a password is required' >&2; exit 1;; esac; "
         f"{RUNS}", Status.NOT_PERMITTED),
        ("case \"$*\" in *sum*) echo 'sudo: a password is required' >&2; exit 1;; esac; "
         f"{RUNS}", Status.NOT_PERMITTED),
    ],
)  # fmt: skip
def test_what_sudo_makes_of_a_file(tmp_path: Path, text: str, status: Status) -> None:
    (tmp_path / "file").write_bytes(FILE)
    sudo = tool(tmp_path / "sudo", text)
    got = one(ReadFile(path=str(tmp_path / "file"), privilege=Privilege.ROOT), under(sudo))
    assert got.status is status
    assert status is not Status.ANSWERED or got.stdout == FILE


@pytest.mark.parametrize(
    "words",
    [
        "sudo: a terminal is required to read the password",
        "sudo: PAM account management error: Permission denied",
        "sudo: account validation failure, is your account locked?",
        "sudo: unable to send audit message: Operation not permitted",
        "sudo-rs: interactive authentication is required",
        "doas: Operation not permitted",
        "EXAMPLE\\\\a user is not allowed to run sudo on z.  This incident will be reported.",
        "Sorry, user a user is not allowed to execute '/x' as root on z.",
        "User a may not run sudo on z.",
    ],
)
def test_a_refusal_is_no_answer_of_a_command_that_may_end_with_1(
    tmp_path: Path, words: str
) -> None:
    sudo = tool(tmp_path / "sudo", f'echo "{words}" >&2; exit 1')
    find = Command(argv=("/usr/bin/find", "/x"), privilege=Privilege.ROOT, ok=(0, 1))
    assert one(find, under(sudo)).status is Status.NOT_PERMITTED


def test_without_the_header_of_the_script_no_reply_counts() -> None:
    root = Command(argv=("/usr/bin/id",), privilege=Privilege.ROOT)
    stream = batch.frame("0", NONCE, b"", 1)
    got = batch.unframe([root], NONCE, stream, stream, cut=Status.NO_REPLY)
    assert got.replies == (None,)
