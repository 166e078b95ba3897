"""sudoers(5): what is granted to whom, with aliases, tags, Defaults and drop-ins resolved.

As toke.l and gram.y of sudo 1.9 read it, compared with `cvtsudoers -f json` in the tests: a name
ends at white space or one of `"#>!=:,()`, unless it is quoted or a backslash stands before that.
A command ends at a comma, a colon or `#` only, and quotes are characters like others. A backslash
at the end of a line goes on in the next, `#` begins a comment unless a digit follows. Of several
rules that match the last holds. A line that sudo does not understand grants nothing and is
reported. `sudoers_files` reads the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct, structs

from audit_core.api.sdk import ParseError, msg
from audit_linux.sudo.sudo_environment import Environment, Passed

_MOST = 5000
_LONGEST = 65536
_TICKET = "timestamp_timeout"
_TICKET_MINUTES = 24 * 60  # a password that is asked for once a day is no longer asked for


class Grant(Struct, frozen=True, kw_only=True):
    """One command that sudoers grants, with aliases resolved.

    `runas` may name groups (`%dba`): as whichever of their members. `setenv`: whoever runs it may
    set any environment variable, LD_PRELOAD among them. `groups` are those that -g may name.
    `no_exec`: the command cannot start others. `always`: it holds on every host, at any time, for
    all of `who`; `hosts` are those it is for.
    """

    who: tuple[str, ...]
    runas: tuple[str, ...]
    command: str
    no_password: bool
    setenv: bool = False
    no_exec: bool = False
    groups: tuple[str, ...] = ()
    always: bool = False
    hosts: tuple[str, ...] = ("ALL",)


class LogSetting(Struct, frozen=True, kw_only=True):
    """One Defaults setting about records: `value` None where it is switched off."""

    scope: str
    name: str
    value: str | None
    line: str


class Exempt(Struct, frozen=True, kw_only=True):
    """A line of Defaults that makes passwords needless, and its scope: "" is everybody."""

    scope: str
    line: str


class Sudoers(Struct, frozen=True, kw_only=True):
    """What /etc/sudoers and its drop-ins grant, in their order: of those that match the last holds.

    `exempt` are Defaults lines that switch authentication off, or that keep one password valid
    for a day or for ever. `passed` are those that hand variables or directories of users to
    commands. `env_files` are files with variables for every command, `secure_path` the directories
    in which commands without a path are looked for.
    `logging` are settings of what sudo records, the last of each scope; scope "" is everybody.
    `unread` are lines or files that were not understood or not read: what they grant is unknown.
    """

    grants: tuple[Grant, ...]
    exempt: tuple[Exempt, ...] = ()
    passed: tuple[Passed, ...] = ()
    env_files: tuple[str, ...] = ()
    secure_path: tuple[str, ...] = ()
    logging: tuple[LogSetting, ...] = ()
    unread: tuple[str, ...] = ()


_CONTINUED = re.compile(r"(?<!\\)(?:\\\\)*\\[ \t]*$")


def logical_lines(lines: Iterable[str]) -> Iterator[str]:
    """The lines, joined where a backslash ends one; a comment ends with its line all the same.

    A carriage return behind a line without a comment is kept: Reader.take() says what it does.
    """
    pending: list[str] = []
    for raw in lines:
        whole = raw.rstrip("\r")
        line = _bare(whole)
        if line == whole and _CONTINUED.search(line):
            pending.append(line.rstrip(" \t")[:-1])
            continue
        text = "".join([*pending, line]).strip()
        yield f"{text}\r" if text and raw == f"{line}\r" else text
        pending = []
    if pending:
        yield "".join(pending).strip()


_ALIAS_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_HOST_NAME = re.compile(r"[a-z0-9_.-]*[a-z_][a-z0-9_.-]*")


def is_elsewhere(hosts: Iterable[str], host: str) -> bool:
    """Whether a list of hosts surely leaves `host` out: its last entry that matches holds.

    Addresses, netgroups and patterns may be of any host; a domain is not compared.
    """
    here = False
    for entry in hosts:
        name = entry.lstrip("!").lower()
        plain = name != "all" and _HOST_NAME.fullmatch(name) is not None
        if not plain or name.partition(".")[0] == host.partition(".")[0].lower():
            here = not entry.startswith("!") or not (plain or name == "all")
    return not here


def on_host(sudoers: Sudoers, host: str) -> Sudoers:
    """The rules without those for other hosts than `host`."""
    return structs.replace(
        sudoers,
        grants=tuple(grant for grant in sudoers.grants if not is_elsewhere(grant.hosts, host)),
        exempt=tuple(one for one in sudoers.exempt if not _of_other_host(one.scope, host)),
    )


def _of_other_host(scope: str, host: str) -> bool:
    names = scope[1:].split(",") if scope.startswith("@") else []
    aliases = any(map(_ALIAS_NAME.fullmatch, (name.lstrip("!") for name in names)))
    return bool(names) and not aliases and is_elsewhere(names, host)


_USER_ID = re.compile(r"#-?[0-9]")


def _bare(line: str) -> str:
    """The line without its comment; `#` before a digit is a user id, `\\#` is a character."""
    if "#" not in line or re.match(r"\s*#(?:include|includedir)\s", line):
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
_SWITCHED_ON = ("NOPASSWD", "SETENV", "NOEXEC")
_OPTION = re.compile(
    r"(?:ROLE|TYPE|PRIVS|LIMITPRIVS|CWD|CHROOT|TIMEOUT|NOTBEFORE|NOTAFTER|APPARMOR_PROFILE)"
    r"\s*=\s*(?:\"(?:\\.|[^\"\\])*\"|\S+)\s*"
)
_DATE = re.compile(r"([0-9]{8})[0-9]{2,6}(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2,4})?")
_DIGEST = re.compile(r"sha(?:224|256|384|512)\s*:\s*[A-Za-z0-9+/=]+\s*,?\s*")
_RUNAS = re.compile(r"\(((?:\"(?:\\.|[^\"\\])*\"|[^()\"])*)\)\s*")
# Members of lists (WORD, ID, STRING of toke.l), and of hosts also IPv6 addresses.
_STRING = r'"(?:\\.|[^"\\])*"'
_WORD = r"(?:\\.|[^\s\\\",=:()!#>])+"
_USER = re.compile(rf"((?:![ \t]*)*)({_STRING}|[%+]?:?#?{_WORD})")
_HOST = re.compile(
    rf"((?:![ \t]*)*)({_STRING}|[0-9a-fA-F]*:[0-9a-fA-F:.]+(?:/[0-9a-fA-F:.]+)?|\+?{_WORD})"
)
_COMMA = re.compile(r"\s*,\s*")
# A command ends at a comma or colon without a backslash; quotes are characters like others. A
# regular expression ends at its dollar sign.
_REGEX = r"\^(?:\\.|[^\\$])*\$"
_COMMAND = re.compile(
    rf"(?:![ \t]*)*(?:{_REGEX}|/(?:\\.|[^\s\\,:=])*|[A-Za-z][A-Za-z0-9_]*)"
    rf"(?:[ \t]+{_REGEX}|(?:\\.|(?<![ \t])=|[^\\,:=])*)"
)
_ALIAS_WITH_MORE = re.compile(r"(?:![ \t]*)*(?!sudoedit\s|list\s)[A-Za-z]\w*\s+\S")
# The PAM services that are judged.
_SERVICES = frozenset({"pam_service", "pam_login_service", "pam_askpass_service"})
_FOLDED = re.compile(r"\s*,\s*")
_DEFAULTS = re.compile(r"Defaults(?:([:@>!])\s*((?:\"[^\"]*\"|\\.|[^\s\"\\])+))?\s+(.*)", re.DOTALL)
_NOT_ROOT = r"(?!root(?:,|$))[a-z_][a-z0-9_-]*(?:,(?!root(?:,|$))[a-z_][a-z0-9_-]*)*"
_SETTING = re.compile(r"(!*)\s*([a-z0-9_]+)\s*(?:(\+=|-=|=)\s*(.*))?", re.DOTALL)


_LOGGING = frozenset({
    "syslog", "logfile", "log_allowed", "log_denied", "syslog_goodpri", "syslog_badpri",
    "log_input", "log_output", "log_servers",
})  # fmt: skip
# sudo passes over a setting with another value; case matters.
_LOGGED = {
    "syslog": re.compile(r"|auth|authpriv|daemon|user|local[0-7]"),
    "logfile": re.compile(r"(?:/.*)?"),
}
_LOGGED["syslog_goodpri"] = _LOGGED["syslog_badpri"] = re.compile(
    r"|emerg|alert|crit|err|warning|notice|info|debug|none"
)


def _refused(command: str) -> bool:
    """Whether sudo refuses a line for the carriage return behind this command, its last."""
    program = re.match(r"(?:![ \t]*)*(?:/.*[^/\r]\r$|\^|sudoedit\s)", command, re.DOTALL)
    return command.endswith("\r") and bool(program)


class _Unread(Exception):
    """This line is not understood."""


class Reader:
    """Aliases and lines of all files; grants are made once every alias is known."""

    def __init__(self, *, today: str = "") -> None:
        self._default, self._today = "root", today
        self.aliases: dict[str, list[str]] = {}
        self.specs: list[str] = []
        self.exempt: dict[tuple[str, str], str] = {}
        self.environment = Environment()
        self.logging: dict[tuple[str, str], LogSetting] = {}
        self.unread: list[str] = []

    def take(self, line: str) -> None:
        """Takes a logical line; one that is not understood is remembered as that.

        A carriage return is white space behind ALL, aliases, directories and settings. Behind any
        other command sudo refuses the line.
        """
        try:
            if len(line) > _LONGEST:
                raise _Unread
            self._take(line)
        except _Unread:
            self.unread.append(line.rstrip())

    def _take(self, line: str) -> None:
        alias = _ALIAS.match(line)
        if alias:
            for part in _split(line[alias.end() :], ":"):
                name, equals, written = part.partition("=")
                members = _split(written, ",")
                key = f"{alias[1][0]} {name.strip()}"
                named = equals and _ALIAS_NAME.fullmatch(name.strip())
                # of two with one name the first holds
                if not named or key in self.aliases or _refused(f"{members[-1]}{line[-1]}"):
                    raise _Unread
                self.aliases[key] = members
        elif re.match(r"Defaults(?:[\s:@>!]|$)", line):
            self._defaults(line.rstrip())
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
        """Remember a setting that sudo's rules or its log depend on; the last of a scope holds."""
        off, name, value = len(setting[1]) % 2 == 1, setting[2], (setting[4] or "").strip('"')
        if name in ("authenticate", "exempt_group", _TICKET):
            self._forget(scope, name)
            if off is (name == "authenticate") and (name != _TICKET or _for_ever(value)):
                self.exempt[scope, name] = line
        elif name in _LOGGED and not _LOGGED[name].fullmatch(value):
            pass
        elif name in _LOGGING:
            kept = LogSetting(scope=scope, name=name, value=None if off else value, line=line)
            self.logging[scope, name] = kept
        elif self.environment.takes(scope, name, None if off else value, setting[3] or "", line):
            pass
        elif name == "runas_default":
            self._set_default(scope, "" if off else value)
        elif name in _SERVICES and value not in ("sudo", "sudo-i"):
            raise _Unread

    def _set_default(self, scope: str, user: str) -> None:
        if scope or not user:  # whose, is not worked out
            raise _Unread
        self._default = _name(_word(user))

    def _forget(self, scope: str, name: str) -> None:
        """What was set before: a line for all holds for those, too, that had one of their own."""
        for other, what in [*self.exempt]:
            if what == name and (other == scope or not (scope or other.startswith("!"))):
                del self.exempt[other, what]

    def expand(self, kind: str, members: list[str], depth: int = 0) -> list[str]:
        """The members with aliases resolved; what an alias excludes, its negation includes."""
        found: list[str] = []
        for member in members:
            bare = member.lstrip("! \t")
            inner = self.aliases.get(f"{kind} {bare}")
            if inner is None:
                bare = bare if kind == "C" else _word(bare)
                found.append(_negated(bare, member.count("!", 0, len(member) - len(bare))))
            elif depth < 8:
                sign = "!" * member.count("!", 0, len(member) - len(bare))
                found.extend(self.expand(kind, [sign + one for one in inner], depth + 1))
            if depth >= 8 or len(found) > _MOST // 5:
                raise _Unread
        return found

    def sudoers(self) -> Sudoers:
        """What all lines that were taken grant; ParseError where they are too many to judge."""
        grants: list[Grant] = []
        for line in self.specs:
            try:
                grants.extend(self._grants(line))
            except _Unread:
                self.unread.append(line.rstrip())
            if len(grants) > _MOST:
                raise ParseError(msg("too many grants to judge"))
        some = [s for s, _ in self.exempt if s.startswith("!") and s != "!ALL"]
        for scope in some:
            grants = list(self._freed(grants, scope))
        return Sudoers(
            grants=tuple(grants),
            exempt=tuple(
                Exempt(scope=s, line=line) for (s, _), line in self.exempt.items() if s not in some
            ),
            passed=tuple(dict.fromkeys(self.environment.passed())),
            env_files=self.environment.files(),
            secure_path=self.environment.path(),
            logging=tuple(self.logging.values()),
            unread=tuple(self.unread),
        )

    def _freed(self, grants: list[Grant], scope: str) -> Iterator[Grant]:
        """The grants where the commands of a scope (`!/bin/x`) need no password."""
        commands = self.expand("C", _split(scope[1:], ","))
        if any(not re.fullmatch(r"/(?:\\.|[^*?\[\\!])*[^/*?\[\\!]", one) for one in commands):
            self.unread.append(f"Defaults{scope}")
            commands = []
        for grant in grants:
            words = grant.command.split(None, 1)
            mine = grant.command in commands or (words and words[0] in commands)
            yield structs.replace(grant, no_password=True) if mine else grant
            if grant.command == "ALL":
                yield from (
                    structs.replace(grant, command=one, no_password=True) for one in commands
                )

    def _grants(self, line: str) -> Iterator[Grant]:
        users, rest = _listed(line, _USER)
        listed = self.expand("U", users)
        who = tuple(m for at, m in enumerate(listed) if m[:1] != "!" and "!" + m not in listed[at:])
        whole = not any(member.startswith("!") for member in listed)
        more = True
        while more:
            hosts, rest = _listed(rest, _HOST)
            if not rest.startswith("="):
                raise _Unread
            places = self.expand("H", hosts)
            always = whole and places == ["ALL"]
            found, rest, more = self._commands(who, rest[1:].lstrip(), always=always)
            yield from (structs.replace(grant, hosts=tuple(places)) for grant in found)

    def _runas(self, text: str) -> tuple[list[str], list[str]]:
        """The users and groups of `(users : groups)`; members of netgroups are not known."""
        users, *groups = _split(text, ":")
        runas = [_name(one) for one in self._some("R", users)] or ["(self)"]
        if any(re.match(r"\+|%[#:]", one.lstrip("!")) for one in runas):
            self.unread.append(f"({text})")
        return runas, [_name(one) for one in self._some("R", ":".join(groups))]

    def _some(self, kind: str, text: str) -> list[str]:
        return self.expand(kind, _split(text, ",")) if text.strip() else []

    def _commands(
        self, who: tuple[str, ...], text: str, *, always: bool
    ) -> tuple[list[Grant], str, bool]:
        """What the commands before the next host list grant, what follows, and whether one does."""
        found: list[Grant] = []
        runas, groups = [self._default], list[str]()
        tags = dict.fromkeys(("PASSWD", "SETENV", "EXEC", "EXPIRED"), False)
        bound = False
        while True:
            text, found_runas, found_bound = self._before(text, tags)
            runas, groups = found_runas or (runas, groups)
            bound = bound or found_bound
            bare = _without_digests(text)
            command = _COMMAND.match(bare)
            if command is None or _ALIAS_WITH_MORE.match(command[0]):
                raise _Unread
            for one in self.expand("C", [command[0].strip()]):
                yielded = Grant(
                    who=who,
                    runas=tuple(runas),
                    groups=tuple(groups),
                    command=one,
                    no_password=tags["PASSWD"],
                    setenv=tags["SETENV"],
                    no_exec=tags["EXEC"],
                    always=always and bare == text and not bound,
                )
                found.extend([] if tags["EXPIRED"] else [yielded])
            text = bare[command.end() :].lstrip()
            if not text.startswith(","):
                break
            text = text[1:].lstrip()
        if (text and not text.startswith(":")) or _refused(command[0]):
            raise _Unread
        return found, text[1:].lstrip(), bool(text)

    def _over(self, option: str) -> bool:
        """Whether an option ends a rule before today; _Unread for a date that sudo refuses."""
        name, _, value = option.partition("=")
        if not name.startswith(("NOTBEFORE", "NOTAFTER")):
            return False
        date = _DATE.fullmatch(value.strip().strip('"'))
        if date is None:
            raise _Unread
        return name.startswith("NOTAFTER") and date[1] < (self._today or "0")

    def _before(
        self, part: str, tags: dict[str, bool]
    ) -> tuple[str, tuple[list[str], list[str]] | None, bool]:
        """`part` behind its options, as whom it runs where it says so, and whether it is bound.

        Tags are set in `tags`; bound is what has a time or a root that may not be the one at hand.
        """
        runas, bound, last = None, False, -1
        while found := (_OPTION.match(part) or _RUNAS.match(part) or _TAG.match(part)):
            place = (_RUNAS, _OPTION, _TAG).index(found.re)
            if place < last:
                raise _Unread
            last = place
            if found.re is _RUNAS:
                runas = self._runas(found[1])
            elif found.re is _OPTION:
                bound = True
                tags["EXPIRED"] |= self._over(found[0])
            elif found[1].removeprefix("NO") in tags:
                tags[found[1].removeprefix("NO")] = found[1] in _SWITCHED_ON
            part = part[found.end() :]
        return part, runas, bound


