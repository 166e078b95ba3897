"""Which programs root starts by itself (cron, systemd), and who else could replace them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answers,
    FileEntry,
    FileStatus,
    Judgement,
    Message,
    Partial,
    Privilege,
    ReadFile,
    ReadFiles,
    Severity,
    capped,
    capped_messages,
    check,
    fact,
    failed,
    first_of,
    known,
    known_or_absent,
    msg,
    optional,
    partial,
    passed,
    undetermined,
)
from audit_linux.files.sweep import DEPTH, LOCAL, SEEN, SWEEP, Entry, Sweep
from audit_linux.groups import GROUPS, Groups


class Start(Struct, frozen=True, kw_only=True):
    """A program, a script or a directory of scripts that root runs, and the file that says so."""

    path: str
    where: str


class RootRuns(Struct, frozen=True, kw_only=True):
    """What root starts. `unclear`: files with a command that could not be followed.

    `elsewhere` are mount points of file systems that the pass does not look into.
    """

    starts: tuple[Start, ...]
    unclear: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


_OPERATORS = frozenset({";", "&", "&&", "||", "|", "|&", "(", ")", "{", "}", "!", "\n"})
_OPENING = frozenset({"if", "then", "else", "elif", "while", "until", "do", "time", "exec", "eval"})
# They run the command that follows them, after options and numbers of their own; flock(1) after
# the file that it locks.
_WRAPPERS = frozenset({
    "nice", "ionice", "chrt", "timeout", "nohup", "setsid", "chronic", "flock", "stdbuf",
    "command", "cronic", "systemd-cat", "env",
})  # fmt: skip
# What they run, and as whom, is not worked out.
_UNCLEAR = frozenset({"su", "sudo", "runuser", "xargs", "find", "watch", "script", "busybox"})
_OWN = re.compile(r"-.*|\d+[smhd]?")
_INTERPRETERS = re.compile(
    r"(?:ba|da|k|z|c|tc|a)?sh|python[\d.]*|perl[\d.]*|ruby|php\d*|node|run-parts|source|\."
)
_ASSIGNED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)


def programs(command: str) -> list[str]:
    """The absolute paths that the shell `command` runs; raises ValueError where it is not clear."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split, lexer.commenters = True, ""
    return list(_run(list(lexer)))


def _run(words: list[str]) -> Iterator[str]:
    # `wrapper`: the word may be an option of it; `script`: it may be what an interpreter runs.
    begins, wrapper, script, before = True, "", False, ""
    for word in words:
        into_file, before = before in (">", ">>", "<", ">&", "<&"), word
        if into_file or (set(word) <= set("<>&") and word not in _OPERATORS):
            continue
        if word in _OPERATORS:
            begins, wrapper, script = True, "", False
        elif begins and _before_command(word, wrapper):
            continue
        elif wrapper == "flock":
            wrapper = "locked"
        elif begins:
            begins, wrapper, script = _begun(word, wrapper)
            yield from _path(word)
        elif script and not word.startswith("-"):
            script = False
            yield from _path(word)
        elif script and "c" in word:
            raise ValueError(word)  # the text of a command


def _before_command(word: str, wrapper: str) -> bool:
    """True for what may stand before a command: an assignment, `if`, an option of `wrapper`."""
    own = bool(wrapper) and _OWN.fullmatch(word) is not None
    return own or word in _OPENING or _ASSIGNED.fullmatch(word) is not None


def _begun(word: str, wrapper: str) -> tuple[bool, str, bool]:
    """Whether a command is still to come after `word`, behind which wrapper, or a script."""
    name = word.rpartition("/")[2]
    script = bool(_INTERPRETERS.fullmatch(name))
    known_here = script or name in _WRAPPERS or word.startswith("/")
    if name in _UNCLEAR or (wrapper and not known_here):
        raise ValueError(word)
    return name in _WRAPPERS, name if name in _WRAPPERS else "", script


def _path(word: str) -> Iterator[str]:
    if "$" in word or "`" in word:
        raise ValueError(word)
    if word.startswith("/"):
        yield word.rstrip("/") or "/"
    elif "/" in word:
        raise ValueError(word)  # from the directory where it happens to be


