"""Log files: who may read and change them, how long they are kept, where else they go."""

from __future__ import annotations

import re
import stat
from typing import Annotated

from msgspec import Struct

from audit_core.model import Answer, Command, Judgement, Message, Privilege, Reason
from audit_core.sdk import (
    Absent,
    ParseError,
    Severity,
    Up,
    check,
    expect,
    fact,
    failed,
    msg,
    not_applicable,
    not_present,
    optional,
    passed,
    undetermined,
)
from audit_linux.system._common import (
    DAY,
    ConfFile,
    capped,
    conf_request,
    parse_conf,
    script,
    whole_number,
)  # fmt: skip

# A name cannot hold `/`, so `//` ends a record whatever the names are; no `%s` needs quoting.
FORMAT = "%m_%y_%U_%G_%s_%T@_%B@_%P//"


class LogFile(Struct, frozen=True, kw_only=True):
    """A file or folder under /var/log. Times are seconds of the host's clock, `born` 0 unknown."""

    path: str
    folder: bool
    mode: int
    uid: int
    gid: int
    size: int
    changed: int
    born: int


class LogTree(Struct, frozen=True, kw_only=True):
    """Files and folders under /var/log, three deep, and the host's time when it was listed."""

    now: int
    files: tuple[LogFile, ...]


_RECORD = re.compile(
    r"([0-7]{1,5})_(f|d)_(\d{1,10})_(\d{1,10})_(\d{1,18})_(-?\d{1,12})(?:\.[-\d]{1,12})?"
    r"_(-?\d{0,12})(?:\.[-\d]{1,12})?_(.*)",
    re.ASCII | re.DOTALL,
)


def _log_file(record: str) -> LogFile:
    match = _RECORD.fullmatch(record)
    if match is None:
        raise ParseError(f"not a file record: {record[:80]!r}")
    mode, kind, uid, gid, size, changed, born, path = match.groups()
    return LogFile(
        path=path, folder=kind == "d", mode=int(mode, 8), uid=int(uid), gid=int(gid),
        size=int(size), changed=int(changed), born=max(int(born or 0), 0),
    )  # fmt: skip


def _records(text: str) -> tuple[LogFile, ...]:
    parts = text.split("//")
    if "[redacted:" in text:  # a cut may have swallowed whole records
        raise ParseError("a secret was cut out of the list")
    if parts.pop() != "":
        raise ParseError("the last record is not whole")
    # The top folder has an empty path, so its record ends in `_` and the next follows at once.
    return tuple(_log_file(part) for part in parts)


# Logs of single programs may be closed to this account; without these nothing can be said.
_NEEDED = re.compile(rb"find: ['\"]?(/var/log(?:/journal[^'\"]{0,200})?)['\"]?: Permission denied")


def parse_log_tree(answer: Answer) -> LogTree | Absent:
    """The files that `find` listed after the host's time.

    NOT_PERMITTED when /var/log itself or the journal's folder may not be listed.
    """
    closed = _NEEDED.findall(answer.stderr)
    if closed:
        paths = capped(path.decode("utf-8", "surrogateescape") for path in closed)
        said = msg("Cannot read {paths}", paths=paths)
        return Absent(reason=Reason.NOT_PERMITTED, said=said)
    head, newline, rest = answer.text.partition("\n")
    if not newline or not rest:
        raise ParseError("the list is empty")
    return LogTree(now=whole_number(head, most=1 << 40), files=_records(rest))


# Exit status 1: some folder may not be looked into, which its own record shows.
LOG_TREE = fact(
    "linux.log-files",
    LogTree,
    ask=script(
        f"date +%s && find -H /var/log -maxdepth 3 '(' -type f -o -type d ')' -printf '{FORMAT}'",
        limit=8 << 20,
        ok=(0, 1),
    ),
    parse=parse_log_tree,
)


def parse_audit_files(answer: Answer) -> tuple[LogFile, ...] | Absent:
    """The files of /var/log/audit; NOT_PRESENT when there is no such folder."""
    if answer.exit_code != 0:
        if b"No such file or directory" in answer.stderr and not answer.stdout:
            return not_present(msg("There is no folder {path}", path="/var/log/audit"))
        raise ParseError("find could not list /var/log/audit")
    return _records(answer.text)


AUDIT_FILES = fact(
    "linux.audit-files",
    tuple[LogFile, ...],
    ask=Command(
        argv=("/usr/bin/find", "/var/log/audit", "-maxdepth", "1", "-type", "f", "-printf", FORMAT),
        privilege=Privilege.ROOT,
        ok=(0, 1),
    ),
    parse=parse_audit_files,
)


