"""Squid that forwards for everybody: squid.conf.

`http_access` lines are tried in order; all words of one have to fit; the first that fits decides,
and where none does the opposite of the last. Names in the file are as written, `#` begins a
comment, a backslash at the end goes on (Squid 5.7).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from audit_core.api.sdk import capped, msg
from audit_linux.open_services.service import (
    Service,
    ServiceState,
    about,
    is_loopback,
    not_read,
    options,
    service_check,
    without_settings,
)
from audit_linux.open_services.service_files import ServiceFile, ServiceFiles

_MAIN = "/etc/squid/squid.conf"
_DEEPEST = 8
# What anybody chooses freely: his address does not matter to these.
_FREE = {"port", "method", "proto", "browser"}
_ASKING = {"proxy_auth", "proxy_auth_regex", "ident", "external", "user_cert", "ca_cert"}
_EVERYBODY = {"all", "0.0.0.0/0", "::/0", "0/0", "0.0.0.0-255.255.255.255", "0.0.0.0/0.0.0.0"}


def _rows(files: ServiceFiles, file: ServiceFile, depth: int = 0) -> Iterator[list[str]]:
    """The words of the lines; `!` and a path for what was not read."""
    if file.lines is None or depth > _DEEPEST:
        yield ["!", file.path]
        return
    for line in re.sub(r"\\\n", " ", "\n".join(file.lines)).split("\n"):
        words = [word.strip('"') for word in re.sub(r"(^|\s)#.*", "", line).split()]
        if words[:1] == ["include"]:
            for place in words[1:]:
                form = re.escape(place).replace(r"\*", "[^/]*")
                below = [f for f in files.matching(form) if f.path != file.path]
                for other in below:
                    yield from _rows(files, other, depth + 1)
                if not below and "*" not in place:
                    yield ["!", place]
        elif words:
            yield words


def _is_everybody(value: str) -> bool:
    if value in _EVERYBODY:
        return True
    try:
        return ipaddress.ip_network(value, strict=False).prefixlen <= 7
    except ValueError:
        return False


def _fits(word: str, acls: dict[str, tuple[str, list[str]]]) -> bool | None:
    """Whether a word fits everybody (true), nobody from outside (false), or who knows (None)."""
    if word.startswith("!"):
        inner = _fits(word[1:], acls)
        kind = acls.get(word[1:], ("", []))[0]
        # not the port or method that somebody chooses, not one network: everybody else fits
        return True if kind in _FREE or (kind == "src" and inner is False) else (
            None if inner is None else not inner
        )  # fmt: skip
    if word == "all":
        return True
    kind, values = acls.get(word, ("", []))
    if kind == "src":
        return any(map(_is_everybody, values))
    if kind in _FREE:
        return True
    return False if kind in _ASKING or word in ("localhost", "manager", "to_localhost") else None


def _decided(rows: list[list[str]]) -> tuple[list[str], list[str]]:
    """The lines that let everybody in, and those that may."""
    acls: dict[str, tuple[str, list[str]]] = {}
    maybe: list[str] = []
    last = ""
    for words in rows:
        if words[0] == "acl" and len(words) > 2:
            acls.setdefault(words[1], (words[2], []))[1].extend(words[3:])
        if words[0] != "http_access" or len(words) < 2:
            continue
        action, last = words[1], words[1]
        fits = [_fits(word, acls) for word in words[2:]]
        text = " ".join(words)
        if action == "allow" and False not in fits:
            if None not in fits:
                return [text], maybe
            maybe.append(text)
        elif action == "deny" and all(_surely(word, acls) for word in words[2:]):
            return [], maybe
    return (["http_access allow (the opposite of the last line)"] if last != "allow" else []), maybe


def _surely(word: str, acls: dict[str, tuple[str, list[str]]]) -> bool:
    """Whether a word of a line that denies fits whatever somebody chooses."""
    kind, values = acls.get(word, ("", []))
    return word == "all" or (kind == "src" and any(map(_is_everybody, values)))


def _serves(rows: list[list[str]]) -> bool:
    """Whether it forwards for others than this host, and is no entry to servers of the site."""
    ports = [words[1:] for words in rows if words[0] in ("http_port", "https_port") and words[1:]]
    return any("accel" not in port and not is_loopback(port[0]) for port in ports) or not ports


@service_check(
    "linux.squid-open",
    names=("squid",),
    ports=("3128/tcp",),
    places=("/etc/squid",),
    expected=msg("http_access allow for named networks or accounts only"),
    remedy=msg("Allow named networks or accounts, and end with http_access deny all in squid.conf"),
    version=1,
)
def squid_open(files: ServiceFiles, service: Service) -> ServiceState:
    """Squid does not forward requests of everybody."""
    main = files.at(_MAIN)
    if main is None:
        return without_settings(files, _MAIN, "3128")
    rows = list(_rows(files, main))
    bad, maybe = _decided(rows)
    if service.only_loopback or not _serves(rows):
        bad, maybe = [], []
    missing = [words[1] for words in rows if words[0] == "!"]
    other = [path for path in options(service.words, "-f") if path != _MAIN]
    unsettled = [" ".join(words) for words in rows if words[0] in ("if", "else", "endif")]
    certain = about((bad, msg("It forwards for everybody: {names}", names=capped(bad))))
    asked = msg("Ask whether everybody may use these: {names}", names=capped(maybe))
    return ServiceState(
        open=certain,
        overrides=not_read([*missing, *other, *unsettled]),
        doubts=(asked,) if maybe else (),
        files=files.matching(r"/etc/squid/.*\.conf"),
        fine=msg("It forwards for named networks or accounts only"),
    )


READERS = (squid_open,)