_SYSTEM_TABLES = ("/etc/crontab", "/etc/cron.d/")
_TIMES = re.compile(r"(?:@\w+|(?:\S+\s+){4}\S+)\s+")


def _cron(file: FileEntry) -> Iterator[str]:
    """The commands of root in a crontab; see crontab(5)."""
    system = file.path.startswith(_SYSTEM_TABLES)
    for raw in file.lines:
        line = raw.strip(" \t")
        times = _TIMES.match(line)
        if line.startswith("#") or times is None or _ASSIGNED.fullmatch(line):
            continue
        command = line[times.end() :]
        if system:
            user, _, command = command.replace("\t", " ").partition(" ")
            if user != "root":
                continue
        yield re.split(r"(?<!\\)%", command, maxsplit=1)[0]  # what follows % is standard input


def _anacron(file: FileEntry) -> Iterator[str]:
    for raw in file.lines:
        parts = raw.strip().split(None, 3)
        if len(parts) == 4 and not parts[0].startswith("#") and "=" not in parts[0]:
            yield parts[3]


def _unit(file: FileEntry) -> Iterator[str]:
    """The commands that a unit runs as root; see systemd.service(5).

    Raises ValueError for a drop-in that does not say as whom.
    """
    text = re.sub(r"\\\n\s*", " ", "\n".join(file.lines))
    user = re.findall(r"^[ \t]*User[ \t]*=[ \t]*(\S*)", text, re.MULTILINE)
    found = re.findall(r"^[ \t]*Exec\w+[ \t]*=[ \t]*([-@:+!|]*)[ \t]*(\S.*)$", text, re.MULTILINE)
    if found and not user and ".service.d/" in file.path:
        raise ValueError(file.path)
    for mark, command in found:
        if not user or user[-1] in ("", "root", "0") or "+" in mark:
            yield command.split(None, 1)[0] if "@" in mark else command


def _commands(file: FileEntry) -> Iterator[str]:
    if "/systemd/" in file.path:
        return _unit(file)
    if file.path == "/etc/anacrontab":
        return _anacron(file)
    if file.path == "/etc/ld.so.preload":
        return iter(" ; ".join(file.lines).replace(":", " ; ").split(" ; "))
    return _cron(file)


_LONGEST = 4096


def _named(file: FileEntry) -> tuple[list[str], bool]:
    """The programs that `file` names, and whether all its commands could be followed."""
    found: list[str] = []
    clear = True
    if any(len(line) > _LONGEST for line in file.lines):
        return found, False
    try:
        for command in _commands(file):
            try:
                found += programs(command)
            except ValueError:
                clear = False
    except ValueError:
        clear = False
    return found, clear


_ESCAPED = re.compile(r"\\([0-7]{3})")


def _mounts(text: str) -> tuple[str, ...]:
    """The mount points of /proc/self/mountinfo whose file systems are not looked into."""
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split(None, 1)
        if len(fields) > 4 and kind and kind[0] not in LOCAL:
            found.append(_ESCAPED.sub(lambda m: chr(int(m[1], 8)), fields[4]))
    return tuple(sorted(found))


def parse_root_runs(answers: Answers) -> RootRuns | Partial:
    """What the tables of cron and the units of the site name; partial where some are not read."""
    starts: dict[tuple[str, str], Start] = {}
    unclear, problems = [], []
    for name in ("cron", "units"):
        answer = answers[name]
        for file in answer.files:
            if file.status is FileStatus.NOT_PRESENT:
                continue
            if file.status is not FileStatus.READ:
                problems.append(msg("{path} could not be read", path=file.path))
                continue
            found, clear = _named(file)
            starts |= {(p, file.path): Start(path=p, where=file.path) for p in found}
            unclear += [] if clear else [file.path]
        if answer.truncated:
            problems.append(msg("There are more files than are read"))
    mounts = answers["mounts"]
    made = RootRuns(
        starts=tuple(starts[key] for key in sorted(starts)),
        unclear=tuple(dict.fromkeys(unclear)),
        elsewhere=_mounts(mounts.text) if mounts is not None else (),
    )
    return partial(made, problems)


