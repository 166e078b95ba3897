"""Many requests as one POSIX sh script, and its two output streams cut back into replies. PURE.

Each request's output stands between two marker lines on both streams; the marker starts with a
random nonce that no file on the target can know. The stream is not framed by byte counts: a count
ahead of the data needs a temporary file on the target, and we write nothing there. A command's exit
status counts only where the two programs that carried its streams say that they ended well: on a
target where no more processes can be started they may not, and silence would look like an answer.
"""

from __future__ import annotations

import functools
import hashlib
import re
import shlex
from collections.abc import Sequence

from msgspec import Struct, structs

from audit_core.model import (
    Command,
    FileEntry,
    Message,
    Privilege,
    ReadFile,
    ReadFiles,
    Status,
    msg,
    verbatim,
)
from audit_shell import find_files

ShellRequest = Command | ReadFile | ReadFiles
STDERR_LIMIT = 64 << 10
SLOW_S = 5  # of one call of sudo; it takes some 10 ms where nothing is wrong
_TIMEOUT = "/usr/bin/timeout"
_STAT = ("/usr/bin/stat", "-L", "-c", "%F|%s")
_HEAD = "/usr/bin/head"
_SUM = "/usr/bin/sha256sum"

# Why a request has no answer, where the status alone does not tell.
NO_TIMEOUT = msg("the target has no /usr/bin/timeout that supports -k")
NO_SUDO = msg("the target has no sudo")
NO_TOOLS = msg("the target lacks stat, head, find, base64 or sha256sum in /usr/bin")
NO_PROCESS = msg("the target could not start the programs that are needed")
VANISHED = msg("it was removed while it was read")
_TWICE = msg("a marker of the answer appears twice")
_CHANGED = msg("it changed while it was read")
_KINDS = {
    "directory": msg("a directory"),
    "fifo": msg("a named pipe"),
    "character special file": msg("a device"),
    "block special file": msg("a device"),
    "socket": msg("a socket"),
}


class ScriptResponse(Struct, frozen=True, kw_only=True):
    """One request's reply as received, before it is stored."""

    status: Status
    exit_code: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    truncated: bool = False
    detail: Message | None = None
    files: tuple[FileEntry, ...] | None = None


class Header(Struct, frozen=True, kw_only=True):
    """What the script found first: numeric user id, and whether sudo and timeout exist."""

    uid: int
    sudo: bool
    timeout: bool


_PROLOGUE = r"""main() {
LC_ALL=C; LANG=C; PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL LANG PATH
unset ENV BASH_ENV CDPATH LANGUAGE GREP_OPTIONS LS_COLORS TZ
umask 077
L='
'
cd / || exit 1
U=$(id -u); S=no; T=no
%FIND% >/dev/null 2>&1 && S=yes
/usr/bin/timeout -k 2 9 sh -c 'exit 7' </dev/null >/dev/null 2>&1
[ $? = 7 ] && T=yes
printf '\n%s H %s %s %s\n' "$N" "$U" "$S" "$T"
[ $T = yes ] || return 0
W=%WATCH%
if [ "$U" = 0 ]; then R=; W=ok; else R='%SUDO%'; fi
r() {
i=$1; c=$2; shift 2
printf '\n%s B %s\n' "$N" "$i"; printf '\n%s B %s\n' "$N" "$i" >&2
{ w=$( { { { "$@" </dev/null 3>&- 5>&- 6>&- 7>&-; echo $? >&7; } 2>&3 |
  { head -c "$c" >&5; echo o$? >&7; }; } 3>&1 |
  { head -c %ERR% >&6; echo e$? >&7; cat >/dev/null; }; } 7>&1 ); } 5>&1 6>&2
rc=; k=
for x in $w; do case $x in o0|e0) k=$k$x;; [0-9]*) rc=$x;; esac; done
[ ${#k} = 4 ] || rc=
printf '\n%s E %s %s\n' "$N" "$i" "$rc"; printf '\n%s E %s %s\n' "$N" "$i" "$rc" >&2
}
z() {
[ "$W" != slow ] || return 0
[ -z "$W" ] || { "$@"; return 0; }
a=$(date +%s); "$@"; b=$(date +%s); W=ok
[ "${b:-0}" -ge $((${a:-0} + %SLOW%)) ] || return 0
W=slow; printf '\n%s W %s\n' "$N" $((b - a))
}
f() {
i=$1; c=$2; t=$3; p=$4; q=$5
printf '\n%s B %s.s\n' "$N" "$i" >&2
s=$($q /usr/bin/timeout -k 2 "$t" /usr/bin/stat -L -c '%F|%s' -- "$p" </dev/null); rc=$?
printf '\n%s E %s.s %s\n' "$N" "$i" "$rc" >&2
s=${s##*"$L"}
printf '\n%s B %s.s\n%s\n%s E %s.s %s\n' "$N" "$i" "$s" "$N" "$i" "$rc"
case $s in 'regular'*) ;; *) return 0;; esac
r "$i" "$c" $q /usr/bin/timeout -k 2 "$t" /usr/bin/head -c "$c" -- "$p"
z=${s##*|}
[ "$z" -lt "$c" ] 2>/dev/null || return 0
r "$i.d" 200 $q /usr/bin/timeout -k 2 "$t" /usr/bin/sha256sum -- "$p"
}
"""


