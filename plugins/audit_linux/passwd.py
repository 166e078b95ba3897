"""Accounts, and how their passwords are protected (never the hash itself)."""

from __future__ import annotations

import functools
import re
from collections import Counter
from datetime import UTC, datetime

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    ParseError,
    Partial,
    Privilege,
    ReadFile,
    Reason,
    capped,
    fact,
    json_document,
    msg,
    partial,
    provider,
    read_rows,
    verbatim,
)
from audit_linux.id_fields import SPACE, colon_fields, few_kept, id_number

_ROWS = 200_000
ACCOUNTS_LIMIT = 32 << 20
"""Bytes of an answer with a line for each account: 200,000 of them, copied from a directory."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Only where the system keeps its programs: /opt/x/false may be a shell.
_NO_LOGIN = re.compile(
    r"(?:/usr)?(?:/local)?/s?bin/(?:nologin|false|true|sync|halt|shutdown|git-shell)|/dev/null"
)


def moment(collected_at: str) -> datetime:
    """The time of the collection as a value."""
    return datetime.fromisoformat(collected_at)


class Account(Struct, frozen=True, kw_only=True):
    """One line of passwd(5). `field` is what the password field is, never its text."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    field: str  # empty shadowed locked other

    @property
    def has_shell(self) -> bool:
        """Whether the shell permits a login; an empty shell means /bin/sh."""
        return _is_shell(self.shell)


@functools.lru_cache(maxsize=256)  # hosts have few between them
def _is_shell(path: str) -> bool:
    return not _NO_LOGIN.fullmatch(path)


class Accounts(Struct, frozen=True, kw_only=True):
    """The local accounts in file order, and the NIS entries that pull in others."""

    rows: tuple[Account, ...]
    nis: tuple[str, ...] = ()


class Secret(Struct, frozen=True, kw_only=True):
    """The fields of one account in /etc/shadow, without the hash.

    `scheme` is the crypt(5) prefix, DES, bigcrypt, BSDi, `?` for what is none of them, or empty;
    `locked` is also a field that no password matches. Days as in shadow(5); None where the field is
    empty.
    """

    name: str
    locked: bool
    scheme: str
    changed: int | None
    minimum: int | None
    maximum: int | None
    expires: int | None
    inactive: int | None = None

    @property
    def usable(self) -> bool:
        """Whether somebody can log in with this password, an empty one included."""
        return not self.locked

    def ages(self, now: datetime) -> bool:
        """Whether the password ages: PAM ignores one whose last change is in the future.

        An empty last change counts as long ago: pam_unix then asks for a new password.
        """
        return self.changed is None or self.changed <= (now - EPOCH).days + 1

    def expired(self, now: datetime) -> bool:
        """Whether the account has ended, for passwords and keys alike.

        On its day (usermod -e), or because the password expired `inactive` days ago (chage -I).
        """
        today = (now - EPOCH).days
        if self.expires is not None and 0 <= self.expires <= today:
            return True
        if not self.changed or self.maximum is None or self.inactive is None:
            return False
        return today > self.changed + self.maximum + self.inactive


