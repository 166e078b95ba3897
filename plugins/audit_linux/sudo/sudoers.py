"""sudoers(5): what is granted to whom, with aliases, tags, Defaults and drop-ins resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    FileEntry,
    ParseError,
    Privilege,
    ReadFiles,
    fact,
    msg,
    not_present,
)
from audit_linux.config_files import whole_files

_MAIN = "/etc/sudoers"
_DROP_INS = "/etc/sudoers.d/"
_FRONT_END = "/etc/sudo.conf"
_OTHERS = "/etc/sudoers-rs"
_MOST = 5000
_LONGEST = 65536
_TICKET = "timestamp_timeout"
_TICKET_MINUTES = 24 * 60  # a password that is asked for once a day is no longer asked for


class Grant(Struct, frozen=True, kw_only=True):
    """One command that sudoers grants, with aliases resolved.

    `setenv`: whoever runs it may set any environment variable, LD_PRELOAD among them. `groups` are
    those that -g may name. `always`: it holds on every host, at any time, for all of `who`.
    """

    who: tuple[str, ...]
    runas: tuple[str, ...]
    command: str
    no_password: bool
    setenv: bool = False
    groups: tuple[str, ...] = ()
    always: bool = False


class Sudoers(Struct, frozen=True, kw_only=True):
    """What /etc/sudoers and its drop-ins grant, in their order: of those that match the last holds.

    `exempt` are Defaults lines that switch authentication off, or that keep one password valid
    for a day or for ever. `preload` are those that let LD_PRELOAD or all variables through.
    `unread` are lines or files that were not understood or not read: what they grant is unknown.
    """

    grants: tuple[Grant, ...]
    exempt: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


_CONTINUED = re.compile(r"(?<!\\)(?:\\\\)*\\[ \t]*$")


def _logical(file: FileEntry) -> Iterator[str]:
    """The lines, joined where a backslash ends one; a comment ends with its line all the same."""
    pending: list[str] = []
    for raw in file.lines:
        whole = raw.rstrip("\r")
        line = _bare(whole)
        if line == whole and _CONTINUED.search(line):
            pending.append(line.rstrip(" \t")[:-1])
            continue
        yield "".join([*pending, line]).strip()
        pending = []
    if pending:
        yield "".join(pending).strip()


_USER_ID = re.compile(r"#-?[0-9]")


def _bare(line: str) -> str:
    """The line without its comment; `#` before a digit is a user id, `\\#` is a character."""
    if re.match(r"\s*#(?:include|includedir)\s", line):
        return line
    quoted = False
    for at, char in enumerate(line):
        escaped = at > 0 and line[at - 1] == "\\"
        quoted ^= char == '"' and not escaped
        if char == "#" and not (quoted or escaped or _USER_ID.match(line, at)):
            return line[:at]
    return line


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
_DIGEST = re.compile(r"sha(?:224|256|384|512)\s*:\s*\S+(?:\s+|$)")
_RUNAS = re.compile(r"\(([^()]*)\)\s*")
# The user that commands run as, and the PAM services that are judged.
_EXPECTED = {
    "runas_default": ("root",),
    **dict.fromkeys(
        ("pam_service", "pam_login_service", "pam_askpass_service"), ("sudo", "sudo-i")
    ),
}
_FOLDED = re.compile(r"\s*,\s*")
_DEFAULTS = re.compile(r"Defaults(?:([:@>!])\s*((?:\"[^\"]*\"|\\.|[^\s\"\\])+))?\s+(.*)", re.DOTALL)
_NOT_ROOT = r"(?!root(?:,|$))[a-z_][a-z0-9_-]*(?:,(?!root(?:,|$))[a-z_][a-z0-9_-]*)*"
_SETTING = re.compile(r"(!*)\s*([a-z0-9_]+)\s*(?:(\+=|-=|=)\s*(.*))?", re.DOTALL)
_PRELOAD = re.compile(r"(?:^|[\s\"])(?:LD_(?:PRELOAD|LIBRARY_PATH|AUDIT)|LD_\*|\*)(?:$|[\s\"=])")


class _Unread(Exception):
    """This line is not understood."""


class _Reader:
    """Aliases and lines of all files; grants are made once every alias is known."""

    def __init__(self) -> None:
        self.aliases: dict[str, list[str]] = {}
        self.specs: list[str] = []
        self.exempt: dict[tuple[str, str], str] = {}
        self.preload: dict[str, str] = {}
        self.unread: list[str] = []

    def take(self, line: str) -> None:
        alias = _ALIAS.match(line)
        if alias:
            for part in _split(line[alias.end() :], ":"):
                name, equals, members = part.partition("=")
                if not equals:
                    raise _Unread
                kept = self.aliases.setdefault(f"{alias[1][0]} {name.strip()}", [])
                kept.extend(_split(members, ","))
        elif re.match(r"Defaults(?:[\s:@>!]|$)", line):
            self._defaults(line)
        else:
            self.specs.append(line)

    def _defaults(self, line: str) -> None:
        found = _DEFAULTS.fullmatch(_FOLDED.sub(",", line))
        if found is None:
            raise _Unread
        kind, scope, settings = found[1] or "", found[2] or "", found[3]
        if (kind, scope) == (":", "root") or (kind == ">" and re.fullmatch(_NOT_ROOT, scope)):
            return
        for part in _split(settings, ","):
            setting = _SETTING.fullmatch(part)
            if setting is None:
                raise _Unread
            self._setting(kind, kind + scope, setting, line)

    def _setting(self, kind: str, scope: str, setting: re.Match[str], line: str) -> None:
        """Remember a setting that takes the password away; the last one of a scope holds."""
        off, name, value = len(setting[1]) % 2 == 1, setting[2], (setting[4] or "").strip('"')
        if name in ("authenticate", "exempt_group", _TICKET):
            self.exempt.pop((scope, name), None)
            if off is (name == "authenticate") and (name != _TICKET or _for_ever(value)):
                if kind == "!":  # for some commands only: which is not worked out
                    raise _Unread
                self.exempt[scope, name] = line
        elif name == "setenv" or (name == "env_keep" and _PRELOAD.search(value)):
            if not off and setting[3] != "-=":
                self.preload[line] = line
        elif value not in _EXPECTED.get(name, (value,)):
            raise _Unread

    def expand(self, kind: str, members: list[str], depth: int = 0) -> list[str]:
        """The members with aliases resolved; what an alias excludes, its negation includes."""
        found: list[str] = []
        for member in members:
            bare = member.lstrip("! \t")
            inner = self.aliases.get(f"{kind} {bare}")
            if inner is None:
                found.append(_negated(bare, member.count("!", 0, len(member) - len(bare))))
            elif depth < 8:
                sign = "!" * member.count("!", 0, len(member) - len(bare))
                found.extend(self.expand(kind, [sign + one for one in inner], depth + 1))
            if depth >= 8 or len(found) > _MOST // 5:
                raise _Unread
        return found

    def grants(self, line: str) -> Iterator[Grant]:
        head, equals, rest = line.partition("=")
        users = re.findall(r'(?:"[^"]*"|\\.|[^\s"\\])+', _FOLDED.sub(",", head))
        if not equals or len(users) != 2:
            raise _Unread
        listed = self.expand("U", _split(users[0], ","))
        who = tuple(m for m in listed if not m.startswith("!"))
        yield from self._commands(who, users[1], rest, whole=len(who) == len(listed))

    def _everywhere(self, hosts: str) -> bool:
        return self.expand("H", _split(hosts, ",")) == ["ALL"]

    def _runas(self, text: str) -> tuple[list[str], list[str]]:
        """The users and groups of `(users : groups)`; members of groups are not followed."""
        users, _, groups = text.partition(":")
        listed = _split(users, ",") if users.strip() else []
        runas = [_name(one) for one in self.expand("R", listed)] or ["(self)"]
        if any(one.lstrip("!")[:1] in ("%", "+") for one in runas):
            raise _Unread
        named = _split(groups, ",") if groups.strip() else []
        return runas, [_name(one) for one in self.expand("R", named)]

    def _commands(
        self, who: tuple[str, ...], hosts: str, text: str, *, whole: bool
    ) -> Iterator[Grant]:
        runas, groups, always = ["root"], list[str](), whole and self._everywhere(hosts)
        tags, bound = dict.fromkeys(("PASSWD", "SETENV"), False), False
        waiting = _split(text, ",")[::-1]
        digest = False
        while waiting:
            part = waiting.pop()
            part, found_runas, found_bound = self._before(part, tags)
            runas, groups = found_runas or (runas, groups)
            bound = bound or found_bound
            bare = _without_digests(part)
            part, digest = bare, digest or bare != part
            if digest and not part and waiting:  # one of several digests before one command
                continue
            command, *others = _split(part, ":")
            if not command:
                raise _Unread
            for one in self.expand("C", [command]):
                yield Grant(
                    who=who,
                    runas=tuple(runas),
                    groups=tuple(groups),
                    command=one,
                    no_password=tags["PASSWD"],
                    setenv=tags["SETENV"],
                    always=always and not digest and not bound,
                )
            digest = False
            if others:
                runas, groups, tags = ["root"], [], dict.fromkeys(tags, False)
                hosts, rest = _next_part(others)
                always, bound = whole and self._everywhere(hosts), False
                waiting.append(rest)

    def _before(
        self, part: str, tags: dict[str, bool]
    ) -> tuple[str, tuple[list[str], list[str]] | None, bool]:
        """`part` behind its options, as whom it runs where it says so, and whether it is bound.

        Tags are set in `tags`; bound is what has a time or a root that may not be the one at hand.
        """
        runas, bound = None, False
        while found := (_OPTION.match(part) or _RUNAS.match(part) or _TAG.match(part)):
            if found.re is _RUNAS:
                runas = self._runas(found[1])
            elif found.re is _OPTION:
                bound = True
            elif found[1].removeprefix("NO") in tags:
                tags[found[1].removeprefix("NO")] = found[1] in ("NOPASSWD", "SETENV")
            part = part[found.end() :]
        return part, runas, bound


def _next_part(others: list[str]) -> tuple[str, str]:
    """Hosts and commands of what follows a colon (`… : HOSTS = COMMANDS`)."""
    hosts, equals, rest = ":".join(others).partition("=")
    if not equals:
        raise _Unread
    return hosts.strip(), rest.strip()


def _without_digests(part: str) -> str:
    while found := _DIGEST.match(part):
        part = part[found.end() :]
    return part


def _name(written: str) -> str:
    """A user or group as sudo reads it: #0 and the group root are root, quotes are none of it."""
    sign = written[: len(written) - len(written.lstrip("!"))]
    bare = re.sub(r"\\(.)", r"\1", written[len(sign) :].strip('"'))
    return sign + ("root" if re.fullmatch(r"#0+|%root|%#0+", bare) else bare)