def root_argvs(request: ShellRequest) -> tuple[tuple[str, ...], ...]:
    """The exact argvs that `request` runs through sudo; empty for a request of user privilege."""
    if request.privilege is not Privilege.ROOT:
        return ()
    wrap = (_TIMEOUT, "-k", "2", str(request.timeout_s))
    if isinstance(request, Command):
        return ((*wrap, *request.argv),)
    if isinstance(request, ReadFiles):
        return tuple((*wrap, *search.argv) for search in find_files.searches(request))
    cap = str(request.limit + 1)
    return (
        (*wrap, *_STAT, "--", request.path),
        (*wrap, _HEAD, "-c", cap, "--", request.path),
        (*wrap, _SUM, "--", request.path),
    )


def stream_room(request: ShellRequest) -> int:
    """How many bytes of a stream the answer to `request` may take."""
    if isinstance(request, ReadFiles):
        return len(find_files.searches(request)) * find_files.stream_limit(request)
    return request.limit


@functools.lru_cache(maxsize=4096)  # the same are asked of every host, mostly in the same order
def call_line(index: int, request: ShellRequest) -> str:
    """The lines of the script that ask `request` as number `index`."""
    root = request.privilege is Privilege.ROOT
    z = "z " if root else ""
    cap = str(request.limit + 1)
    wrap = f"{'$R ' if root else ''}{_TIMEOUT} -k 2 {request.timeout_s}"
    if isinstance(request, Command):
        return f"{z}r {index} {cap} {wrap} {shlex.join(request.argv)}\n"
    if isinstance(request, ReadFiles):
        most = find_files.stream_limit(request) + 1
        return "".join(
            f"{z}r {index}.f{n} {most} {wrap} {shlex.join(search.argv)}\n"
            for n, search in enumerate(find_files.searches(request))
        )
    sudo = '"$R"' if root else "''"
    return f"{z}f {index} {cap} {request.timeout_s} {shlex.quote(request.path)} {sudo}\n"


def render(
    requests: Sequence[ShellRequest], nonce: str, *, sudo: bool = True, watch: bool = True
) -> bytes:
    """One sh script that asks all `requests` and frames the replies with `nonce`.

    It is one function called on the last line, so that a connection cut half-way runs nothing.
    Without `sudo`, requests that need root are refused unless the login is root. They come last,
    files first: where the first call of sudo takes too long and the script is to `watch` it, it
    says so and asks no more of them.
    """
    numbers = sorted(range(len(requests)), key=lambda i: _late(requests[i]))
    body = "".join(call_line(i, requests[i]) for i in numbers)
    prologue = _PROLOGUE.replace("%ERR%", str(STDERR_LIMIT))
    prologue = prologue.replace("%SLOW%", str(SLOW_S)).replace("%WATCH%", "" if watch else "ok")
    prologue = prologue.replace("%SUDO%", "sudo -n --" if sudo else "false")
    prologue = prologue.replace("%FIND%", "command -v sudo" if sudo else "false")
    script = f"N={nonce}\n{prologue}{body}printf '\\n%s Z\\n' \"$N\"\n}}\nmain\n"
    return script.encode("utf-8", "surrogateescape")


