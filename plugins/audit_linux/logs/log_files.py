"""The files under /var/log and their permissions."""

from __future__ import annotations

import re
import stat

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answers,
    ParseError,
    Partial,
    Severity,
    capped,
    check,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    not_applicable,
    not_present,
    optional,
    partial,
    passed,
    present,
    read_rows,
    undetermined,
    verbatim,
)
from audit_core.model import Answer, Command, Judgement, Message, Privilege, Reason
from audit_linux.clock import CLOCK, seconds
from audit_linux.logs.log_acls import LOG_ACLS, Acl, Entry
from audit_linux.processes import FIRST_PERSON
from audit_linux.ssh.sshd_match import NAMES, Names

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
    """Files and folders under /var/log, six deep, and the host's time when it was listed.

    `links` are the paths of symbolic links, `filesystem` the type that /var/log lies on, empty
    where it was not told.
    """

    now: int
    files: tuple[LogFile, ...]
    links: tuple[str, ...] = ()
    filesystem: str = ""


DEPTH = 6
SECURITY_LOGS = ("auth.log", "secure", "syslog", "messages")
# Below journal/remote lie the records of other hosts, in user-1000.journal those of a person.
SYSTEM_JOURNAL = re.compile(r"journal/[0-9a-f]{32}/system[^/]{0,120}\.journal~?")


_RECORD = re.compile(
    r"([0-7]{1,5})_(f|d|l)_(\d{1,10})_(\d{1,10})_(\d{1,18})_(-?\d{1,12})(?:\.[-\d]{1,12})?"
    r"_(-?\d{0,12})(?:\.[-\d]{1,12})?_(.*)",
    re.ASCII | re.DOTALL,
)


def _log_file(record: str) -> tuple[str, LogFile]:
    match = _RECORD.fullmatch(record)
    if match is None or "[redacted:" in record:  # a cut may have swallowed whole records
        raise ParseError(msg("not a file record: {record}", record=verbatim(record)))
    mode, kind, uid, gid, size, changed, born, path = match.groups()
    return kind, LogFile(
        path=path, folder=kind == "d", mode=int(mode, 8), uid=int(uid), gid=int(gid),
        size=int(size), changed=int(changed), born=max(int(born or 0), 0),
    )  # fmt: skip


def _records(text: str) -> tuple[list[tuple[str, LogFile]], list[Message]]:
    """Each record of find with its kind (f, d or l), and what could not be read."""
    rows, problems = read_rows(enumerate(_whole_records(text), 1), _log_file)
    return (_placed(rows) if problems else rows), problems


def _whole_records(text: str) -> list[str]:
    # The top folder has an empty path, so its record ends in `_` and the next follows at once.
    *parts, rest = text.split("//")
    if rest:
        raise ParseError(msg("the last record is incomplete"))
    return parts


def _placed(rows: list[tuple[str, LogFile]]) -> list[tuple[str, LogFile]]:
    """Those below folders that were read: one that was not may be closed to others."""
    folders = {file.path for kind, file in rows if kind == "d"}

    def ways(path: str) -> set[str]:
        parts = path.split("/")
        return {"/".join(parts[:deep]) for deep in range(len(parts))}

    return [row for row in rows if not row[1].path or ways(row[1].path) <= folders]


# Logs of single programs may be closed to this account; without these nothing can be said.
_NEEDED = re.compile(rb"find: ['\"]?(/var/log(?:/journal[^'\"]{0,200})?)['\"]?: Permission denied")


def parse_log_tree(answers: Answers) -> LogTree | Partial | Absent:
    """The files that `find` listed, with the host's time.

    NOT_PERMITTED when /var/log itself or the journal's folder may not be listed.
    """
    listing = answers["files"]
    closed = _NEEDED.findall(listing.stderr)
    if closed:
        paths = capped(path.decode("utf-8", "surrogateescape") for path in closed)
        detail = msg("Cannot read {paths}", paths=paths)
        return Absent(reason=Reason.NOT_PERMITTED, detail=detail)
    records, problems = _records(listing.text)
    if not records:
        raise ParseError(msg("the list is empty"))
    tree = LogTree(
        now=seconds(answers["clock"]),
        files=tuple(file for kind, file in records if kind != "l"),
        links=tuple(file.path for kind, file in records if kind == "l"),
        filesystem=answers["filesystem"].text.strip(),
    )
    return partial(tree, problems)


# Exit status 1: some folder may not be looked into, which its own record shows.
LOG_TREE = fact(
    "linux.log-files",
    LogTree,
    kind="host",
    asks={
        "clock": CLOCK,
        "filesystem": Command(argv=("stat", "-f", "-L", "-c", "%T", "/var/log")),
        "files": Command(
            argv=(
                "find",
                "-H",
                "/var/log",
                "-maxdepth",
                str(DEPTH),
                "(",
                "-type",
                "f",
                "-o",
                "-type",
                "d",
                "-o",
                "-type",
                "l",
                ")",
                "-printf",
                FORMAT,
            ),
            limit=8 << 20,
            ok=(0, 1),
        ),
    },
    parse=parse_log_tree,
)


