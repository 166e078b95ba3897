"""What rsyslog sends to other machines."""

from __future__ import annotations

import re

from msgspec import structs

from audit_core.api.sdk import (
    Absent,
    ParseError,
    capped,
    fact,
    msg,
    verbatim,
)
from audit_core.model import Answer
from audit_linux.config_files import ConfigPaths
from audit_linux.logs.forwards import STRING, Forward, Forwards, uncomment

# The bound on the options keeps a hostile line of `@(` linear.
_LEGACY = re.compile(
    r"(?:^|\s)-?(?:@@?(?:\([^)]{0,40}\))?|:omrelp:)(\[[0-9a-fA-F:.%]{1,60}\]|[^\s:;#@()]{1,255})"
)
_LONGEST = 4096
_DEEPEST = 64
_ACTION = re.compile(r"action\s*\(([^()]*)\)", re.IGNORECASE)
_PARAMETER = re.compile(r'([a-z._]{1,40})\s*=\s*(?:"([^"]*)"|\[([^\]]*)\])', re.IGNORECASE)
_INCLUDE = re.compile(
    r"^[ \t]*(?:\$IncludeConfig[ \t]+(\S+)|include[ \t]*\([ \t]*file[ \t]*=[ \t]*\"([^\"\n]*)\")",
    re.MULTILINE | re.IGNORECASE,
)
_FORWARDING = frozenset({"omfwd", "omrelp"})
# Outputs that leave records on the host.
_STAYING = frozenset({"", "omfile", "omusrmsg", "omjournal", "ompipe", "omstdout", "omdiscard"})
_OLD_OUTPUT = re.compile(r":(om[a-z]{1,30}):")


def _selects_logins(selector: str) -> bool:
    """True when a legacy selector takes auth and authpriv records of priority info."""
    chosen = {"auth": False, "authpriv": False}
    for part in selector.split(";"):
        facility, _, priority = part.partition(".")
        names = facility.lower().split(",")
        for name in chosen:
            if "*" in names or name in names:
                chosen[name] = priority.lower() in ("*", "info", "debug")
    return all(chosen.values())


_SELECTOR = re.compile(r"[\w*,]{1,200}\.[\w*=!;,.]{1,200}", re.ASCII)


def _opens(line: str) -> bool:
    """True when what stands on the next line is done on the condition that ends `line`."""
    last = line[-_LONGEST:].rsplit(None, 1)[-1:]
    return bool(last) and last[0].lower().rpartition(")")[2] in ("then", "else", "do")


def _before(text: str, at: int) -> tuple[str, str]:
    """What stands on the line before `at`, and the last line with text above it."""
    start = text.rfind("\n", 0, at) + 1
    line, above, end = text[max(start, at - _LONGEST) : at].strip(), "", start - 1
    while end > 0 and not above:
        start = text.rfind("\n", 0, end) + 1
        above, end = text[max(start, end - _LONGEST) : end].strip(), start - 1
    return line, above


def _unconditional(text: str, at: int) -> bool:
    """True when what begins at `at`, outside of blocks, is done with the records of logins.

    A condition may stand on the line above: rsyslog takes a line break for a blank.
    """
    line, above = _before(text, at)
    if line:
        return _selects_logins(line.split()[0]) and not _opens(above)
    if _SELECTOR.fullmatch(above):
        return _selects_logins(above)
    return not _opens(above)


def _targets(values: dict[str, tuple[str, str]]) -> list[str]:
    one, many = values.get("target", ("", ""))
    return [t.strip(' \t\n"') for t in many.split(",")] if many else [one]


def _scripted(text: str, file: str) -> tuple[list[Forward], list[str]]:
    """The forwards of `action(…)`, and the other outputs whose targets are not read."""
    found: list[Forward] = []
    others: list[str] = []
    seen = level = 0
    for match in _ACTION.finditer(text):
        level += text.count("{", seen, match.start()) - text.count("}", seen, match.start())
        seen = match.start()
        values = {k.lower(): (one, many) for k, one, many in _PARAMETER.findall(match[1])}
        kind = values.get("type", ("", ""))[0].lower()
        if kind not in _FORWARDING:
            others += [kind] * (kind not in _STAYING)
            continue
        every = level <= 0 and _unconditional(text, match.start())
        found += [Forward(target=t, every=every, file=file) for t in _targets(values)]
    return found, others


def _legacy(text: str, file: str) -> list[Forward]:
    """The forwards of lines such as `*.* @@host`."""
    found, level, above, own = [], 0, "", False
    for line in STRING.sub('""', text).split("\n"):
        if len(line) > _LONGEST:
            raise ParseError(
                msg(
                    "a line of {count} characters in {path}, which is too long",
                    count=len(line),
                    path=verbatim(file),
                )
            )
        words = line.split()
        if words and words[0].lower() == "$ruleset":
            own = words[-1].lower() != "rsyslog_defaultruleset"
        if match := _LEGACY.search(line):
            logins = _selects_logins(line[: match.start()].strip())
            every = logins and level == 0 and not own and not _opens(above)
            found.append(Forward(target=match[1], every=every, file=file))
        level += line.count("{") - line.count("}")
        above = line.strip() or above
    return found