def _rows(text: str) -> list[tuple[int, str]]:
    lines = [(number, line.lstrip(SPACE)) for number, line in enumerate(text.split("\n"), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if len(lines) > _ROWS:
        raise ParseError(msg("too many accounts to judge"))
    return lines


@functools.lru_cache(maxsize=4096)  # most lines are those of the distribution, on every host
def _account(line: str) -> Account:
    """One line as glibc reads it: what is missing is empty, the shell is the rest of the line."""
    name, secret, uid, gid, _, home, shell = [*colon_fields(line, 6), *[""] * 6][:7]
    if not name:
        raise ParseError(msg("an account without a name"))
    known = {"": "empty", "x": "shadowed", f"##{name}": "shadowed"}
    return Account(
        name=name,
        uid=id_number(uid),
        gid=id_number(gid),
        home=home,
        shell=shell,
        field=known.get(secret, "locked" if secret[:1] in ("!", "*") else "other"),
    )


def parse_passwd(answer: Answer) -> Accounts | Partial:
    """The accounts of /etc/passwd as glibc reads them: blank lines and comments are none.

    A line that glibc passes over is reported, the rest holds.
    """
    return _accounts(answer.text)


@few_kept
def _accounts(text: str) -> Accounts | Partial:
    lines = _rows(text)
    nis = [line.split(":", 1)[0] for _, line in lines if line[0] in "+-"]
    rows, problems = read_rows(((n, li) for n, li in lines if li[0] not in "+-"), _account)
    if not rows:
        raise ParseError(msg("no account at all"))
    return partial(Accounts(rows=tuple(rows), nis=tuple(nis)), problems)


ACCOUNTS = fact(
    "linux.accounts",
    Accounts,
    kind="host",
    ask=ReadFile(path="/etc/passwd", limit=ACCOUNTS_LIMIT),
    parse=parse_passwd,
)

# Only the scheme leaves the host: `$6$` of `$6$salt$hash`. Fields without `$` are told apart by
# their form: DES (13 crypt characters; pam_unix cuts off a comma and the rest), bigcrypt (13 and
# n times 11), BSDi (`_` and 19). `-` is a word that locks: it is shorter than what crypt(3)
# returns, so that no password matches (x, NP, LOCKED); `?` is anything else, also a password that
# somebody left there. What glibc passes over is MALFORMED.
_TAIL = r"((:[-+ 0-9]*){3,7})$"
_NAME = r"^([^:$]*\$?):([!*]*)"  # machine accounts of Samba end in a dollar sign
_CHAR = "[./0-9A-Za-z]"
# What stands in the field, what is answered for it, and how many groups it has.
_STORED = (
    (r"(\$[0-9A-Za-z-]{1,16})(,[^:$]*)?\$[^:]*", r"\3$", 2),
    ("", "", 0),
    (rf"{_CHAR}{{13}}(,[^:]*)?", "DES", 1),
    (rf"{_CHAR}{{13}}({_CHAR}{{11}})+(,[^:]*)?", "bigcrypt", 2),
    (rf"_{_CHAR}{{19}}", "BSDi", 0),
    ("([^:$][^:]?|[A-Z]{1,12})", "-", 1),
    ("[^:]+", "?", 0),
)
SCHEME = re.compile(r"\$[0-9A-Za-z-]{1,16}\$|DES|bigcrypt|BSDi|-|\?")
"""What is answered for a field that is not empty, without the lock in front."""


def scheme_script(tail: str, *, kept: bool) -> tuple[str, ...]:
    """Arguments of sed that answer name and scheme of a line, and its rest where that is kept."""
    script: list[str] = []
    for stored, answered, groups in _STORED:
        rest = rf"\{groups + 3}" if kept else ""
        script += ["-e", rf"s/{_NAME}{stored}{tail}/\1:\2{answered}{rest}/p", "-e", "t"]
    return tuple(script)


_SED = (
    "-nE", "-e", r"/^[ \t]*(#|$)/d", "-e", "s/^[+-].*/NIS/p", "-e", "t",
    *scheme_script(_TAIL, kept=True),
    "-e", "s/^.+/MALFORMED/p", "/etc/shadow",
)  # fmt: skip
# Fields of a line: all, all without the last, and those of the form before there were warnings.
_FORMS = (9, 8, 5)


def _days(text: str) -> int | None:
    """A number of days as glibc reads it; None for none, for which the largest stands, too."""
    value = id_number(text) if text else _NO_DAYS
    return None if value == _NO_DAYS else value


_NO_DAYS = 2**32 - 1


def _secret(line: str) -> Secret:
    fields = line.rstrip("\r").split(":")
    if len(fields) == 6 and not fields[5]:
        del fields[5]
    if len(fields) not in _FORMS or not fields[0]:
        raise ParseError(msg("not a line of shadow(5)"))
    name, field, *numbers = fields
    scheme = field.lstrip("!*")
    if scheme and not SCHEME.fullmatch(scheme):
        raise ParseError(msg("not a line of the shadow request"))
    days = [*map(_days, numbers), None, None, None]
    return Secret(
        name=name,
        locked=field != scheme or scheme == "-",
        scheme=scheme.removeprefix("-"),
        changed=days[0],
        minimum=days[1],
        maximum=days[2],
        inactive=days[4],
        expires=days[5],
    )


def parse_shadow(answer: Answer) -> tuple[Secret, ...] | Partial:
    """What protects each account's password; of one name the first line holds, as in glibc."""
    lines = ((number, line) for number, line in _rows(answer.text) if line != "NIS")
    rows, problems = read_rows(lines, _secret)
    if not rows:
        raise ParseError(msg("no account at all"))
    first = {row.name: row for row in reversed(rows)}
    if len(first) != len(rows):
        twice = {name for name, times in Counter(row.name for row in rows).items() if times > 1}
        problems.append(msg("More than one line for {names}", names=capped(twice)))
    return partial(tuple(row for row in rows if first[row.name] is row), problems)


SHADOW = fact(
    "linux.shadow",
    tuple[Secret, ...],
    kind="host",
    # /bin/sed where /usr is not merged (Debian before 12 when upgraded, and its kin).
    providers=tuple(
        provider(
            Command(argv=(sed, *_SED), privilege=Privilege.ROOT, limit=ACCOUNTS_LIMIT),
            parse_shadow,
        )
        for sed in ("/usr/bin/sed", "/bin/sed")
    ),
)


class Login(Struct, frozen=True, kw_only=True):
    """When an account last logged in (UTC, ISO 8601), None for never as far as is recorded."""

    name: str
    last: str | None


_LATEST = re.compile(
    r" [A-Z][a-z]{2} ([A-Z][a-z]{2}) +([0-9]{1,2}) ([0-9:]{8}) ([+-][0-9]{4}) ([0-9]{4})$"
)


_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def _login(line: str) -> Login:
    name = line.split(" ", 1)[0]
    if line.endswith("**Never logged in**"):
        return Login(name=name, last=None)
    found = _LATEST.search(line)
    if not name or found is None:
        raise ParseError(msg("not a line of lastlog: {line}", line=verbatim(line)))
    month, day, clock, zone, year = found.groups()
    try:
        # not by strptime(3): 200,000 lines take a second, not six
        text = f"{year}-{_MONTHS.index(month) + 1:02}-{int(day):02}T{clock}{zone}"
        return Login(name=name, last=datetime.fromisoformat(text).astimezone(UTC).isoformat())
    except (ValueError, OverflowError) as error:
        raise ParseError(msg("not a date: {text}", text=verbatim(line[-40:]))) from error


def parse_lastlog(answer: Answer) -> tuple[Login, ...] | Partial | Absent:
    """The last login per account as lastlog(8) tells it; UNSUPPORTED where it has no file."""
    lines = answer.lines
    if answer.exit_code and not lines:  # there is no /var/log/lastlog
        return Absent(reason=Reason.UNSUPPORTED, detail=msg("lastlog holds no login"))
    if not lines or not lines[0].startswith("Username"):
        raise ParseError(msg("the output of lastlog has no heading"))
    numbered = ((number, line.rstrip()) for number, line in enumerate(lines, 1))
    rows, problems = read_rows((row for row in numbered if row[0] > 1 and row[1]), _login)
    return partial(tuple(rows), problems)


def parse_lastlog2(answer: Answer) -> tuple[Login, ...] | Partial | Absent:
    """The same as lastlog2(8) tells it; UNSUPPORTED where it holds nothing, as lastlog then may."""
    if answer.exit_code != 0 or len(answer.lines) < 2:
        return Absent(reason=Reason.UNSUPPORTED, detail=msg("lastlog2 holds no login"))
    return parse_lastlog(answer)


def parse_wtmpdb(answer: Answer) -> tuple[Login, ...] | Partial | Absent:
    """The last login of each account that wtmpdb(8) holds; UNSUPPORTED where it holds none."""
    if answer.exit_code != 0 or not answer.stdout.strip():
        return Absent(reason=Reason.UNSUPPORTED, detail=msg("wtmpdb holds no login"))
    entries = json_document(answer.stdout).get("entries") or []
    rows, problems = read_rows(enumerate(entries, 1), _recorded)
    logins = sorted(filter(None, rows), key=lambda login: login.last or "")
    return partial(tuple({login.name: login for login in logins}.values()), problems)


def _recorded(entry: dict[str, str]) -> Login | None:
    """The login of an entry; None for a start or a stop of the host."""
    try:
        if entry["tty"] == "system boot" or entry["user"] in ("reboot", "shutdown"):
            return None
        at = datetime.fromisoformat(entry["login"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        text = verbatim(str(entry)[:200])
        raise ParseError(msg("not a record: {line}", line=text)) from error
    return Login(name=str(entry["user"]), last=at.isoformat())


_WTMPDB = Command(
    argv=("wtmpdb", "last", "-j", "--time-format=iso"), ok=(0, 1), limit=ACCOUNTS_LIMIT
)
# util-linux 2.40 brought lastlog2; Debian 13 has no lastlog any more, and may have wtmpdb only.
LASTLOG = fact(
    "linux.lastlog",
    tuple[Login, ...],
    kind="host",
    providers=(
        provider(Command(argv=("lastlog2",), ok=(0, 1), limit=ACCOUNTS_LIMIT), parse_lastlog2),
        provider(Command(argv=("lastlog",), ok=(0, 1), limit=ACCOUNTS_LIMIT), parse_lastlog),
        provider(_WTMPDB, parse_wtmpdb),
    ),
)

FACTS = (ACCOUNTS, SHADOW, LASTLOG)