def _negated(bare: str, times: int) -> str:
    return f"!{bare}" if times % 2 else bare


def _for_ever(minutes: str) -> bool:
    if not re.fullmatch(r"[+-]?[0-9]{1,9}(?:\.[0-9]*)?", minutes):
        raise _Unread
    return float(minutes) < 0 or float(minutes) >= _TICKET_MINUTES


_INCLUDE = re.compile(r'[@#](include|includedir)\s+"?([^"]+?)"?\s*')


def _included(path: str, files: tuple[FileEntry, ...]) -> list[FileEntry]:
    """The drop-ins that sudo reads: names with a dot or a final tilde are passed over."""
    folder = path.rstrip("/") + "/"
    inside = [b for b in files if b.path.startswith(folder)]
    return [b for b in inside if "." not in b.path[len(folder) :] and not b.path.endswith("~")]


def _read(reader: _Reader, file: FileEntry, files: tuple[FileEntry, ...], nested: bool) -> None:
    for line in _logical(file):
        include = _INCLUDE.fullmatch(line)
        if include is None:
            if line:
                _take(reader, line)
        elif include[1] == "includedir" and include[2].rstrip("/") + "/" == _DROP_INS:
            for drop_in in _included(include[2], files) if not nested else []:
                _read(reader, drop_in, files, nested=True)
        else:
            reader.unread.append(line)


