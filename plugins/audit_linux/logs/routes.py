"""Where a log daemon puts the records of this host: kept, sent away, discarded, or not known.

A daemon's rules are tried with sample records: what programs of the host write about logins, use
of privilege, accounts, scheduled jobs and the kernel. A condition may be true, false or not known
(None): it then decides nothing, and what hangs on it is not certain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from enum import StrEnum
from functools import cache

from msgspec import Struct, structs

# What stands for any one word of a record: a name, an address, a number, a path.
WORD = "\0"
_NAME = re.compile(r"[\w.@:/\\+=()$%~-]*")
FACILITIES = {
    "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "security": 4, "syslog": 5, "lpr": 6,
    "news": 7, "uucp": 8, "cron": 9, "authpriv": 10, "ftp": 11,
    **{f"local{n}": 16 + n for n in range(8)},
}  # fmt: skip
SEVERITIES = {
    "emerg": 0, "panic": 0, "alert": 1, "crit": 2, "err": 3, "error": 3, "warning": 4, "warn": 4,
    "notice": 5, "info": 6, "debug": 7,
}  # fmt: skip


class Sample(Struct, frozen=True, kw_only=True):
    """A record as a program of the host writes it; `text` None: any text."""

    event: str
    facility: str
    severity: str
    program: str
    text: str | None = None


def _opened(program: str) -> str:
    return f"pam_unix({program}:session): session opened for user {WORD} by {WORD}"


_ACCEPTED = f"Accepted publickey for {WORD} from {WORD} port {WORD} ssh2: {WORD} {WORD}"
_FAILED = f"Failed password for {WORD} from {WORD} port {WORD} ssh2"
_REFUSED = ("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
            f"rhost={WORD} user={WORD}")  # fmt: skip
_COMMAND = f"{WORD} : TTY={WORD} ; PWD={WORD} ; USER={WORD} ; COMMAND={WORD}"
_ACCOUNT = f"new user: name={WORD} UID={WORD} GID={WORD} home={WORD} shell={WORD} from={WORD}"
# OpenSSH of Debian writes to auth, that of RHEL to authpriv; PAM, sudo and shadow to authpriv.
SAMPLES = tuple(
    Sample(event=event, facility=facility, severity=severity, program=program, text=text)
    for event, facility, severity, program, text in (
        ("login", "auth", "info", "sshd", _ACCEPTED),
        ("login", "authpriv", "info", "sshd", _opened("sshd")),
        ("login", "authpriv", "info", "login", _opened("login")),
        ("failed login", "auth", "info", "sshd", _FAILED),
        ("failed login", "authpriv", "notice", "sshd", _REFUSED),
        ("privilege", "authpriv", "notice", "sudo", _COMMAND),
        ("privilege", "authpriv", "info", "sudo", _opened("sudo")),
        ("account", "authpriv", "info", "useradd", _ACCOUNT),
        ("job", "cron", "info", "CRON", f"({WORD}) CMD {WORD}"),
        ("kernel", "kern", "warning", "kernel", None),
        ("service", "daemon", "info", "systemd", None),
    )
)
LOGINS = ("auth", "authpriv")
PASSING = ("/dev/", "/run/", "/var/run/", "/proc/", "/tmp/", "/var/tmp/")  # noqa: S108
"""Where files do not outlive a restart, or are removed soon."""
# What `syslog` and `syslog_goodpri` of sudoers may name; what is more severe than notice is kept
# where notices are.
SUDO_LEVELS = ("notice", "info", "debug")
SUDO_FACILITIES = (*LOGINS, "daemon", "user", *(f"local{n}" for n in range(8)))
SUDO_SAMPLES = tuple(
    Sample(event=f"sudo {level}", facility=facility, severity=level, program="sudo", text=_COMMAND)
    for facility in SUDO_FACILITIES for level in SUDO_LEVELS
)  # fmt: skip
# OpenSSH 9.8 and later writes under the name of the process that serves the session.
OTHER_NAMES = {"sshd": ("sshd-session",)}


class Fate(StrEnum):
    """What becomes of a record. UNKNOWN: it hangs on what is not known."""

    KEPT = "kept"
    SENT = "sent"
    DISCARDED = "discarded"
    UNKNOWN = "unknown"


class Route(Struct, frozen=True, kw_only=True):
    """Where one sample record goes.

    `kept` are files, `sent` other machines, both for certain. `perhaps` are outputs that hang on
    what is not known, or that pass records on to somewhere. `doubts` are the conditions and files
    that may discard it or write it. `by_name` are the routes by the names under which the program
    may write, where they differ.
    """

    event: str
    facility: str
    kept: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    by_name: tuple[tuple[str, Route], ...] = ()

    def of(self, names: Container[str]) -> Route:
        """The route where the program surely writes under the one of `by_name` that is given."""
        known = [route for name, route in self.by_name if name in names]
        return known[0] if len(known) == 1 else self

    def doubted(self, why: str) -> Route:
        """The route where it is not sure that the daemon takes its rules."""
        places = (*self.perhaps, *self.kept, *self.sent)
        return structs.replace(self, kept=(), sent=(), by_name=(), perhaps=places,
                               doubts=(why, *self.doubts))  # fmt: skip

    @property
    def fate(self) -> Fate:
        """The fate of the record; one that is kept and sent is kept."""
        if self.kept or self.sent:
            return Fate.KEPT if self.kept else Fate.SENT
        return Fate.UNKNOWN if self.perhaps or self.doubts else Fate.DISCARDED


def by_every_name(sample: Sample, route: Callable[[Sample], Route]) -> Route:
    """The `route` of a record, by whichever of its names the program writes."""
    found = first = route(sample)
    named = [(sample.program, first)]
    for name in OTHER_NAMES.get(sample.program, ()):
        other = route(structs.replace(sample, program=name))
        named.append((name, other))
        found = _either(found, other, name)
    return first if found == first else structs.replace(found, by_name=tuple(named))


def _either(one: Route, other: Route, name: str) -> Route:
    """A record goes one way or the `other`: certain is only a fate that both share."""
    if one == other:
        return one
    places = tuple(dict.fromkeys((*one.kept, *other.kept)))
    hosts = tuple(dict.fromkeys((*one.sent, *other.sent)))
    perhaps = (*one.perhaps, *other.perhaps)
    doubts = (*one.doubts, *other.doubts)
    if one.fate is not other.fate:
        places, hosts, perhaps = (), (), (*perhaps, *places, *hosts)
        doubts = (*doubts, name)
    return structs.replace(one, kept=places, sent=hosts, perhaps=tuple(dict.fromkeys(perhaps)),
                           doubts=tuple(dict.fromkeys(doubts)))  # fmt: skip


# --- text with unknown words --------------------------------------------------------------------


def contains(text: str | None, needle: str) -> bool | None:
    """Whether a record of `text` contains `needle`; None where unknown words decide.

    What the programs themselves write, such as `Accepted`, is not taken for a name.
    """
    if not needle or text is None:
        return True if not needle else None
    if any(needle in piece for piece in text.split(WORD)):
        return True
    if WORD not in text or any(needle in text_ for text_ in _vocabulary()):
        return False
    first, *rest = needle.split(" ")
    if not rest:
        return None if _NAME.fullmatch(first) else False
    words = ["", *text.split(" ")]  # the text of a record follows a blank
    return None if any(_fits(words[at:], first, rest) for at in range(len(words))) else False


@cache
def _vocabulary() -> tuple[str, ...]:
    """What stands in the sample records, in lower case, too, without the unknown words."""
    texts = (text for s in SAMPLES if s.text for text in (s.text, s.text.lower()))
    return tuple(dict.fromkeys(piece for text in texts for piece in text.split(WORD)))


def _fits(words: list[str], first: str, rest: list[str]) -> bool:
    """Whether `first` may end the first of `words` and `rest` follow it."""
    head, *follow = words
    *middle, last = rest
    if len(follow) < len(rest) or not _ends(head, first):
        return False
    return all(map(_is, follow, middle)) and _starts(follow[len(middle)], last)


def _halves(word: str) -> tuple[str, str]:
    before, _, after = word.partition(WORD)
    return before, after.rpartition(WORD)[2]


def _is(word: str, wanted: str) -> bool:
    if WORD not in word:
        return word == wanted
    before, after = _halves(word)
    name = wanted.removeprefix(before).removesuffix(after)
    return bool(name and wanted == f"{before}{name}{after}" and _NAME.fullmatch(name))


def _ends(word: str, wanted: str) -> bool:
    if WORD not in word:
        return word.endswith(wanted)
    after = _halves(word)[1]
    if after.endswith(wanted):
        return True
    return wanted.endswith(after) and bool(_NAME.fullmatch(wanted.removesuffix(after)))


def _starts(word: str, wanted: str) -> bool:
    if WORD not in word:
        return word.startswith(wanted)
    before = _halves(word)[0]
    if before.startswith(wanted):
        return True
    return wanted.startswith(before) and bool(_NAME.fullmatch(wanted.removeprefix(before)))


def starts(text: str | None, needle: str) -> bool | None:
    """Whether a record of `text` starts with `needle`; None where unknown words decide."""
    if not needle or text is None:
        return True if not needle else None
    head = text.partition(WORD)[0]
    if head.startswith(needle):
        return True
    if any(needle.strip() in known_text for known_text in _vocabulary()):
        return False
    return None if WORD in text and needle.startswith(head) else False


def equals(text: str | None, wanted: str) -> bool | None:
    """Whether a record of `text` is `told`; None where unknown words decide."""
    if text is None or WORD in text:
        return False if starts(text, wanted) is False else None
    return text == wanted


# --- selectors of facility and severity ----------------------------------------------------------


def selects(selector: str, facility: str, severity: str) -> bool | None:
    """Whether a selector such as `auth,authpriv.info;mail.none` takes a record (syslog.conf(5)).

    None where it has a name that syslogd does not know: it then refuses the rule.
    """
    chosen = False
    for part in filter(None, selector.lower().split(";")):
        names, _, priority = part.rpartition(".")
        every = [name for name in names.split(",") if name]
        if not every or any(name != "*" and name not in FACILITIES for name in every):
            return None
        number = FACILITIES[facility]
        if any(name == "*" or FACILITIES[name] == number for name in every):
            takes = _taken(priority, SEVERITIES[severity], chosen)
            if takes is None:
                return None
            chosen = takes
    return chosen


def _taken(priority: str, severity: int, before: bool) -> bool | None:
    """Whether records of `severity` are chosen after a selector's `priority`."""
    without, one = priority.startswith("!"), priority.lstrip("!").startswith("=")
    name = priority.lstrip("!").lstrip("=")
    if name == "none":
        return without
    if name != "*" and name not in SEVERITIES and name not in map(str, range(8)):
        return None
    limit = 7 if name == "*" else SEVERITIES.get(name)
    limit = int(name) if limit is None else limit
    hit = severity == limit if one and name != "*" else severity <= limit
    return not without if hit else before