def _listed(text: str, item: re.Pattern[str]) -> tuple[list[str], str]:
    """The members of the list at the start of `text`, and what follows it."""
    found, at = [], 0
    while member := item.match(text, at):
        found.append(re.sub(r"[ \t]", "", member[1]) + member[2])
        comma = _COMMA.match(text, member.end())
        if comma is None:
            return found, text[member.end() :].lstrip()
        at = comma.end()
    raise _Unread


def _without_digests(part: str) -> str:
    while found := _DIGEST.match(part):
        part = part[found.end() :]
    return part


def _word(written: str) -> str:
    """A name as sudo reads it: quotes around it and backslashes are no part of it."""
    if written[:1] == '"' == written[-1:] and len(written) > 1:
        return written[1:-1].replace('\\"', '"')
    return re.sub(r"\\(.)", r"\1", written)


def _name(read: str) -> str:
    """A user or group that commands run as: #0 and the group root are root."""
    bare = read.lstrip("!")
    root = "root" if re.fullmatch(r"#0+|%root|%#0+", bare) else bare
    return read[: len(read) - len(bare)] + root


def _negated(bare: str, times: int) -> str:
    return f"!{bare}" if times % 2 else bare


def _for_ever(minutes: str) -> bool:
    if not re.fullmatch(r"[+-]?[0-9]{1,9}(?:\.[0-9]*)?", minutes):
        raise _Unread
    return float(minutes) < 0 or float(minutes) >= _TICKET_MINUTES
