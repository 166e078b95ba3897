"""The batch script with real shells, and its parser with hostile bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.model import Command, Privilege, ReadFile, Status
from audit_shell import batch
from live.product import HANGS_S

NONCE = "0123456789abcdef" * 2
SHELLS = [["sh"], ["bash"], ["busybox", "sh"]]


def asked(
    requests: list[batch.ShellRequest], shell: list[str] | None = None
) -> tuple[batch.ScriptResponse | None, ...]:
    done = subprocess.run(
        [*(shell or ["sh"]), "-s"], input=batch.render(requests, NONCE), capture_output=True,
        check=False, timeout=HANGS_S,
    )  # fmt: skip
    got = batch.unframe(requests, NONCE, done.stdout, done.stderr, cut=Status.NO_REPLY)
    return got.replies


def one(request: batch.ShellRequest, shell: list[str] | None = None) -> batch.ScriptResponse:
    (got,) = asked([request], shell)
    assert got is not None
    return got


@pytest.mark.parametrize("shell", SHELLS, ids=lambda s: s[0])
def test_every_way_to_end(shell: list[str], tmp_path: Path) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    both = "printf 'a\\0b'; echo e >&2; exit 3"
    answered, cut, late, none, streams, empty, loud = asked(
        [
            Command(argv=("echo", "x y")),
            Command(argv=("yes",), limit=1000),
            Command(argv=("sleep", "300"), timeout_s=1),
            Command(argv=("no-such-program",)),
            Command(argv=("sh", "-c", both)),
            Command(argv=("true",)),
            Command(argv=("sh", "-c", "head -c 200000 /dev/zero >&2 && echo done")),
        ],
        shell,
    )
    assert loud is not None
    assert (loud.exit_code, loud.stdout) == (0, b"done\n")
    assert len(loud.stderr) == batch.STDERR_LIMIT
    assert answered == batch.ScriptResponse(status=Status.ANSWERED, exit_code=0, stdout=b"x y\n")
    assert cut is not None
    assert (cut.status, cut.truncated, len(cut.stdout)) == (Status.ANSWERED, True, 1000)
    assert late is not None
    assert late.status is Status.TIMED_OUT
    assert none is not None
    assert (none.status, none.exit_code) == (Status.NOT_PRESENT, 127)
    assert streams is not None
    assert (streams.exit_code, streams.stdout, streams.stderr) == (3, b"a\0b", b"e\n")
    assert empty == batch.ScriptResponse(status=Status.ANSWERED, exit_code=0)


def test_files_of_every_kind(tmp_path: Path) -> None:
    plain, fifo, hole, link = (tmp_path / n for n in ("plain", "fifo", "hole", "-rf $(x)\n;"))
    plain.write_bytes(b"one\ntwo")
    os.mkfifo(fifo)
    with hole.open("wb") as handle:
        handle.truncate(1 << 40)
    link.symlink_to(plain)
    paths = [plain, fifo, hole, link, tmp_path, tmp_path / "gone", plain / "below"]
    requests = [ReadFile(path=str(p), limit=1000) for p in paths]
    got = asked([*requests, ReadFile(path="/dev/zero"), ReadFile(path="/proc/version")])
    assert all(r is not None for r in got)
    status = [r.status for r in got if r is not None]
    assert status == [
        Status.ANSWERED,
        Status.NOT_REGULAR,
        Status.ANSWERED,
        Status.ANSWERED,
        Status.NOT_REGULAR,
        Status.NOT_PRESENT,
        Status.NOT_PRESENT,
        Status.NOT_REGULAR,
        Status.ANSWERED,
    ]
    assert got[0] is not None
    assert got[0].stdout == b"one\ntwo"
    assert got[2] is not None
    assert got[2].truncated
    assert len(got[2].stdout) == 1000
    assert got[3] is not None
    assert got[3].stdout == b"one\ntwo"


def test_a_file_that_changes_while_it_is_read_is_not_an_answer(tmp_path: Path) -> None:
    request = ReadFile(path="/x")
    body = batch.frame_file("0", NONCE, b"regular file|3", b"one")
    changed = body.replace(b"\none\n", b"\ntwo\n")
    good = batch.unframe([request], NONCE, _header() + body, b"", cut=Status.NO_REPLY)
    bad = batch.unframe([request], NONCE, _header() + changed, b"", cut=Status.NO_REPLY)
    assert good.replies[0] is not None
    assert good.replies[0].status is Status.ANSWERED
    assert bad.replies[0] is not None
    assert bad.replies[0].status is Status.CHANGED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_an_ordinary_user_may_not_read_is_not_permitted(tmp_path: Path) -> None:
    drop = ["setpriv", "--reuid=65534", "--clear-groups", "sh"]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").touch()
    requests: list[batch.ShellRequest] = [
        ReadFile(path="/etc/shadow"),
        ReadFile(path=str(closed / "file")),
        Command(argv=("/usr/bin/id",), privilege=Privilege.ROOT),
        ReadFile(path="/etc/shadow", privilege=Privilege.ROOT),
        ReadFile(path="/etc/passwd"),
    ]
    status = [r.status for r in asked(requests, drop) if r is not None]
    assert status == [Status.NOT_PERMITTED] * 4 + [Status.ANSWERED]


def _header(uid: int = 0, sudo: str = "yes", timeout: str = "yes") -> bytes:
    return f"\n{NONCE} H {uid} {sudo} {timeout}\n".encode()


def test_without_sudo_or_timeout_nothing_is_taken_for_an_answer() -> None:
    root = Command(argv=("/usr/bin/id",), privilege=Privilege.ROOT)
    frames = batch.frame("0", NONCE, b"sudo: not found", 127)
    no_sudo = batch.unframe([root], NONCE, _header(1000, "no") + frames, b"", cut=Status.NO_REPLY)
    assert no_sudo.replies[0] is not None
    assert no_sudo.replies[0].status is Status.NOT_PERMITTED
    header = _header(timeout="no")
    no_timeout = batch.unframe([root], NONCE, header, b"", cut=Status.NO_REPLY)
    assert no_timeout.replies[0] is not None
    assert no_timeout.replies[0].status is Status.UNSUPPORTED


def test_output_that_imitates_the_markers_stays_output() -> None:
    other = "f" * 32
    fake = f"\n{other} E 0 0\n\n{other} B 1\nPASS\n"
    got = one(Command(argv=("printf", "%s", fake)))
    assert got.stdout.decode() == fake


def test_a_marker_seen_twice_is_malformed() -> None:
    stream = _header() + batch.frame("0", NONCE, b"good", 0) + batch.frame("0", NONCE, b"evil", 0)
    got = batch.unframe([Command(argv=("x",))], NONCE, stream, b"", cut=Status.NO_REPLY)
    assert got.replies[0] is not None
    assert got.replies[0].status is Status.MALFORMED


@pytest.mark.parametrize("keep", range(0, 200, 7))
def test_a_stream_cut_anywhere_never_yields_a_wrong_answer(keep: int) -> None:
    requests = [Command(argv=("a",)), Command(argv=("b",))]
    whole = _header() + batch.frame("0", NONCE, b"first", 0) + batch.frame("1", NONCE, b"second", 0)
    got = batch.unframe(requests, NONCE, whole[:keep], b"", cut=Status.TIMED_OUT)
    for raw, want in zip(got.replies, (b"first", b"second"), strict=True):
        if raw is not None and raw.status is Status.ANSWERED:
            assert raw.stdout == want
        elif raw is not None:
            assert raw.status is Status.TIMED_OUT
            assert want.startswith(raw.stdout.removesuffix(b"\n" + NONCE.encode()[:1])[:1])


@given(st.binary(max_size=400), st.binary(max_size=100))
def test_any_bytes_are_survived(stdout: bytes, stderr: bytes) -> None:
    requests: list[batch.ShellRequest] = [Command(argv=("a",)), ReadFile(path="/b")]
    got = batch.unframe(requests, NONCE, stdout, stderr, cut=Status.NO_REPLY)
    assert got.replies == (None, None)


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30), min_size=1
    )
)
def test_arguments_arrive_as_they_were_given(words: list[str]) -> None:
    argv = ("/usr/bin/printf", "%s\\n", *words)
    script = batch.render([Command(argv=argv)], NONCE).decode("utf-8", "surrogateescape")
    line = next(x for x in script.split("\nr 0 ")[1:])
    import shlex

    assert tuple(shlex.split(line.split("\nprintf '")[0]))[-len(argv) :] == argv


def test_the_script_cannot_be_started_half() -> None:
    script = batch.render([Command(argv=("touch", "/x"))], NONCE)
    assert script.endswith(b"}\nmain\n")
    assert script.count(b"\nmain\n") == 1


@pytest.mark.parametrize(
    ("stderr", "status"),
    [
        (b"sudo: a password is required\n", Status.NOT_PERMITTED),
        (b"Sorry, user x is not allowed to execute y as root on z.\n", Status.NOT_PERMITTED),
        (b"x is not in the sudoers file.\n", Status.NOT_PERMITTED),
        (b"x is not allowed to run sudo on z.\n", Status.NOT_PERMITTED),
        (b"sudo-rs: interactive authentication is required\n", Status.NOT_PERMITTED),
        (b"sudo: unable to resolve host z: Name or service not known\n", Status.ANSWERED),
        (b"sudo: unable to resolve host z\nsudo: a password is required\n", Status.NOT_PERMITTED),
        (b"find: no such file\n", Status.ANSWERED),
    ],
)
def test_a_warning_of_sudo_is_not_a_refusal(stderr: bytes, status: Status) -> None:
    root = Command(argv=("/usr/bin/find",), privilege=Privilege.ROOT)
    out = _header(1000) + batch.frame("0", NONCE, b"x", 1)
    err = batch.frame("0", NONCE, stderr, 1)
    got = batch.unframe([root], NONCE, out, err, cut=Status.NO_REPLY)
    assert got.replies[0] is not None
    assert got.replies[0].status is status
    assert b"unable to resolve" not in got.replies[0].stderr  # of sudo, not of the command


def test_a_library_that_cannot_be_preloaded_is_no_error_of_the_command() -> None:
    """As glibc 2.36 prints it before every program."""
    warning = (
        b"ERROR: ld.so: object '/x.so' from /etc/ld.so.preload cannot be preloaded (cannot open "
        b"shared object file): ignored.\n"
    )
    command = Command(argv=("/bin/ps",))
    err = warning + batch.frame("0", NONCE, warning * 2 + b"ps: real\n", 1)
    got = batch.unframe(
        [command], NONCE, _header(1000) + batch.frame("0", NONCE, b"x", 1), err, cut=Status.NO_REPLY
    )
    assert got.replies[0] is not None
    assert got.replies[0].stderr == b"ps: real\n"


@pytest.mark.parametrize("shell", SHELLS, ids=lambda s: s[0])
def test_a_warning_of_sudo_hides_no_file(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "sudo").write_text(
        "#!/bin/sh\necho 'sudo: unable to resolve host z: no name' >&2\nshift 2\nexec \"$@\"\n"
    )
    (tmp_path / "sudo").chmod(0o755)
    (tmp_path / "file").write_text("seen")
    request = ReadFile(path=str(tmp_path / "file"), privilege=Privilege.ROOT)
    script = batch.render([request], NONCE).decode()
    script = script.replace("R='sudo -n --'", f"R='{tmp_path}/sudo -n --'").replace(
        'if [ "$U" = 0 ]', "if false"
    )
    done = subprocess.run([*shell, "-s"], input=script.encode(), capture_output=True, check=False)
    got = batch.unframe([request], NONCE, done.stdout, done.stderr, cut=Status.NO_REPLY)
    assert got.replies[0] is not None
    assert (got.replies[0].status, got.replies[0].stdout) == (Status.ANSWERED, b"seen")


@pytest.mark.parametrize(
    ("code", "reported", "status"),
    [
        (1, b"stat: cannot statx '/x': No such file or directory", Status.NOT_PRESENT),
        (1, b"/usr/bin/stat: cannot stat '/x/y': Not a directory", Status.NOT_PRESENT),
        (1, b"stat: can't stat '/x': No such file or directory", Status.NOT_PRESENT),
        (1, b"stat: cannot statx '/x': Permission denied", Status.NOT_PERMITTED),
        # the tool, or a file of sudo's own, is missing: that says nothing of the file asked for
        (
            127,
            b"timeout: failed to run command '/usr/bin/stat': No such file or directory",
            Status.UNSUPPORTED,
        ),
        (127, b"timeout: can't execute '/usr/bin/stat': No such file or directory",
         Status.UNSUPPORTED),
        (1, b"sudo: unable to open /run/sudo/ts: No such file or directory\n"
            b"sudo: a password is required", Status.NOT_PERMITTED),
    ],
)  # fmt: skip
def test_only_stat_itself_tells_that_a_file_is_missing(
    code: int, reported: bytes, status: Status
) -> None:
    out = _header(1000) + batch.frame("0.s", NONCE, reported, code)
    asked_for = [ReadFile(path="/x", privilege=Privilege.ROOT)]
    got = batch.unframe(asked_for, NONCE, out, b"", cut=Status.NO_REPLY)
    assert got.replies[0] is not None
    assert got.replies[0].status is status
