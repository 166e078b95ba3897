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
    integer,
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


def usual_home(path: str) -> bool:
    """Whether a home is where requests for files of all accounts look: in /home, or /root."""
    return path == "/root" or bool(re.fullmatch(r"/home/[^/.][^/]*/?", path))


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

    `scheme` is the crypt(5) prefix, `DES`, `?` for what is none, or empty. Days as in shadow(5);
    None where the field is empty.
    """

    name: str
    locked: bool
    scheme: str
    changed: int | None
    minimum: int | None
    maximum: int | None
    expires: int | None

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
        """Whether the account has ended (usermod -e), for passwords and keys alike."""
        return self.expires is not None and 0 <= self.expires <= (now - EPOCH).days


def _fields(line: str, count: int) -> list[str]:
    fields = line.rstrip("\r").split(":")
    if len(fields) != count:
        raise ParseError(msg("{count} fields, expected {wanted}", count=len(fields), wanted=count))
    return fields


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
    known = {"": "empty", "x": "shadowed"}
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

# Only the scheme leaves the host: `$6$` of `$6$salt$hash`, DES for thirteen crypt characters, `?`
# for anything else. A line that shadow(5) does not allow is answered by one word.
_TAIL = r"((:-?[0-9]*){7})$"
_NAME = r"^([^:$]*):([!*]*)"
_SED = (
    "-nE",
    "-e", "s/^[+-].*/NIS/p", "-e", "t",
    "-e", rf"s/{_NAME}(\$[0-9A-Za-z-]{{1,16}}\$)[^:]*{_TAIL}/\1:\2\3\4/p", "-e", "t",
    "-e", rf"s/{_NAME}{_TAIL}/\1:\2\3/p", "-e", "t",
    "-e", rf"s/{_NAME}[./0-9A-Za-z]{{13}}{_TAIL}/\1:\2DES\3/p", "-e", "t",
    "-e", rf"s/{_NAME}[^:]+{_TAIL}/\1:\2?\3/p", "-e", "t",
    "-e", "s/^.+/MALFORMED/p",
    "/etc/shadow",
)  # fmt: skip


def _days(text: str) -> int | None:
    return None if text == "" else integer(text)


def _secret(line: str) -> Secret:
    name, field, changed, minimum, maximum, _, _, expires, _ = _fields(line, 9)
    scheme = field.lstrip("!*")
    if not name or not re.fullmatch(r"(?:\$[0-9A-Za-z-]{1,16}\$|DES|\?)?", scheme):
        raise ParseError(msg("not a line of the shadow request"))
    return Secret(
        name=name,
        locked=field != scheme,
        scheme=scheme,
        changed=_days(changed),
        minimum=_days(minimum),
        maximum=_days(maximum),
        expires=_days(expires),
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


def parse_lastlog(answer: Answer) -> tuple[Login, ...] | Partial:
    """The last login per account as lastlog(8) tells it."""
    lines = answer.lines
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


# util-linux 2.40 brought lastlog2; Debian 13 has no lastlog any more.
LASTLOG = fact(
    "linux.lastlog",
    tuple[Login, ...],
    kind="host",
    providers=(
        provider(Command(argv=("lastlog2",), ok=(0, 1), limit=ACCOUNTS_LIMIT), parse_lastlog2),
        provider(Command(argv=("lastlog",), limit=ACCOUNTS_LIMIT), parse_lastlog),
    ),
)

FACTS = (ACCOUNTS, SHADOW, LASTLOG)