def _late(request: ShellRequest) -> int:
    """Where in the script `request` is asked: what needs root last, what is quick first."""
    if request.privilege is not Privilege.ROOT:
        return 0
    return 1 if isinstance(request, ReadFile) else 2


def frame(index: str, nonce: str, body: bytes, code: int) -> bytes:
    """`body` as the script frames it on one stream."""
    mark = nonce.encode(), index.encode()
    return b"\n%s B %s\n%s\n%s E %s %d\n" % (*mark, body, *mark, code)


def frame_file(index: str, nonce: str, stat: bytes, body: bytes) -> bytes:
    """A file's `body` as the script frames it on stdout, after the output of `stat`."""
    if not stat.startswith(b"regular"):
        return frame(f"{index}.s", nonce, stat, 0 if b"|" in stat else 1)
    trailer = hashlib.sha256(body).hexdigest().encode() + b"  -"
    parts = frame(f"{index}.s", nonce, stat, 0), frame(index, nonce, body, 0)
    return b"".join((*parts, frame(f"{index}.d", nonce, trailer, 0)))


class _FramedOutput(Struct):
    body: bytes = b""
    exit_code: int | None = None
    closed: bool = False
    twice: bool = False


def _frames(stream: bytes, nonce: str) -> dict[str, _FramedOutput]:
    mark = re.compile(rb"\n%s (?:B ([0-9.sdf]+)|E ([0-9.sdf]+) ([0-9]*))\n" % nonce.encode())
    frames: dict[str, _FramedOutput] = {}
    opened, start = "", 0
    stream = _doubled(stream, nonce)
    for hit in mark.finditer(stream):
        if hit[1] is not None:
            opened, start = hit[1].decode(), hit.end()
            frames[opened] = _FramedOutput(twice=opened in frames)
        elif opened == hit[2].decode():
            frame = frames[opened]
            frame.body, frame.closed = stream[start : hit.start()], True
            frame.exit_code = int(hit[3]) if hit[3] else None
            opened = ""
    if opened:
        frames[opened].body = stream[start:]  # the part of an answer that was cut off
    return frames


def _doubled(stream: bytes, nonce: str) -> bytes:
    """`stream` with the newline between two adjacent markers doubled, so that each has its own."""
    mark = nonce.encode()
    return re.sub(rb"(\n%s [^\n]*\n)(?=%s )" % (mark, mark), rb"\1\n", stream)


def header(stdout: bytes, nonce: str) -> Header | None:
    """The header of the script, or None where it did not arrive."""
    hit = re.search(rb"\n%s H ([0-9]+) (yes|no) (yes|no)\n" % nonce.encode(), stdout)
    if hit is None:
        return None
    return Header(uid=int(hit[1]), sudo=hit[2] == b"yes", timeout=hit[3] == b"yes")