def parse_host_since(answer: Answer) -> int | Absent:
    """When this installation began, in seconds: machine-id, else an SSH host key, else `/`."""
    found: dict[str, tuple[int, int]] = {}
    for line in answer.lines:
        match = re.fullmatch(r"(\d{1,12})_(\d{1,12})_(/.*)", line, re.ASCII)
        if match is None:
            raise ParseError(f"not a stamp: {line[:80]!r}")
        found[match[3]] = (int(match[1]), int(match[2]))
    stamps = [found.get("/etc/machine-id", (0, 0))[1]]
    stamps.append(found.get("/etc/ssh/ssh_host_ed25519_key.pub", (0, 0))[1])
    stamps.append(found.get("/", (0, 0))[0])
    since = next((s for s in stamps if s > 0), 0)
    return since or not_present(msg("Nothing tells when this host was installed"))


HOST_SINCE = fact(
    "linux.installed-at",
    int,
    ask=script(
        "stat -c %W_%Y_%n / /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub 2>/dev/null; exit 0"
    ),
    parse=parse_host_since,
)

# --- modes --------------------------------------------------------------------------------------

# Records of logins and privilege: nobody but root and the log group may read them.
_PRIVATE = re.compile(r"(?:auth\.log|secure|syslog|messages)(?![a-z])|audit/")


def _closed(tree: LogTree) -> tuple[str, ...]:
    """Folders that others may not enter: what is below them is out of reach."""
    return tuple(
        f"{f.path}/" for f in tree.files if f.folder and f.path and not f.mode & stat.S_IXOTH
    )


def _loose(tree: LogTree) -> list[str]:
    closed = _closed(tree)
    loose = []
    for file in tree.files:
        if file.folder or file.path.startswith(closed):
            continue
        private = _PRIVATE.match(file.path) and file.mode & stat.S_IROTH
        if file.mode & stat.S_IWOTH or private:
            loose.append(f"/var/log/{file.path} ({file.mode:04o})")
    return loose


def _hidden(tree: LogTree) -> list[str]:
    """Folders others may enter and not list: their files are reachable, and were not seen."""
    return [
        f"/var/log/{f.path}" for f in tree.files
        if f.folder and f.mode & stat.S_IXOTH and not f.mode & stat.S_IROTH
    ]  # fmt: skip


@check(
    "linux.log-file-modes",
    needs=LOG_TREE,
    severity=Severity.MEDIUM,
    remedy=msg("chmod o-w on log files; chmod o-r on auth.log, secure, syslog, messages and audit"),
)
def log_file_modes(tree: LogTree) -> Judgement:
    """No account without privilege can change log files or read those about logins."""
    expected = msg("no log file writable by others; login and audit records not readable by others")
    loose, hidden = _loose(tree), _hidden(tree)
    folders = [
        f"/var/log/{f.path} ({f.mode:04o})" for f in tree.files
        if f.folder and f.mode & stat.S_IWOTH and not f.mode & stat.S_ISVTX
        and not f.path.startswith(_closed(tree))
    ]  # fmt: skip
    wrong = loose + folders
    if wrong:
        said = msg("{count} of {all} are open to others: {paths}", count=len(wrong),
                   all=len(tree.files), paths=capped(wrong))  # fmt: skip
        return failed(said, expected=expected)
    if hidden:
        said = msg("Cannot list these folders: {paths}", paths=capped(hidden))
        return undetermined(said, expected=expected)
    said = msg("{count} files and folders under /var/log, none open to others",
               count=len(tree.files))  # fmt: skip
    return passed(said, expected=expected)


# --- how long -----------------------------------------------------------------------------------

# Six months in a row have 181 days or more, so 30 days a month never says too much for six.
_PERIOD = {"hourly": 0, "daily": 1, "weekly": 7, "monthly": 30, "yearly": 365, "annually": 365}
_SECURITY_LOGS = ("auth.log", "secure", "syslog", "messages")


class Rotation(Struct, frozen=True, kw_only=True):
    """How logrotate keeps the files of one stanza. `days` None: not told by time."""

    paths: tuple[str, ...]
    days: int | None
    words: str