def parse_audit_files(answer: Answer) -> tuple[LogFile, ...] | Partial | Absent:
    """The files of /var/log/audit; NOT_PRESENT when there is no such folder."""
    if answer.exit_code != 0:
        if b"No such file or directory" in answer.stderr and not answer.stdout:
            return not_present(msg("There is no directory {path}", path="/var/log/audit"))
        raise ParseError(msg("find could not list /var/log/audit"))
    rows, problems = read_rows(enumerate(_whole_records(answer.text), 1), _log_file)
    return partial(tuple(file for _, file in rows), problems)


AUDIT_FILES = fact(
    "linux.audit-files",
    tuple[LogFile, ...],
    kind="host",
    ask=Command(
        argv=("/usr/bin/find", "/var/log/audit", "-maxdepth", "1", "-type", "f", "-printf", FORMAT),
        privilege=Privilege.ROOT,
        ok=(0, 1),
    ),
    parse=parse_audit_files,
)


def is_log(path: str, name: str) -> bool:
    """True for `name` itself and its rotated copies: auth.log.2.gz, messages-20261123."""
    return path == name or path.startswith((f"{name}.", f"{name}-"))


# --- modes --------------------------------------------------------------------------------------

# Records of logins and privilege: nobody but root and the log group may read them.
_PRIVATE = re.compile(r"(?:auth\.log|secure|syslog|messages)(?![a-z])|(?:audit|journal)(?:/|$)")
# SplitMode=uid in journald.conf(5), with copies that were rotated or not closed well.
_USER_JOURNAL = re.compile(r"journal/[^/]+/user-([0-9]{1,10})(?:@[^/]+)?\.journal~?")
_USERS = 100  # the group `users`, which holds everybody on SUSE
# What these file systems grant by access lists of their own, neither modes nor getfacl tell.
_FOREIGN = re.compile(r"nfs\d?|cifs|smb.*|fuse.*|ceph|afs|gfs.*|v9fs|9p", re.ASCII)


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


def _owned(tree: LogTree) -> list[str]:
    """Records of logins, and the folders they lie in, that belong to a person."""
    return [
        f"/var/log/{f.path} ({f.mode:04o}, uid {f.uid}, gid {f.gid})" for f in tree.files
        if (not f.path or _PRIVATE.match(f.path))
        and (f.uid >= FIRST_PERSON or (_of_people(f.gid) and f.mode & stat.S_IWGRP))
    ]  # fmt: skip


def _of_people(gid: int) -> bool:
    return gid >= FIRST_PERSON or gid == _USERS


def _of_person(entry: Entry) -> bool:
    return _of_people(entry.id) if entry.group else entry.id >= FIRST_PERSON


def _granted(acls: tuple[Acl, ...]) -> list[str]:
    """What access lists let people change, whatever the modes say."""
    return [
        f"/var/log/{acl.path} (ACL: {entry.text})"
        for acl in acls for entry in acl.entries if "w" in entry.rights and _of_person(entry)
    ]  # fmt: skip


def _readers(tree: LogTree, acls: tuple[Acl, ...]) -> list[str]:
    """Who besides root and the log groups may read records of logins, or services change them.

    An auditor may be meant to: what nobody has decided here is not judged. A list that lets people
    into a closed folder opens what is below it, too.
    """
    closed = _closed(tree)
    groups = [
        f"/var/log/{f.path} ({f.mode:04o}, gid {f.gid})" for f in tree.files
        if not f.folder and _PRIVATE.match(f.path) and _of_people(f.gid) and f.mode & stat.S_IRGRP
    ]  # fmt: skip
    guarded = [a for a in acls if _PRIVATE.match(a.path) or f"{a.path}/" in ("/", *closed)]
    lists = [
        f"/var/log/{acl.path} (ACL: {entry.text})"
        for acl in guarded for entry in acl.entries if _lets_in(acl, entry)
    ]  # fmt: skip
    return groups + lists


def _lets_in(acl: Acl, entry: Entry) -> bool:
    """Whether an entry lets a person read, or anybody write, more than one's own journal."""
    given = (_of_person(entry) and entry.rights != "---") or "w" in entry.rights
    return given and not _own_journal(acl, entry)


def _own_journal(acl: Acl, entry: Entry) -> bool:
    """Whether this is what systemd lets everybody read: the journal of one's own processes."""
    journal = _USER_JOURNAL.fullmatch(acl.path)
    if journal is None or entry.group:
        return False
    return (str(entry.id), entry.rights) == (journal[1], "r--")