# sudo also warns of problems that do not prevent the command, such as a host name that is
# in no /etc/hosts. A line of its own that is not known here is taken for a refusal.
_GRUMBLE = rb"(?:unable to resolve host|setrlimit\()"
_GRUMBLED = re.compile(rb"^sudo: %s[^\n]*\n?" % _GRUMBLE, re.MULTILINE)
_DENIED = re.compile(
    rb"^(?:sudo|doas)[^:\n ]{0,20}: (?!%s)" % _GRUMBLE + rb"|^Sorry, "
    rb"|^[^\n]+ (?:is not in the sudoers file|is not allowed to (?:run sudo|execute)"
    rb"|may not run sudo)",
    re.MULTILINE,
)
# What the loader of glibc prints before every program where ld.so.preload names a library that is
# not there; the program runs all the same.
_NOT_PRELOADED = re.compile(
    rb"^ERROR: ld\.so: object '[^\n']*' from (?:/etc/ld\.so\.preload|LD_PRELOAD) "
    rb"cannot be preloaded[^\n]*: ignored\.\n?",
    re.MULTILINE,
)
# A program may end with 127 for reasons of its own, as a script does that misses one of its tools:
# only `timeout` (GNU, BusyBox, uutils) tells that the program asked for is not there.
_NO_PROGRAM = re.compile(
    rb"^(?:/usr/bin/)?timeout: (?:failed to run command [^\n]*|can't execute [^\n]*"
    rb"|failed to execute process): No such file or directory(?: \(os error 2\))?$",
    re.MULTILINE,
)

# What GNU (exit status 125), BusyBox (1, as grep has it for no match) and uutils say of their fork.
_NO_FORK = re.compile(
    rb"^(?:/usr/bin/)?timeout: "
    rb"(?:[^\n]*\bv?fork\b|failed to execute process: Resource temporarily)",
    re.MULTILINE,
)


def _not_started(code: int, errors: bytes) -> bool:
    """Whether timeout(1) could start nothing.

    125 is its own failure. A shell that cannot fork either writes to the same stream, piece by
    piece: then the words of the two stand in one line.
    """
    if code == 125 and b"fork" in errors:
        return True
    return code != 0 and _NO_FORK.search(errors) is not None


# timeout(1): 124, after -k 137. That of BusyBox has no code of its own; what SIGTERM ends has 143.
_LATE = (124, 137, 143)


def _by_exit_code(code: int, stderr: bytes, *, sudo: bool) -> Status:
    if sudo and code == 1 and _DENIED.search(stderr):
        return Status.NOT_PERMITTED
    if code == 127 and _NO_PROGRAM.search(stderr):
        return Status.NOT_PRESENT
    if code in _LATE:
        return Status.TIMED_OUT
    return Status.NOT_PERMITTED if code == 126 else Status.ANSWERED


# Only the tool's own complaint tells that a file is not there: sudo and timeout use the same words
# of other files, and of the tool itself.
_ABSENT = re.compile(
    rb"^(?:/usr/bin/)?(?:stat|head|sha256sum): .*(?:No such file or directory|Not a directory)$",
    re.MULTILINE,
)


def _stat_status(text: bytes, code: int) -> Status:
    if code == 127:
        return Status.UNSUPPORTED
    if _DENIED.search(text):
        return Status.NOT_PERMITTED
    if _ABSENT.search(text.rstrip(b"\n")):
        return Status.NOT_PRESENT
    if b"ermission denied" in text:
        return Status.NOT_PERMITTED
    return Status.MALFORMED


class Unframed(Struct, frozen=True, kw_only=True):
    """The replies in the order of the requests. None: the request was never begun.

    `slow_s` is how long the first call of sudo took, where that was too long to ask on.
    """

    header: Header | None
    replies: tuple[ScriptResponse | None, ...]
    slow_s: int | None = None


def unframe(
    requests: Sequence[ShellRequest], nonce: str, stdout: bytes, stderr: bytes, *, cut: Status
) -> Unframed:
    """`stdout` and `stderr` cut into one reply per request.

    `cut` is the status of a request that was begun and never ended (TIMED_OUT at a deadline,
    NO_REPLY on a closed connection); its partial bytes are kept.
    """
    head = header(stdout, nonce)
    out, err = _frames(stdout, nonce), _frames(_NOT_PRELOADED.sub(b"", stderr), nonce)
    replies = tuple(
        _reply(str(i), request, head, out, err, cut) for i, request in enumerate(requests)
    )
    slow_s = _slow(stdout, nonce)
    if slow_s is not None:  # what was asked in part only is asked again
        replies = tuple(
            None if isinstance(request, ReadFiles) and _in_part(str(i), request, out) else reply
            for i, (request, reply) in enumerate(zip(requests, replies, strict=True))
        )
    return Unframed(header=head, replies=replies, slow_s=slow_s)