def _wordlists(lines: tuple[str, ...]) -> list[list[str]]:
    """Directives word by word, comments and the bodies of scripts left out."""
    every, inside = [], False
    for line in lines:
        words = line.replace("{", " { ").replace("}", " } ").split()
        if inside:
            inside = words[:1] != ["endscript"]
            continue
        if len(words) > 1000:
            raise ParseError(f"a line of {len(words)} words")
        if words and not words[0].startswith("#"):
            inside = words[0] in ("postrotate", "prerotate", "firstaction", "lastaction",
                                  "preremove")  # fmt: skip
            every.append(words)
    return every


def _days(settings: dict[str, str]) -> int | None:
    """Days that rotation keeps; None when a size decides or the values are not plain."""
    if {"size", "maxsize"} & set(settings):
        return None
    count, period = settings.get("rotate", "0"), settings.get("period", "")
    if period not in _PERIOD or not re.fullmatch(r"-1|\d{1,6}", count, re.ASCII):
        return None
    days = 1 << 20 if count == "-1" else _PERIOD[period] * int(count)
    limit = settings.get("maxage", "")
    return min(days, int(limit)) if re.fullmatch(r"\d{1,6}", limit, re.ASCII) else days


def _apply(words: list[str], settings: dict[str, str]) -> None:
    if words[0] in _PERIOD:
        settings["period"] = words[0]
        settings.pop("size", None)
    elif words[0] in ("rotate", "size", "maxsize", "maxage"):
        settings[words[0]] = words[1] if len(words) > 1 else ""


def _stanzas(file: ConfFile, defaults: dict[str, str]) -> list[Rotation]:
    found: list[Rotation] = []
    paths: list[str] = []
    local: dict[str, str] | None = None
    for words in _wordlists(file.lines):
        while words:
            if local is None and "{" in words:
                at = words.index("{")
                paths, local = [*paths, *words[:at]], dict(defaults)
                words = words[at + 1 :]
            elif local is not None and "}" in words:
                at = words.index("}")
                if words[:at]:
                    _apply(words[:at], local)
                text = ", ".join(f"{k} {v}" for k, v in sorted(local.items()))
                names = tuple(p.strip("\"'") for p in paths)
                found.append(Rotation(paths=names, days=_days(local), words=text))
                paths, local, words = [], None, words[at + 1 :]
            else:
                if local is not None:
                    _apply(words, local)
                elif words[0].startswith(("/", '"', "'")):
                    paths += words
                else:
                    _apply(words, defaults)
                words = []
    if local is not None:
        raise ParseError(f"a stanza of {file.path[:80]!r} has no end")
    return found


# Left-overs that logrotate passes over: tabooext in logrotate(8).
_TABOO = (
    ",v", ".bak", ".cfsaved", ".disabled", ".dpkg-bak", ".dpkg-del", ".dpkg-dist", ".dpkg-new",
    ".dpkg-old", ".dpkg-tmp", ".rhn-cfg-tmp-", ".rpmnew", ".rpmorig", ".rpmsave", ".swp",
    ".ucf-dist", ".ucf-new", ".ucf-old", "~",
)  # fmt: skip


def parse_rotations(answer: Answer) -> tuple[Rotation, ...] | Absent:
    """The stanzas of logrotate.conf and logrotate.d; the former's settings hold for the latter."""
    files = parse_conf(answer)
    if isinstance(files, Absent):
        return files
    defaults: dict[str, str] = {}
    main = [f for f in files if f.path == "/etc/logrotate.conf"]
    rest = [f for f in files if f.path != "/etc/logrotate.conf" and not f.path.endswith(_TABOO)]
    return tuple(r for f in (*main, *rest) for r in _stanzas(f, defaults))


ROTATIONS = fact(
    "linux.logrotate",
    tuple[Rotation, ...],
    ask=conf_request(("/etc/logrotate.conf",), (("/etc/logrotate.d", "*"),)),
    parse=parse_rotations,
)


def _is_log(path: str, name: str) -> bool:
    """True for `name` itself and its rotated copies: auth.log.2.gz, messages-20261123."""
    return path == name or path.startswith((f"{name}.", f"{name}-"))


def _covers(rotation: Rotation, name: str) -> bool:
    full = f"/var/log/{name}"
    return any(p in (full, "/var/log/*", f"/var/log/*.{name.rpartition('.')[2]}")
               for p in rotation.paths)  # fmt: skip


def _keeping(present: list[str], rotations: tuple[Rotation, ...]) -> dict[str, Rotation | None]:
    """The stanza of each log; of several the one that promises least, an unclear one first."""

    def promise(rotation: Rotation) -> int:
        return -1 if rotation.days is None else rotation.days

    return {
        name: min((r for r in rotations if _covers(r, name)), key=promise, default=None)
        for name in present
    }


