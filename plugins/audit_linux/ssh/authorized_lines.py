"""Lines of authorized_keys (sshd(8)): `[options] type key [comment]`.

Options hold no blank but in quotes, where a backslash stands before a quote. Lines of another form
are passed over, those with an option that OpenSSH 10 does not know, or an expiry-time that is none,
among them. A certificate opens nothing here.
"""

from __future__ import annotations

import re
from calendar import timegm

from msgspec import structs

from audit_core.api.sdk import HOUR
from audit_linux.ssh.public_keys import PublicKey, public_key

# Possessive: a long line without an end to its quotes is refused at once.
_OPTIONS = re.compile(r'(?:[^\s"\\]|\\"?|"(?:[^"\\]|\\"?)*+")++[ \t]+')
_SWITCHES = "agent-forwarding|port-forwarding|pty|user-rc|x11-forwarding|touch-required"
_VALUED = "command|environment|expiry-time|from|permitlisten|permitopen|principals|tunnel"
_OPTION = re.compile(
    rf"(?:((?:no-)?(?:{_SWITCHES})|restrict|verify-required|cert-authority)"
    rf'|({_VALUED})="((?:[^"\\]|\\"?)*+)")?(?:,|$)',
    re.IGNORECASE,
)


def _options(text: str) -> tuple[tuple[str, str], ...] | None:
    """The names of the options with their values; None where one is not known."""
    found, at = [], 0
    while at < len(text):
        option = _OPTION.match(text, at)
        if option is None:
            return None
        found.append(((option[1] or option[2] or "").lower(), option[3] or ""))
        at = option.end()
    return tuple(found)


# Without an hour it is the first second of the day (parse_absolute_time in misc.c of OpenSSH 10).
_MOMENT = re.compile(
    r"(\d{4})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?:([01]\d|2[0-3])([0-5]\d)([0-5]\d|6[01])?)?"
    r"(Z|UTC)?", re.IGNORECASE | re.ASCII,
)  # fmt: skip
# A time without a zone is one of the host's zone, the latest of which is twelve hours behind.
_LATEST_ZONE_S = 12 * HOUR


def _until(text: str) -> int | None:
    """The last second of an expiry-time, in the latest time zone; None where it is none."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    at = timegm(tuple(int(part or 0) for part in found.groups()[:6]))
    return (at if found[7] else at + _LATEST_ZONE_S) if at > 0 else None


def authorized(line: str) -> PublicKey | None:
    """The key that a line accepts, that of an authority (cert-authority) among them; else None."""
    text = line.strip(" \t\r")
    if not text or text.startswith("#"):
        return None
    if key := plain_key(text):
        return key
    given = _OPTIONS.match(text)
    key = plain_key(text[given.end() :]) if given else None
    options = _options(given[0].rstrip(" \t")) if given else None
    if key is None or options is None:
        return None
    names = {name for name, _ in options}
    authority = "cert-authority" in names
    ends = [_until(value) for name, value in options if name == "expiry-time"]
    if ("principals" in names and not authority) or None in ends:
        return None
    return structs.replace(key, authority=authority, until=min(filter(None, ends), default=None))


def plain_key(line: str) -> PublicKey | None:
    """The key of a line without options; None where it is none."""
    words = re.split(r"[ \t]+", line.strip(" \t\r"), maxsplit=2)
    if len(words) < 2 or "-cert-v" in words[0]:
        return None
    return public_key(words[0], words[1])