def _in_part(key: str, request: ReadFiles, out: dict[str, _FramedOutput]) -> bool:
    return f"{key}.f{len(find_files.searches(request)) - 1}" not in out


def _slow(stdout: bytes, nonce: str) -> int | None:
    hit = re.search(rb"\n%s W ([0-9]{1,6})\n" % nonce.encode(), stdout)
    return None if hit is None else int(hit[1])


def _reply(
    key: str,
    request: ShellRequest,
    head: Header | None,
    out: dict[str, _FramedOutput],
    err: dict[str, _FramedOutput],
    cut: Status,
) -> ScriptResponse | None:
    if head is None:  # then nothing tells how the rest was asked
        return None
    if not head.timeout:
        return ScriptResponse(status=Status.UNSUPPORTED, detail=NO_TIMEOUT)
    sudo = request.privilege is Privilege.ROOT and head.uid != 0
    if sudo and not head.sudo:
        return ScriptResponse(status=Status.NOT_PERMITTED, detail=NO_SUDO)
    if isinstance(request, ReadFile):
        reply = _file_reply(key, request, out, err, cut, sudo=sudo)
    elif isinstance(request, ReadFiles):
        reply = _files_reply(key, request, out, err, cut, sudo=sudo)
    else:
        reply = _command_reply(key, request.limit, out, err, cut, sudo=sudo)
    if reply is None or not sudo:
        return reply
    return structs.replace(reply, stderr=_GRUMBLED.sub(b"", reply.stderr))


def _command_reply(
    key: str,
    limit: int,
    out: dict[str, _FramedOutput],
    err: dict[str, _FramedOutput],
    cut: Status,
    *,
    sudo: bool,
) -> ScriptResponse | None:
    frame = out.get(key)
    if frame is None:
        return None
    errors = err.get(key, _FramedOutput()).body
    body, truncated = frame.body[:limit], len(frame.body) > limit
    if frame.twice:
        return ScriptResponse(status=Status.MALFORMED, stdout=body, stderr=errors, detail=_TWICE)
    if not frame.closed:
        return ScriptResponse(status=cut, stdout=body, stderr=errors, truncated=True)
    if frame.exit_code is None or _not_started(frame.exit_code, errors):
        return ScriptResponse(
            status=Status.MALFORMED,
            stdout=body,
            stderr=errors,
            truncated=truncated,
            detail=NO_PROCESS,
        )
    status = _by_exit_code(frame.exit_code, errors, sudo=sudo)
    if truncated and status is not Status.TIMED_OUT:
        status = Status.ANSWERED
    return ScriptResponse(
        status=status,
        exit_code=frame.exit_code,
        stdout=body,
        stderr=errors,
        truncated=truncated,
    )


def _files_reply(
    key: str,
    request: ReadFiles,
    out: dict[str, _FramedOutput],
    err: dict[str, _FramedOutput],
    cut: Status,
    *,
    sudo: bool,
) -> ScriptResponse | None:
    most = find_files.stream_limit(request)
    parts: list[find_files.Found] = []
    errors = b""
    for n, search in enumerate(find_files.searches(request)):
        reply = _command_reply(f"{key}.f{n}", most, out, err, cut, sudo=sudo)
        if reply is None:
            return None if not parts else ScriptResponse(status=cut, truncated=True)
        if reply.status is Status.NOT_PRESENT:  # find itself, which the core's own requests take
            return structs.replace(reply, status=Status.UNSUPPORTED, detail=NO_TOOLS)
        if reply.status is not Status.ANSWERED:
            return structs.replace(reply, stdout=b"", detail=reply.detail)
        errors += reply.stderr
        try:
            found = find_files.read_stream(search, reply.stdout, reply.stderr, cut=reply.truncated)
        except find_files.Unreadable as error:
            return structs.replace(
                reply, status=Status.MALFORMED, stdout=b"", exit_code=None, detail=error.detail
            )
        parts.append(found)
    whole = find_files.joined(request, parts)
    return ScriptResponse(
        status=Status.ANSWERED, exit_code=0, stderr=errors, truncated=whole.truncated,
        files=whole.files,
    )  # fmt: skip