@check(
    "linux.log-retention",
    needs=(LOG_TREE, optional(ROTATIONS)),
    severity=Severity.HIGH,
    remedy=msg("In logrotate keep at least 180 days, e.g. weekly with rotate 26"),
)
def log_retention(
    tree: LogTree, rotations: tuple[Rotation, ...] | None, *, min_days: Annotated[int, Up] = 180
) -> Judgement:
    """The settings keep the system log at least 180 days."""
    expected = msg("kept at least {days} days", days=min_days)
    present = [n for n in _SECURITY_LOGS if any(f.path == n and not f.folder for f in tree.files)]
    if not present:
        said = msg(
            "There is none of {names} under /var/log; the journal is kept by size, not by time",
            names=_SECURITY_LOGS,
        )
        return undetermined(said, expected=expected)
    keeping = _keeping(present, rotations or ())
    told = tuple(_kept(name, rotation) for name, rotation in keeping.items())
    if any(r is not None and r.days is not None and r.days < min_days for r in keeping.values()):
        return failed(*told, expected=expected)
    # Without a stanza nothing throws the file away, or something does that was not asked.
    if any(r is None or r.days is None for r in keeping.values()):
        return undetermined(*told, expected=expected)
    return passed(*told, expected=expected)


def _kept(name: str, rotation: Rotation | None) -> Message:
    if rotation is None:
        return msg("/var/log/{name}: no logrotate stanza", name=name)
    if rotation.days is None:
        return msg("/var/log/{name}: kept by size, not by time ({words})", name=name,
                   words=rotation.words)  # fmt: skip
    return msg("/var/log/{name}: kept {days} days ({words})", name=name, days=rotation.days,
               words=rotation.words)  # fmt: skip


class Reach(Struct, frozen=True, kw_only=True):
    """How far back the records of one log go: between `least` and `most` days."""

    log: str
    least: int
    most: int


_JOURNAL = re.compile(
    r"journal/[0-9a-f]{32}/system@[0-9a-f]{32}-[0-9a-f]{16}-([0-9a-f]{16})\.journal"
)
_UNKNOWN = 1 << 20
_MONTH = 31  # days: the longest common rotation, hence what one file may span unseen


