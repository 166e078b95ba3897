"""sudoers(5): who may do what as root, with aliases, tags and drop-ins resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Struct

from audit_core.sdk import (
    Absent,
    Answer,
    Judgement,
    Message,
    ParseError,
    ReadFile,
    Severity,
    Subset,
    check,
    fact,
    failed,
    listed,
    msg,
    not_applicable,
    not_present,
    optional,
    passed,
    undetermined,
)
from audit_linux.access._find import Blob, ask_files, parse_files
from audit_linux.access._text import names

_MAIN = "/etc/sudoers"
_DROP_INS = "/etc/sudoers.d/"
_MOST = 5000
_LONGEST = 65536


class Grant(Struct, frozen=True, kw_only=True):
    """One command that sudoers grants, with aliases resolved.

    `everything`: the command is ALL, a shell or a whole folder, so it is any command at all.
    """

    who: tuple[str, ...]
    runas: tuple[str, ...]
    command: str
    everything: bool
    no_password: bool


class Sudoers(Struct, frozen=True, kw_only=True):
    """What /etc/sudoers and its drop-ins grant.

    `exempt` are Defaults lines that switch authentication off. `unread` are lines or files
    that were not understood or not read: what they grant is unknown.
    """

    grants: tuple[Grant, ...]
    exempt: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def _logical(blob: Blob) -> Iterator[str]:
    pending: list[str] = []
    for raw in blob.lines:
        line = raw.rstrip("\r")
        if line.endswith("\\") and not line.endswith("\\\\"):
            pending.append(line[:-1])
            continue
        yield _bare("".join([*pending, line]))
        pending = []
    if pending:
        yield _bare("".join(pending))


_USER_ID = re.compile(r"#-?[0-9]")


def _bare(line: str) -> str:
    """The line without its comment; `#` before a digit is a user id, `\\#` is a character."""
    if re.match(r"\s*#(?:include|includedir)\s", line):
        return line.strip()
    quoted = False
    for at, char in enumerate(line):
        escaped = at > 0 and line[at - 1] == "\\"
        quoted ^= char == '"' and not escaped
        if char == "#" and not (quoted or escaped or _USER_ID.match(line, at)):
            return line[:at].strip()
    return line.strip()


def _split(text: str, separator: str) -> list[str]:
    """`text` cut at `separator` where it stands outside quotes, brackets and escapes."""
    parts, start, depth, quoted, at = [], 0, 0, False, 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "()":
            depth += 1 if char == "(" else -1
        elif not quoted and depth <= 0 and char == separator:
            parts.append(text[start:at].strip())
            start = at + 1
        at += 1
    return [*parts, text[start:].strip()]


_ALIAS = re.compile(r"(User|Runas|Host|Cmnd|Cmd)_Alias\s+")
_TAG = re.compile(
    r"(NOPASSWD|PASSWD|NOEXEC|EXEC|SETENV|NOSETENV|LOG_INPUT|NOLOG_INPUT|LOG_OUTPUT|NOLOG_OUTPUT"
    r"|MAIL|NOMAIL|FOLLOW|NOFOLLOW|INTERCEPT|NOINTERCEPT)\s*:\s*"
)
_OPTION = re.compile(
    r"(?:ROLE|TYPE|PRIVS|LIMITPRIVS|CWD|CHROOT|TIMEOUT|NOTBEFORE|NOTAFTER|APPARMOR_PROFILE)"
    r"\s*=\s*\S+\s*"
)
_DIGEST = re.compile(r"sha(?:224|256|384|512)\s*:\s*\S+\s+")
_RUNAS = re.compile(r"\(([^()]*)\)\s*")
_FOLDED = re.compile(r"\s*,\s*")


class _Unread(Exception):
    """This line is not understood."""


class _Reader:
    """Aliases and lines of all files; grants are made once every alias is known."""

    def __init__(self) -> None:
        self.aliases: dict[str, list[str]] = {}
        self.specs: list[str] = []
        self.exempt: list[str] = []
        self.unread: list[str] = []

    def take(self, line: str) -> None:
        alias = _ALIAS.match(line)
        if alias:
            for part in _split(line[alias.end() :], ":"):
                name, equals, members = part.partition("=")
                if not equals:
                    raise _Unread
                kept = self.aliases.setdefault(f"{alias[1][0]} {name.strip().rstrip('+')}", [])
                kept.extend(_split(members, ","))
        elif line.startswith("Defaults"):
            if not re.search(r"[\s,]!\s*authenticate(?:$|[\s,])|\bexempt_group\s*=", line):
                return
            if line.startswith("Defaults!"):  # for some commands only: which is not worked out
                raise _Unread
            if not re.match(r"Defaults:\s*root\s", line):
                self.exempt.append(line)
        else:
            self.specs.append(line)

    def expand(self, kind: str, members: list[str], depth: int = 0) -> list[str]:
        found: list[str] = []
        for member in members:
            inner = self.aliases.get(f"{kind} {member}")
            if inner is None:
                found.append(member)
            elif depth < 8:
                found.extend(self.expand(kind, inner, depth + 1))
            if depth >= 8 or len(found) > _MOST // 5:
                raise _Unread
        return found

    def grants(self, line: str) -> Iterator[Grant]:
        head, equals, rest = line.partition("=")
        users = re.findall(r'(?:"[^"]*"|\\.|[^\s"\\])+', _FOLDED.sub(",", head))
        if not equals or len(users) != 2:
            raise _Unread
        who = tuple(m for m in self.expand("U", _split(users[0], ",")) if not m.startswith("!"))
        yield from self._commands(who, rest)

    def _commands(self, who: tuple[str, ...], text: str) -> Iterator[Grant]:
        runas, no_password = ["root"], False
        waiting = _split(text, ",")[::-1]
        while waiting:
            part = waiting.pop()
            while found := (_OPTION.match(part) or _RUNAS.match(part) or _TAG.match(part)):
                if found.re is _RUNAS:
                    users = found[1].partition(":")[0].strip()
                    runas = self.expand("R", _split(users, ",")) if users else ["(self)"]
                elif found.re is _TAG and found[1] in ("NOPASSWD", "PASSWD"):
                    no_password = found[1] == "NOPASSWD"
                part = part[found.end() :]
            digest = _DIGEST.match(part)
            command, *others = _split(part[digest.end() :] if digest else part, ":")
            if not command:
                raise _Unread
            for one in self.expand("C", [command]):
                yield Grant(
                    who=who,
                    runas=tuple(runas),
                    command=one,
                    everything=_everything(one),
                    no_password=no_password,
                )
            if others:
                runas, no_password = ["root"], False
                again = ":".join(others).partition("=")
                if not again[1]:
                    raise _Unread
                waiting.append(again[2].strip())


_SHELLS = frozenset({
    "sh", "bash", "dash", "zsh", "ksh", "csh", "tcsh", "fish", "su", "sudo", "env",
})  # fmt: skip


# No arguments at all (`""` forbids them), or those of a root shell through su and sudo.
_ROOT_SHELL = frozenset({"", '""', "-", "-l", "--login", "-i", "-s", "root", "- root", "-l root"})


def _everything(command: str) -> bool:
    """Whether this command lets its user run any command."""
    if command == "ALL":
        return True
    program, _, args = command.partition(" ")
    if program.endswith("/") or (program.endswith("/*") and not args):
        return not command.startswith("!")
    if not program.startswith("/") or program.rsplit("/", 1)[-1] not in _SHELLS:
        return False
    return "*" in args or args.strip() in _ROOT_SHELL


_INCLUDE = re.compile(r'[@#](include|includedir)\s+"?([^"]+?)"?\s*')


def _included(path: str, blobs: tuple[Blob, ...]) -> list[Blob]:
    """The drop-ins that sudo reads: names with a dot or a final tilde are passed over."""
    folder = path.rstrip("/") + "/"
    inside = [b for b in blobs if b.path.startswith(folder)]
    return [b for b in inside if "." not in b.path[len(folder) :] and not b.path.endswith("~")]


def _read(reader: _Reader, blob: Blob, blobs: tuple[Blob, ...], nested: bool) -> None:
    for line in _logical(blob):
        include = _INCLUDE.fullmatch(line)
        if include is None:
            if line:
                _take(reader, line)
        elif include[1] == "includedir" and include[2].rstrip("/") + "/" == _DROP_INS:
            for drop_in in _included(include[2], blobs) if not nested else []:
                _read(reader, drop_in, blobs, nested=True)
        else:
            reader.unread.append(line)


def _take(reader: _Reader, line: str) -> None:
    try:
        if len(line) > _LONGEST:
            raise _Unread
        reader.take(line)
    except _Unread:
        reader.unread.append(line)


def parse_sudoers(answer: Answer) -> Sudoers | Absent:
    """What sudo grants on this host; NOT_PRESENT where there is no sudoers file."""
    blobs = parse_files(answer)
    if isinstance(blobs, Absent):
        return blobs
    files = {blob.path: blob for blob in blobs}
    main = files.get(_MAIN) or files.get("/usr/etc/sudoers")
    if main is None:
        return not_present(msg("There is no sudoers file"))
    reader = _Reader()
    _read(reader, main, blobs, nested=False)
    grants: list[Grant] = []
    for line in reader.specs:
        try:
            grants.extend(reader.grants(line))
        except _Unread:
            reader.unread.append(line)
        if len(grants) > _MOST:
            raise ParseError("more grants than can be judged")
    return Sudoers(grants=tuple(grants), exempt=tuple(reader.exempt), unread=tuple(reader.unread))


SUDOERS = fact(
    "linux.sudoers",
    Sudoers,
    ask=ask_files(_MAIN, _DROP_INS.rstrip("/"), "/usr/etc/sudoers", root=True),
    parse=parse_sudoers,
)


class Groups(Struct, frozen=True, kw_only=True):
    """The members that /etc/group names for each group."""

    members: dict[str, tuple[str, ...]]


def parse_group(answer: Answer) -> Groups:
    """The groups of /etc/group; of one name the first line holds."""
    members: dict[str, tuple[str, ...]] = {}
    for line in answer.lines:
        if not line.strip() or line[0] in "+-#":
            continue
        fields = line.rstrip("\r").split(":")
        if len(fields) != 4:
            raise ParseError(f"{len(fields)} fields where 4 belong")
        members.setdefault(fields[0], tuple(name for name in fields[3].split(",") if name))
    return Groups(members=members)


GROUPS = fact("linux.groups", Groups, ask=ReadFile(path="/etc/group"), parse=parse_group)

_NO_SUDO = not_applicable(msg("There is no sudoers file: sudo grants nothing"))
_ROOT = frozenset({"root", "#0"})


def _as_root(grant: Grant) -> bool:
    return any(user in ("root", "ALL", "#0") for user in grant.runas)


def _full(sudoers: Sudoers) -> list[Grant]:
    return [g for g in sudoers.grants if g.everything and _as_root(g) and set(g.who) - _ROOT]


def _told(grant: Grant) -> str:
    return f"{','.join(w for w in grant.who if w not in _ROOT)} = {grant.command}"


@check(
    "linux.sudo-password",
    needs=SUDOERS,
    severity=Severity.HIGH,
    when_absent=_NO_SUDO,
    remedy=msg("Remove NOPASSWD from rules for ALL commands, and every Defaults !authenticate"),
)
def sudo_password(sudoers: Sudoers) -> Judgement:
    """Nobody becomes root through sudo without giving a password."""
    free = [_told(g) for g in _full(sudoers) if g.no_password]
    expected = msg("no NOPASSWD for ALL commands, no !authenticate")
    if free or sudoers.exempt:
        said = msg("Root without a password: {names}", names=names([*free, *sudoers.exempt]))
        return failed(said, expected=expected)
    seen = msg("{count} rules of sudoers, none gives root without a password",
               count=len(sudoers.grants))  # fmt: skip
    return _unless_unread(sudoers, seen, expected)


def _unless_unread(sudoers: Sudoers, seen: Message, expected: Message) -> Judgement:
    """PASS, unless a part of sudoers was not read."""
    if sudoers.unread:
        unread = msg("Not understood or not read: {lines}", lines=names(sudoers.unread))
        return undetermined(seen, unread, expected=expected)
    return passed(seen, expected=expected)


@check(
    "linux.sudo-scope",
    needs=(SUDOERS, optional(GROUPS)),
    severity=Severity.MEDIUM,
    when_absent=_NO_SUDO,
    remedy=msg("Name the commands that each role needs instead of ALL"),
)
def sudo_scope(
    sudoers: Sudoers,
    groups: Groups | None,
    *,
    admins: Annotated[frozenset[str], Subset] = frozenset({"root", "%sudo", "%wheel", "%admin"}),
) -> Judgement:
    """Only root and the administrators' groups may run any command through sudo."""
    full = _full(sudoers)
    others = [_told(g) for g in full if set(g.who) - admins - _ROOT]
    expected = msg("full rights only for {admins}", admins=listed(admins))
    if others:
        said = msg("Others may run any command as root: {names}", names=names(others))
        return failed(said, expected=expected)
    entitled = {who for g in full for who in g.who if who.startswith("%")}
    known = groups.members if groups else {}
    members = [f"{group}: {', '.join(known.get(group[1:], ())) or '-'}" for group in entitled]
    seen = msg("Groups with full rights and their members: {names}", names=names(members) or ("-",))
    return _unless_unread(sudoers, seen, expected)


FACTS = (SUDOERS, GROUPS)
CHECKS = (sudo_password, sudo_scope)
