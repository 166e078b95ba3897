"""Are log records sent to another machine."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from msgspec import Struct, structs

from audit_core.model import Answer, Judgement, Verdict
from audit_core.sdk import (
    Absent,
    ParseError,
    Severity,
    Up,
    check,
    fact,
    failed,
    msg,
    optional,
    passed,
    undetermined,
)
from audit_linux.system._common import ConfFile, capped, conf_request, parse_conf
from audit_linux.system.log_files import LOG_TREE, LogTree
from audit_linux.system.log_reach import HOST_SINCE, log_oldest
from audit_linux.system.log_rotation import ROTATIONS, Rotation, log_retention
from audit_linux.system.processes import PROCESSES, Process, running, shown
from audit_linux.system.units import UNITS, Units

SHIPPERS = (
    "filebeat", "fluentd", "fluent-bit", "td-agent", "vector", "promtail", "nxlog", "logstash",
    "ilogtail", "loongcollector", "splunkd",
)  # fmt: skip


class Forward(Struct, frozen=True, kw_only=True):
    """One rule that sends records away. `every`: it covers the records about logins."""

    target: str
    every: bool
    file: str


class Forwards(Struct, frozen=True, kw_only=True):
    """The forwarding of one daemon, and the includes that were not read."""

    forwards: tuple[Forward, ...]
    unread: tuple[str, ...] = ()


def _local(target: str) -> bool:
    if target in ("localhost", "localhost.localdomain", "ip6-localhost", ""):
        return True
    try:
        return ipaddress.ip_address(target.strip("[]")).is_loopback
    except ValueError:
        return False


# --- rsyslog ------------------------------------------------------------------------------------

# A comment starts a word: `/etc/rsyslog.d/*.conf` holds none.
_SPECIAL = re.compile(r'["#]|(?<!\S)/\*')
_STRING = re.compile(r'"[^"\n]*"')
# The bound on the options keeps a hostile line of `@(` linear.
_LEGACY = re.compile(
    r"(?:^|\s)-?(?:@@?(?:\([^)]{0,40}\))?|:omrelp:)(\[[0-9a-fA-F:.%]{1,60}\]|[^\s:;#@()]{1,255})"
)
_LONGEST = 4096
_ACTION = re.compile(r"action\s*\(([^()]*)\)", re.IGNORECASE)
_PARAMETER = re.compile(r'([a-z._]{1,40})\s*=\s*"([^"]*)"', re.IGNORECASE)
_INCLUDE = re.compile(
    r"^[ \t]*(?:\$IncludeConfig[ \t]+(\S+)|include[ \t]*\([ \t]*file[ \t]*=[ \t]*\"([^\"\n]*)\")",
    re.MULTILINE | re.IGNORECASE,
)


def _uncomment(text: str) -> str:
    """`text` without `#` and `/* */` comments; strings (within a line) are left alone."""
    kept, at = [], 0
    while match := _SPECIAL.search(text, at):
        kept.append(text[at : match.start()])
        at = match.end()
        if match[0] == '"':
            string = _STRING.match(text, match.start())
            at = string.end() if string else at
            kept.append(text[match.start() : at])
        else:
            end = text.find("\n" if match[0] == "#" else "*/", at)
            at = len(text) if end < 0 else end + (0 if match[0] == "#" else 2)
    return "".join((*kept, text[at:]))


def _selects_logins(selector: str) -> bool:
    """True when a legacy selector takes auth or authpriv records of priority info."""
    chosen = False
    for part in selector.split(";"):
        facility, _, priority = part.partition(".")
        names = facility.lower().split(",")
        if {"*", "auth", "authpriv"} & set(names):
            chosen = priority.lower() in ("*", "info", "debug")
    return chosen


def _scripted(text: str, file: str) -> list[Forward]:
    found = []
    seen, level = 0, 0

    def depth(to: int) -> int:
        nonlocal seen, level
        level += text.count("{", seen, to) - text.count("}", seen, to)
        seen = to
        return level

    for match in _ACTION.finditer(text):
        values = {k.lower(): v for k, v in _PARAMETER.findall(match[1])}
        if values.get("type", "").lower() not in ("omfwd", "omrelp"):
            continue
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip()
        inside = depth(match.start()) > 0
        plain = (not line and not inside) or (bool(line) and _selects_logins(line.split()[0]))
        found.append(Forward(target=values.get("target", ""), every=plain and not inside,
                             file=file))  # fmt: skip
    return found


def _rsyslog_forwards(file: ConfFile) -> list[Forward]:
    text = _uncomment("\n".join(file.lines))
    found = _scripted(text, file.path)
    inside = 0
    for line in _STRING.sub('""', text).split("\n"):
        if len(line) > _LONGEST:
            raise ParseError(f"a line of {len(line)} characters in {file.path[:80]!r}")
        match = _LEGACY.search(line)
        if match:
            selector = line[: match.start()].strip()
            every = inside == 0 and _selects_logins(selector)
            found.append(Forward(target=match[1], every=every, file=file.path))
        inside += line.count("{") - line.count("}")
    return found


def _drops_logins(file: ConfFile) -> bool:
    """True when a legacy rule stops records about logins, so that later rules never see them."""
    before = ""
    for line in _uncomment("\n".join(file.lines)).split("\n"):
        words = line.split()
        if not words:
            continue
        before = before if words[0] == "&" else words[0]
        if len(words) > 1 and words[-1] in ("stop", "~") and _selects_logins(before):
            return True
    return False


def parse_rsyslog(answer: Answer) -> Forwards | Absent:
    """The forwarding rules of rsyslog.conf and, if it includes them, rsyslog.d/*.conf."""
    files = parse_conf(answer)
    if isinstance(files, Absent):
        return files
    main = next((f for f in files if f.path == "/etc/rsyslog.conf"), None)
    if main is None:
        raise ParseError("rsyslog.d without rsyslog.conf")
    text = _uncomment("\n".join(main.lines))
    included = [a or b for a, b in _INCLUDE.findall(text)]
    ours = ("/etc/rsyslog.d/*.conf", "/etc/rsyslog.d/", "/etc/rsyslog.d/*")
    used = [f for f in files if f is main or any(i in ours for i in included)]
    found = [forward for f in used for forward in _rsyslog_forwards(f)]
    if any(_drops_logins(f) for f in used):
        found = [structs.replace(forward, every=False) for forward in found]
    unread = capped(i for i in included if i not in ours)
    return Forwards(forwards=tuple(found), unread=unread)


RSYSLOG = fact(
    "linux.rsyslog-forwards",
    Forwards,
    ask=conf_request(("/etc/rsyslog.conf",), (("/etc/rsyslog.d", "*.conf"),)),
    parse=parse_rsyslog,
)

# --- syslog-ng ----------------------------------------------------------------------------------

_DRIVER = re.compile(r'\b(?:network|syslog|tcp6?|udp6?)\s*\(\s*(?:ip\s*\(\s*)?"?([^"\s();,]+)')
_USED = re.compile(r"\bdestination\s*\(\s*\"?([\w.-]+)\"?\s*\)")
_BLOCK = re.compile(r"\b(destination|log) ?\"?([\w.-]{0,80})\"? ?\{$")


def _blocks(text: str) -> list[tuple[str, str, str]]:
    """The top-level destination and log blocks: (keyword, name, body)."""
    found, at = [], 0
    depth, start = 0, 0
    for brace in re.finditer(r"[{}]", text):
        if brace[0] == "{":
            start = brace.end() if depth == 0 else start
            depth += 1
        else:
            depth -= 1
        if depth < 0:
            raise ParseError("a block ends twice")
        if depth == 0:
            heading = _BLOCK.search(text, at, start)
            if heading:
                found.append((heading[1], heading[2], text[start : brace.start()]))
            at = brace.end()
    if depth:
        raise ParseError("a block has no end")
    return found


def parse_syslog_ng(answer: Answer) -> Forwards | Absent:
    """The network destinations that a log path of syslog-ng uses; filters make it not `every`."""
    files = parse_conf(answer)
    if isinstance(files, Absent):
        return files
    # One blank for each run of blanks: then no pattern below can be slow on blanks.
    text = " ".join(_uncomment("\n".join(line for f in files for line in f.lines)).split())
    targets: dict[str, list[str]] = {}
    paths: list[str] = []
    for keyword, name, body in _blocks(text):
        if keyword == "destination":
            targets[name] = _DRIVER.findall(body)
        else:
            paths.append(body)
    found = [
        Forward(target=host, every=not re.search(r"\bfilter\b", body), file="/etc/syslog-ng")
        for body in paths for name in _USED.findall(body) for host in targets.get(name, [])
    ]  # fmt: skip
    return Forwards(forwards=tuple(found))


SYSLOG_NG = fact(
    "linux.syslog-ng-forwards",
    Forwards,
    ask=conf_request(("/etc/syslog-ng/syslog-ng.conf",), (("/etc/syslog-ng/conf.d", "*.conf"),)),
    parse=parse_syslog_ng,
)

# --- systemd-journal-upload ---------------------------------------------------------------------


def parse_upload(answer: Answer) -> str | Absent:
    """The URL that journal records are uploaded to; empty when none is set."""
    files = parse_conf(answer)
    if isinstance(files, Absent):
        return files
    url = ""
    for line in (line.strip() for f in files for line in f.lines):
        if line.startswith("URL="):
            url = line[4:].strip()
    return url


UPLOAD = fact(
    "linux.journal-upload",
    str,
    ask=conf_request(("/etc/systemd/journal-upload.conf",),
                     (("/etc/systemd/journal-upload.conf.d", "*.conf"),)),
    parse=parse_upload,
)  # fmt: skip


def _upload_host(url: str) -> str:
    return re.sub(r"^https?://", "", url).rpartition("@")[2].split("/")[0].rsplit(":", 1)[0]


@check(
    "linux.log-remote",
    needs=(PROCESSES, optional(RSYSLOG), optional(SYSLOG_NG), optional(UPLOAD), optional(UNITS)),
    severity=Severity.MEDIUM,
    remedy=msg("Send all records to the log server, e.g. *.* @@log.example.com:514 in rsyslog.d"),
)
def log_remote(
    processes: tuple[Process, ...],
    rsyslog: Forwards | None,
    syslog_ng: Forwards | None,
    upload: str | None,
    units: Units | None,
) -> Judgement:
    """System log records, those about logins included, are sent to another machine."""
    expected = msg("a running log daemon that forwards auth records to a host other than itself")
    live = [
        (daemon, forwards)
        for daemon, forwards in (("rsyslogd", rsyslog), ("syslog-ng", syslog_ng))
        if forwards is not None and running(processes, (daemon,))
    ]
    away = [f for _, fs in live for f in fs.forwards if not _local(f.target)]
    uploading = units is not None and "systemd-journal-upload.service" in units.active
    if upload and uploading and not _local(_upload_host(upload)):
        said = msg("systemd-journal-upload sends to {host}", host=_upload_host(upload))
        return passed(said, expected=expected)
    whole = [f"{f.target} ({f.file})" for f in away if f.every]
    if whole:
        said = msg("Forwarded to {targets}", targets=capped(whole))
        return passed(said, expected=expected)
    return _unsettled(away, [fs for _, fs in live], processes) or failed(
        msg("No forwarding to another machine; log daemons seen: {daemons}",
            daemons=tuple(name for name, _ in live) or ("-",)),
        expected=expected,
    )  # fmt: skip


def _unsettled(
    away: list[Forward], read: list[Forwards], processes: tuple[Process, ...]
) -> Judgement | None:
    """An undetermined judgement when something may forward that was not read to the end."""
    if away:
        some = capped(f"{f.target} ({f.file})" for f in away)
        return undetermined(msg("Only part of the records goes to {targets}, or on a condition",
                                targets=some))  # fmt: skip
    unread = [path for fs in read for path in fs.unread]
    if unread:
        return undetermined(msg("These included files were not read: {paths}",
                                paths=capped(unread)))  # fmt: skip
    shippers = running(processes, SHIPPERS)
    if shippers:
        return undetermined(msg("{processes} runs; where it sends to was not read",
                                processes=capped(shown(shippers))))  # fmt: skip
    return None


@check(
    "linux.log-kept-or-sent",
    needs=(
        LOG_TREE,
        optional(ROTATIONS),
        optional(HOST_SINCE),
        *log_remote.needs,
    ),
    severity=Severity.HIGH,
    remedy=msg("Keep system logs 180 days, or send them to a log server that does"),
)
def log_kept_or_sent(
    tree: LogTree,
    rotations: tuple[Rotation, ...] | None,
    since: int | None,
    *sending: Any,
    min_days: Annotated[int, Up] = 180,
) -> Judgement:
    """The system log is kept at least 180 days on the host or is sent to another machine."""
    expected = msg("kept at least {days} days, or forwarded to another machine", days=min_days)
    kept = log_retention.judge(tree, rotations, min_days=min_days)
    oldest = log_oldest.judge(tree, None, since, rotations, min_days=min_days)
    sent = log_remote.judge(*sending)
    said = (*kept.said, *oldest.said, *sent.said)
    long = kept.verdict is Verdict.PASS and oldest.verdict in (
        Verdict.PASS,
        Verdict.NOT_APPLICABLE,
    )
    if sent.verdict is Verdict.PASS or long:
        return passed(*said, expected=expected)
    if sent.verdict is Verdict.FAIL and Verdict.FAIL in (kept.verdict, oldest.verdict):
        return failed(*said, expected=expected)
    return undetermined(*said, expected=expected)


FACTS = (RSYSLOG, SYSLOG_NG, UPLOAD)
CHECKS = (log_remote, log_kept_or_sent)