def _began(file: LogFile, renamed: bool) -> tuple[int, int]:
    """The first record of `file` was written between these two times (0: no earliest known).

    The time of change is that of the last record. A file that is rotated by renaming is born with
    its first record; where `copytruncate` may be used, the birth only says nothing is older.
    """
    journal = _JOURNAL.fullmatch(file.path)
    if journal:
        return (int(journal[1], 16) // 1_000_000,) * 2
    packed = file.path.endswith((".gz", ".xz", ".bz2", ".zst", ".lz4", ".lzma"))
    if not 0 < file.born <= file.changed or packed:
        return 0, file.changed
    return file.born, file.born if renamed else file.changed


def _reach(log: str, files: list[LogFile], now: int, *, renamed: bool) -> Reach | None:
    began = [_began(f, renamed) for f in files if f.size > 0]
    if not began:
        return None
    least = (now - min(latest for _, latest in began)) // DAY
    if all(earliest for earliest, _ in began):
        most = (now - min(earliest for earliest, _ in began)) // DAY
    else:
        most = least + _MONTH if len(began) > 1 else _UNKNOWN
    return Reach(log=log, least=least, most=most)


def _reaches(tree: LogTree, audit: tuple[LogFile, ...] | None) -> list[Reach]:
    files = [f for f in tree.files if not f.folder]
    system = [
        _reach(name, [f for f in files if _is_log(f.path, name)], tree.now, renamed=False)
        for name in _SECURITY_LOGS
    ]
    entries = [f for f in files if f.path.startswith("journal/")]
    journal = _reach("journal", entries, tree.now, renamed=True)
    # The system log counts once, by its longest copy; the audit trail has no second copy.
    copies = [r for r in (*system, journal) if r is not None]
    kernel = _reach("audit", list(audit or ()), tree.now, renamed=True)
    longest = [max(copies, key=lambda r: (r.least, r.most))] if copies else []
    return [*longest, *([kernel] if kernel else [])]


@check(
    "linux.log-oldest",
    needs=(LOG_TREE, optional(AUDIT_FILES), optional(HOST_SINCE)),
    severity=Severity.HIGH,
    remedy=msg("Keep more: raise rotate in logrotate, num_logs in auditd.conf, or send logs away"),
)
def log_oldest(
    tree: LogTree,
    audit: tuple[LogFile, ...] | None,
    since: int | None,
    *,
    min_days: Annotated[int, Up] = 180,
) -> Judgement:
    """The records on the host go back at least 180 days."""
    expected = msg("records of at least {days} days", days=min_days)
    reaches = _reaches(tree, audit)
    if not reaches:
        return failed(msg("No system log, journal or audit log with records"), expected=expected)
    told = tuple(msg("{log}: records of at least {days} days", log=r.log, days=r.least)
                 for r in reaches)  # fmt: skip
    short = [r for r in reaches if r.least < min_days]
    if not short:
        return passed(*told, expected=expected)
    if since is None:
        unknown = msg("Nothing tells when this host was installed")
        return undetermined(*told, unknown, expected=expected)
    age = (tree.now - since) // DAY
    if age < min_days:
        young = msg("The host was installed {days} days ago; its settings are judged by "
                    "linux.log-retention", days=age)  # fmt: skip
        return not_applicable(*told, young)
    host = msg("The host was installed {days} days ago", days=age)
    if any(r.most < min_days for r in short):
        return failed(*told, host, expected=expected)
    return undetermined(*told, host, expected=expected)


# --- elsewhere ----------------------------------------------------------------------------------


class JournalConf(Struct, frozen=True, kw_only=True):
    """journald's settings in force; an empty value is the default."""

    storage: str = ""
    max_retention: str = ""
    max_use: str = ""


def parse_journal_conf(answer: Answer) -> JournalConf | Absent:
    """The last value of each key over journald.conf and its drop-ins, in their order."""
    files = parse_conf(answer)
    if isinstance(files, Absent):
        return files
    values: dict[str, str] = {}
    for line in (line.strip() for f in _by_precedence(files) for line in f.lines):
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            values[key.strip()] = value.strip()
    return JournalConf(
        storage=values.get("Storage", ""),
        max_retention=values.get("MaxRetentionSec", ""),
        max_use=values.get("SystemMaxUse", ""),
    )


def _by_precedence(files: tuple[ConfFile, ...]) -> list[ConfFile]:
    """/usr's file, /etc's file, then drop-ins by name, /etc's hiding those of the same name."""
    drop = {}
    for folder in ("/usr/lib/", "/run/", "/etc/"):
        for file in files:
            if ".d/" in file.path and file.path.startswith(folder):
                drop[file.path.rpartition("/")[2]] = file
    main = sorted(
        (f for f in files if ".d/" not in f.path), key=lambda f: f.path.startswith("/etc")
    )
    return [*main[-1:], *(drop[name] for name in sorted(drop))]


JOURNAL_CONF = fact(
    "linux.journald-conf",
    JournalConf,
    ask=conf_request(
        ("/etc/systemd/journald.conf", "/usr/lib/systemd/journald.conf"),
        (
            ("/usr/lib/systemd/journald.conf.d", "*.conf"),
            ("/run/systemd/journald.conf.d", "*.conf"),
            ("/etc/systemd/journald.conf.d", "*.conf"),
        ),
    ),
    parse=parse_journal_conf,
)


@check(
    "linux.log-durable",
    needs=(LOG_TREE, optional(JOURNAL_CONF)),
    severity=Severity.MEDIUM,
    remedy=msg("Install rsyslog, or set Storage=persistent in journald.conf"),
)
def log_durable(tree: LogTree, journal: JournalConf | None) -> Judgement:
    """The system log is written to disk and outlives a restart."""
    expected = msg("a system log file with records, or a journal on disk")
    files = [f.path for f in tree.files if not f.folder and f.size > 0]
    text = [path for path in files if path in _SECURITY_LOGS]
    disk = [path for path in files if path.startswith("journal/")]
    storage = (journal.storage if journal else "") or "auto"
    said = msg("log files: {files}; journal files on disk: {count}; Storage={storage}",
               files=capped(text) or ("-",), count=len(disk), storage=storage)  # fmt: skip
    lasting = bool(disk) and storage in ("auto", "persistent")
    return expect(bool(text) or lasting, said=said, expected=expected)


FACTS = (LOG_TREE, AUDIT_FILES, HOST_SINCE, ROTATIONS, JOURNAL_CONF)
CHECKS = (log_file_modes, log_retention, log_oldest, log_durable)