ROOT_RUNS = fact(
    "linux.root-runs",
    RootRuns,
    asks={
        "cron": ReadFiles(
            paths=(
                "/etc/crontab", "/etc/cron.d", "/etc/anacrontab", "/var/spool/cron/root",
                "/var/spool/cron/crontabs/root", "/var/spool/cron/tabs/root",
                "/etc/ld.so.preload",
            ),
            depth=1, privilege=Privilege.ROOT, partial_ok=True,
        ),
        "units": ReadFiles(
            paths=("/etc/systemd/system", "/usr/local/lib/systemd/system"),
            names=("*.service", "*.conf"), depth=2, partial_ok=True,
        ),
        "mounts": ReadFile(path="/proc/self/mountinfo"),
    },
    parse=parse_root_runs,
)  # fmt: skip


def _above(path: str) -> list[str]:
    """`path` and the directories above it."""
    return [path, *(str(p) for p in PurePosixPath(path).parents)]


def _others(entry: Entry, groups: Groups | None) -> Message | None:
    """Who besides root may change `entry`; None for nobody."""
    if entry.uid != 0:
        return msg("{path} belongs to uid {uid}", path=entry.path, uid=entry.uid)
    if entry.open_to_all:
        return msg("{path} is open to every account", path=entry.path)
    if entry.bits & 0o020 and entry.gid != 0 and not entry.bits & 0o1000:
        names = [n for n, gid in groups.gids.items() if gid == entry.gid] if groups else []
        told = groups.members if groups else {}
        members = [m for n in names for m in told.get(n, ()) if m != "root"]
        if members:
            return msg("{path} is open to group {group}: {names}", path=entry.path,
                       group=names[0], names=capped(dict.fromkeys(members)))  # fmt: skip
    return None


def _replaceable(starts: Iterable[Start], sweep: Sweep, groups: Groups | None) -> list[Message]:
    by_path = {entry.path: entry for entry in sweep.entries}
    found = []
    for start in starts:
        entries = [by_path[p] for p in _above(start.path) if p in by_path]
        why = [w for w in (_others(entry, groups) for entry in entries) if w is not None]
        if why:
            found.append(msg("{path} ({where}): {why}", path=start.path, where=start.where,
                             why=why[-1]))  # fmt: skip
    return found


@check(
    "linux.root-runs-safe",
    needs=(ROOT_RUNS, first_of(SWEEP, SEEN), known_or_absent(optional(GROUPS))),
    severity=Severity.HIGH,
    remedy=msg("Make root the owner of the named programs and of the directories above them, and "
               "take the write permission from others (chown root, chmod go-w)"),
)  # fmt: skip
def root_runs_safe(runs: RootRuns, sweep: Sweep, groups: Groups | Absent | None) -> Judgement:
    """Nobody but root can replace the programs that root's cron jobs and units start."""
    bad = _replaceable(runs.starts, sweep, known(groups))
    expected = msg("programs and the directories above them belong to root and only root may write")
    if bad:
        detail = msg("{count} programs that root starts can be replaced by others: {names}",
                     count=len(bad), names=capped_messages(bad))  # fmt: skip
        return failed(detail, expected=expected)
    seen = msg("{count} programs: {names}", count=len(runs.starts),
               names=capped(dict.fromkeys(s.path for s in runs.starts)))  # fmt: skip
    outside = tuple(f"{point.rstrip('/')}/" for point in runs.elsewhere if point != "/")
    unseen = [
        s.path for s in runs.starts
        if s.path.startswith(outside) or s.path.count("/") > DEPTH
    ]  # fmt: skip
    doubts = []
    if runs.unclear:
        doubts.append(msg("Commands that could not be followed are in: {names}",
                          names=capped(runs.unclear)))  # fmt: skip
    if unseen:
        doubts.append(msg("Not looked at, too deep or not on a local file system: {names}",
                          names=capped(dict.fromkeys(unseen))))  # fmt: skip
    if doubts:
        return undetermined(seen, *doubts, expected=expected)
    return passed(seen, expected=expected)


FACTS = (ROOT_RUNS,)
CHECKS = (root_runs_safe,)
