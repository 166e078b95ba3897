"""What syslog-ng sends to other machines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from audit_core.api.sdk import (
    Absent,
    ParseError,
    capped,
    fact,
    msg,
)
from audit_core.model import Answer
from audit_linux.config_files import ConfigPaths
from audit_linux.logs.forwards import Forward, Forwards, uncomment

_DRIVER = re.compile(r'\b(?:network|syslog|tcp6?|udp6?)\s*\(\s*(?:ip\s*\(\s*)?"?([^"\s();,]+)')
_USED = re.compile(r"\bdestination\s*\(\s*\"?([\w.-]+)\"?\s*\)")
_LOCAL_SOURCE = re.compile(
    r"\b(system|internal|unix-(?:stream|dgram)|systemd-(?:journal|syslog))\s*\("
)
_SOURCES = re.compile(r"\bsource\s*\(\s*\"?([\w.-]+)\"?\s*\)")
_INCLUDE = re.compile(r"@include \"?([^\s\"]{1,200})")
_INLINE = re.compile(r"\bdestination ?\{([^{}]*)\}")
_FINAL = re.compile(r"\bflags ?\([^)]{0,80}\bfinal\b")
_BLOCK = re.compile(r"\b(source|destination|log) ?\"?([\w.-]{0,80})\"? ?\{$")


def _blocks(text: str) -> list[tuple[str, str, str]]:
    """The top-level source, destination and log blocks: (keyword, name, body)."""
    found, at = [], 0
    depth, start = 0, 0
    for brace in re.finditer(r"[{}]", text):
        if brace[0] == "{":
            start = brace.end() if depth == 0 else start
            depth += 1
        else:
            depth -= 1
        if depth < 0:
            raise ParseError(msg("a block is closed twice"))
        if depth == 0:
            heading = _BLOCK.search(text, at, start)
            if heading:
                found.append((heading[1], heading[2], text[start : brace.start()]))
            at = brace.end()
    if depth:
        raise ParseError(msg("a block is not closed"))
    return found


_FILES = ConfigPaths(
    files=("/etc/syslog-ng/syslog-ng.conf",), folders=("/etc/syslog-ng/conf.d",), pattern="*.conf"
)


def parse_syslog_ng(answer: Answer) -> Forwards | Absent:
    """The network destinations that a log path of syslog-ng uses; filters make it not `every`."""
    files = _FILES.read(answer)
    if isinstance(files, Absent):
        return files
    # One blank for each run of blanks: then no pattern below can be slow on blanks.
    text = " ".join(uncomment("\n".join(line for f in files for line in f.lines)).split())
    blocks = _blocks(text)
    unread = [
        i
        for i in _INCLUDE.findall(text)
        if i not in ("scl.conf", "/etc/syslog-ng/conf.d/*.conf", "conf.d/*.conf")
    ]
    return Forwards(forwards=tuple(_forwards(blocks)), unread=capped(unread))


def _forwards(blocks: list[tuple[str, str, str]]) -> Iterator[Forward]:
    targets = {name: _DRIVER.findall(body) for word, name, body in blocks if word == "destination"}
    local = {n for word, n, body in blocks if word == "source" and _LOCAL_SOURCE.search(body)}
    paths = [body for word, _, body in blocks if word == "log"]
    for body in paths:
        named = (host for name in _USED.findall(body) for host in targets.get(name, []))
        inline = (host for inner in _INLINE.findall(body) for host in _DRIVER.findall(inner))
        for host in (*named, *inline):
            yield Forward(target=host, every=_whole(body, local, paths), file="/etc/syslog-ng")


def _whole(body: str, local: set[str], paths: list[str]) -> bool:
    """True when a log path takes all of the host's own records and no other path takes them off."""
    own = bool(local & set(_SOURCES.findall(body))) or bool(_LOCAL_SOURCE.search(body))
    final = any(_FINAL.search(other) for other in paths if other != body)
    return own and not final and not re.search(r"\bfilter\b", body)


SYSLOG_NG = fact(
    "linux.syslog-ng-forwards",
    Forwards,
    ask=_FILES.request,
    parse=parse_syslog_ng,
)