def _untold(acls: tuple[Acl, ...]) -> list[str]:
    """Lists of which only the + was seen; on a file that others may read one without w is none."""
    return [
        f"/var/log/{acl.path}" for acl in acls
        if not acl.entries_known and (acl.folder or _PRIVATE.match(acl.path) or "w" in acl.mask)
    ]  # fmt: skip


def _hidden(tree: LogTree) -> list[str]:
    """Where files lie that others may reach, and that were not seen.

    Folders that others may enter and not list, folders too deep, links in the place of records.
    """
    closed = _closed(tree)
    folders = [
        f.path for f in tree.files
        if f.folder and f.mode & stat.S_IXOTH and not f.path.startswith(closed)
        and (not f.mode & stat.S_IROTH or f.path.count("/") == DEPTH - 1)
    ]  # fmt: skip
    return [f"/var/log/{path}" for path in (*folders, *filter(_PRIVATE.match, tree.links))]


def _doubts(tree: LogTree, acls: tuple[Acl, ...]) -> tuple[Message, ...]:
    """Reasons against a pass."""
    hidden, untold, readers = _hidden(tree), _untold(acls), _readers(tree, acls)
    return present(
        msg("The contents of these were not checked: {paths}", paths=capped(hidden))
        if hidden
        else None,
        msg(
            "These have an access list that cannot be read because getfacl is not installed: "
            "{paths}",
            paths=capped(untold),
        )
        if untold
        else None,
        msg(
            "Accounts or groups other than root and the log group have permissions here; "
            "whether that is intended is not known: {paths}",
            paths=capped(readers),
        )
        if readers
        else None,
        msg("Access lists of a file system of type {type} were not checked", type=tree.filesystem)
        if _FOREIGN.fullmatch(tree.filesystem)
        else None,
    )


def _recorded(tree: LogTree) -> bool:
    """Whether there are records to protect, or a directory of them that cannot be read."""
    closed = _closed(tree)
    return any(
        _PRIVATE.match(f.path) and (f"{f.path}/" in closed if f.folder else f.size > 0)
        for f in tree.files
    )


@check(
    "linux.log-file-modes",
    needs=(LOG_TREE, LOG_ACLS, known_or_absent(optional(NAMES))),
    severity=Severity.MEDIUM,
    version=6,
    remedy=msg(
        "chmod o-w on log files; chmod o-r on auth.log, secure, syslog, messages and audit; "
        "setfacl -x for accounts of people"
    ),
)
def log_file_modes(
    tree: LogTree,
    acls: tuple[Acl, ...],
    names: Names | Absent | None,
) -> Judgement:
    """Unprivileged accounts can neither change log files nor read logs of logins."""
    expected = msg("no log file writable by others; auth.log, secure, syslog, messages, journal "
                   "and audit not readable by others")  # fmt: skip
    closed = _closed(tree)
    folders = [
        f"/var/log/{f.path} ({f.mode:04o})" for f in tree.files
        if f.folder and f.mode & stat.S_IWOTH and not f.mode & stat.S_ISVTX
        and not f.path.startswith(closed)
    ]  # fmt: skip
    wrong = _loose(tree) + folders + _owned(tree) + _granted(acls)
    if wrong:
        detail = msg("{count} of {all} are open to others: {paths}", count=len(wrong),
                   all=len(tree.files), paths=capped(wrong))  # fmt: skip
        return failed(detail, expected=expected)
    if doubts := _doubts(tree, acls):
        return undetermined(*doubts, expected=expected)
    if not _recorded(tree):
        return not_applicable(msg("There are no login, system or audit logs under /var/log"))
    detail = msg("{count} files and directories under /var/log: others may write none of them, "
                 "and may read no login, system or audit log", count=len(tree.files))  # fmt: skip
    lists = msg("Access lists that name no person's account: {paths}",
                paths=capped(f"/var/log/{acl.path}" for acl in acls))  # fmt: skip
    readers = _members(known(names))
    return passed(detail, *((lists,) if acls else ()), *readers, expected=expected)


# By their packages these groups may read logs (Debian, systemd).
_READING_GROUPS = ("adm", "systemd-journal")


def _members(names: Names | None) -> tuple[Message, ...]:
    """Who may read logs as a member of a group, for the record."""
    found = [
        f"{group}: {who}"
        for who, groups in sorted(names.groups_of.items() if names else ())
        for group in _READING_GROUPS
        if group in groups
    ]
    return (msg("May read logs as members of a group: {names}", names=capped(found)),) * bool(found)


FACTS = (LOG_TREE, AUDIT_FILES, LOG_ACLS)
CHECKS = (log_file_modes,)