# --- rules that stop records --------------------------------------------------------------------

_STOP = re.compile(r"(?:^|(?<=[\s{}]))(?:stop(?=$|[\s}])|~\s*$)", re.IGNORECASE)
_ABOUT = re.compile(
    r"(?:^:\s*|\$)(?:programname|syslogtag|app-name)\s*(?:,\s*|\s)"
    r"(?:isequal|startswith|contains|==)\s*,?\s*[\"']([^\"']{0,80})[\"']",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(r"!|\bnot\b|\belse\b", re.IGNORECASE)
_LOGIN_PROGRAM = re.compile(
    r"ssh|su|login|pam|auth|pass|user|group|cron|polkit|dm|systemd|kernel|^$", re.IGNORECASE
)


def _spares_logins(condition: str) -> bool:
    """True when a rule under `condition` surely touches no record about a login."""
    plain = STRING.sub('""', condition)
    if condition.startswith("ruleset"):
        return True
    word = condition.split()[0] if condition.split() else ""
    if _SELECTOR.fullmatch(word):
        names = word.partition(".")[0].lower().split(",")
        return ";" not in word and not {"*", "auth", "authpriv"} & set(names)
    about = _ABOUT.findall(condition)
    either = len(re.findall(r"\bor\b", plain, re.IGNORECASE))
    return (
        bool(about) and not _OTHERWISE.search(plain)
        and (not either or len(about) == either + 1)
        and not any(_LOGIN_PROGRAM.search(name) for name in about)
    )  # fmt: skip


def _stops_logins(text: str) -> bool:
    """True when a rule may stop records about logins, so that later rules never see them."""
    blocks: list[str] = []
    above = ""
    for line in text.split("\n"):
        head = line.strip()
        if not head:
            continue
        if head.startswith("&"):
            head = above
        elif _opens(above):
            head = f"{above[-_LONGEST:]} {head}"
        at = 0
        for mark in re.finditer(r"[{}]|" + _STOP.pattern, line, re.IGNORECASE):
            if mark[0] == "{" and len(blocks) > _DEEPEST:
                raise ParseError(msg("blocks are nested too deeply"))
            if mark[0] == "{":
                blocks.append(line[at : mark.start()].strip() or above)
            elif mark[0] == "}":
                del blocks[-1:]
            elif not _LEGACY.search(head) and not any(map(_spares_logins, (*blocks, head))):
                return True
            at = mark.end() if mark[0] in "{}" else at
        above = above if line.strip().startswith("&") else head
    return False


_FILES = ConfigPaths(files=("/etc/rsyslog.conf",), folders=("/etc/rsyslog.d",), pattern="*.conf")


def parse_rsyslog(answer: Answer) -> Forwards | Absent:
    """The forwarding rules of rsyslog.conf and, if it includes them, rsyslog.d/*.conf."""
    files = _FILES.read(answer)
    if isinstance(files, Absent):
        return files
    main = next((f for f in files if f.path == "/etc/rsyslog.conf"), None)
    if main is None:
        raise ParseError(msg("rsyslog.d without rsyslog.conf"))
    texts = {f.path: uncomment("\n".join(f.lines)) for f in files}
    ours = ("/etc/rsyslog.d/*.conf", "/etc/rsyslog.d/", "/etc/rsyslog.d/*")
    if not any(i in ours for i in _included(texts[main.path])):
        texts = {main.path: texts[main.path]}
    return _forwards(texts, [i for t in texts.values() for i in _included(t) if i not in ours])


def _included(text: str) -> list[str]:
    return [a or b for a, b in _INCLUDE.findall(text)]


# Without one of them rsyslog receives at most records of other hosts, none of its own.
_HEARS = re.compile(r"\bim(?:uxsock|journal)\b")


def _forwards(texts: dict[str, str], unread: list[str]) -> Forwards:
    scripted = [_scripted(text, path) for path, text in texts.items()]
    found = [f for forwards, _ in scripted for f in forwards]
    found += [f for path, text in texts.items() for f in _legacy(text, path)]
    deaf = not any(_HEARS.search(text) for text in texts.values())
    if deaf or any(_stops_logins(text) for text in texts.values()):
        found = [structs.replace(forward, every=False) for forward in found]
    others = {kind for _, kinds in scripted for kind in kinds}
    others |= {k for t in texts.values() for k in _OLD_OUTPUT.findall(t)} - _FORWARDING - _STAYING
    return Forwards(forwards=tuple(found), unread=capped(unread), others=capped(others))


RSYSLOG = fact(
    "linux.rsyslog-forwards",
    Forwards,
    ask=_FILES.request,
    parse=parse_rsyslog,
)