def _take(reader: _Reader, line: str) -> None:
    try:
        if len(line) > _LONGEST:
            raise _Unread
        reader.take(line)
    except _Unread:
        reader.unread.append(line)


_POLICY = re.compile(r"(?i:plugin)\s+sudoers_(?:policy|io|audit)\s+(?:\S*/)?sudoers\.so(.*)")


def _elsewhere(files: dict[str, FileEntry]) -> list[str]:
    """What makes sudo read other rules: another plugin or file in sudo.conf, those of sudo-rs."""
    found = [_OTHERS] if _OTHERS in files else []
    for line in _logical(files[_FRONT_END]) if _FRONT_END in files else ():
        known = _POLICY.fullmatch(line)
        if line[:7].lower().rstrip() == "plugin" and (not known or "sudoers_file=" in known[1]):
            found.append(f"{_FRONT_END}: {line}")
    return found


def parse_sudoers(answer: Answer) -> Sudoers | Absent:
    """What sudo grants on this host; NOT_PRESENT where there is no sudoers file."""
    every = whole_files(answer)
    if isinstance(every, Absent):
        return every
    files = {file.path: file for file in every}
    main = files.get(_MAIN) or files.get("/usr/etc/sudoers")
    if main is None:
        return not_present(msg("There is no sudoers file"))
    reader = _Reader()
    reader.unread += _elsewhere(files)
    _read(reader, main, every, nested=False)
    grants: list[Grant] = []
    for line in reader.specs:
        try:
            grants.extend(reader.grants(line))
        except _Unread:
            reader.unread.append(line)
        if len(grants) > _MOST:
            raise ParseError(msg("too many grants to judge"))
    return Sudoers(
        grants=tuple(grants),
        exempt=tuple(dict.fromkeys(reader.exempt.values())),
        preload=tuple(reader.preload),
        unread=tuple(reader.unread),
    )


SUDOERS = fact(
    "linux.sudoers",
    Sudoers,
    ask=ReadFiles(
        paths=(_MAIN, _DROP_INS.rstrip("/"), "/usr/etc/sudoers", _FRONT_END, _OTHERS),
        depth=1,
        privilege=Privilege.ROOT,
    ),
    parse=parse_sudoers,
)