def _file_reply(
    key: str,
    request: ReadFile,
    out: dict[str, _FramedOutput],
    err: dict[str, _FramedOutput],
    cut: Status,
    *,
    sudo: bool,
) -> ScriptResponse | None:
    stat = out.get(key + ".s")
    if stat is None:
        return None
    notes = stat.body + err.get(key + ".s", _FramedOutput()).body
    if not stat.closed:
        return ScriptResponse(status=cut, stderr=notes, truncated=True)
    if stat.exit_code != 0:
        return _unread(ScriptResponse(status=cut, exit_code=stat.exit_code, stderr=notes))
    if not stat.body.startswith(b"regular"):
        kind = stat.body.partition(b"|")[0].decode("ascii", "replace")
        detail = _KINDS.get(kind, msg("{kind}", kind=verbatim(kind)))
        return ScriptResponse(status=Status.NOT_REGULAR, detail=detail)
    reply = _command_reply(key, request.limit, out, err, cut, sudo=sudo)
    if reply is None or reply.status is Status.MALFORMED:
        return reply
    if reply.exit_code not in (None, 0):
        return _lost(_unread(reply))
    if reply.status is not Status.ANSWERED or reply.truncated:
        return reply
    second = out.get(key + ".d")
    if second is None and _size(stat.body) > request.limit:  # then it was not asked for
        return _changed(reply)
    if second is None or not second.closed:
        return structs.replace(reply, status=cut, exit_code=None)
    return _verified(reply, second, err.get(key + ".d", _FramedOutput()).body)


def _size(stat: bytes) -> int:
    digits = stat.rpartition(b"|")[2].strip()
    return int(digits) if digits.isdigit() else 0


def _unread(reply: ScriptResponse) -> ScriptResponse:
    """Why a file was not read. 127: the tool is not where we ask for it (BusyBox has /bin/stat)."""
    code = reply.exit_code or 0
    status = Status.TIMED_OUT if code in _LATE else _stat_status(reply.stderr, code)
    detail = NO_TOOLS if status is Status.UNSUPPORTED else None
    if status is Status.MALFORMED:
        detail = _last_words(reply.stderr) or msg("exit status {code}", code=code)
    return structs.replace(reply, status=status, detail=detail)


def _last_words(text: bytes) -> Message | None:
    """The last error of a tool, such as `Input/output error`."""
    words = text.strip().rpartition(b"\n")[2].rpartition(b": ")[2]
    return msg("{words}", words=verbatim(words)) if words else None


def _lost(reply: ScriptResponse) -> ScriptResponse:
    """`reply` of a file that was there a moment ago: being gone now, it is not one that is not."""
    if reply.status is not Status.NOT_PRESENT:
        return reply
    return structs.replace(reply, status=Status.CHANGED, detail=VANISHED)


def _verified(reply: ScriptResponse, second: _FramedOutput, errors: bytes) -> ScriptResponse:
    """`reply`, unless the file's digest taken after it was read is another one: it changed."""
    if second.exit_code is None:
        return structs.replace(reply, status=Status.MALFORMED, detail=NO_PROCESS)
    if second.exit_code != 0:
        return _lost(_unread(structs.replace(reply, exit_code=second.exit_code, stderr=errors)))
    digest = hashlib.sha256(reply.stdout).hexdigest().encode()
    last = second.body.rstrip(b"\n").rpartition(b"\n")[2]
    name = last.removeprefix(b"\\").split(b" ")[0]
    return reply if digest == name else _changed(reply)


def _changed(reply: ScriptResponse) -> ScriptResponse:
    return structs.replace(reply, status=Status.CHANGED, detail=_CHANGED)
