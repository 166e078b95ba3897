"""How long logrotate is told to keep the system log."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import Annotated

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    ParseError,
    Severity,
    Up,
    check,
    complete,
    fact,
    failed,
    known,
    known_or_absent,
    msg,
    optional,
    passed,
    undetermined,
    verbatim,
)
from audit_core.model import Answer, Judgement, Message, Verdict
from audit_linux.config_files import ConfigFile, ConfigPaths
from audit_linux.logs.journald import JOURNAL_CONF, JournalConf, JournalStorage
from audit_linux.logs.log_files import LOG_TREE, SECURITY_LOGS, SYSTEM_JOURNAL, LogTree

# --- how long -----------------------------------------------------------------------------------

# Any six months have at least 181 days, so counting 30 days a month never overstates six.
_PERIOD = {"hourly": 1 / 24, "daily": 1, "weekly": 7, "monthly": 30, "yearly": 365, "annually": 365}


class Rotation(Struct, frozen=True, kw_only=True):
    """How logrotate keeps the files of one stanza. `days` None: not told by time.

    `olddir` is the folder that it moves old copies to, empty where they stay.
    """

    paths: tuple[str, ...]
    days: int | None
    words: str
    olddir: str = ""

    def covers(self, name: str) -> bool:
        """True when the stanza is about /var/log/`name`."""
        return any(fnmatch.fnmatchcase(f"/var/log/{name}", pattern) for pattern in self.paths)


def _wordlists(lines: tuple[str, ...]) -> list[list[str]]:
    """Directives word by word, comments and the bodies of scripts left out."""
    every, inside = [], False
    for line in lines:
        # `rotate=4` is `rotate 4`
        plain = re.sub(r"^(\s*[a-z]+)\s*=", r"\1 ", line)
        words = plain.replace("{", " { ").replace("}", " } ").split()
        if inside:
            inside = words[:1] != ["endscript"]
            continue
        if len(words) > 1000:
            raise ParseError(msg("a line of {count} words, which is too long", count=len(words)))
        if words and not words[0].startswith("#"):
            inside = words[0] in ("postrotate", "prerotate", "firstaction", "lastaction",
                                  "preremove")  # fmt: skip
            every.append(words)
    return every


def _days(settings: dict[str, str]) -> int | None:
    """Days that rotation keeps; None when a size decides or the values are not plain."""
    if {"size", "maxsize"} & set(settings):
        return None
    count, period = settings.get("rotate", "0"), settings.get("period", "")
    if period not in _PERIOD or not re.fullmatch(r"-1|\d{1,6}", count, re.ASCII):
        return None
    days = 1 << 20 if count == "-1" else int(_PERIOD[period] * int(count))
    limit = settings.get("maxage", "")
    return min(days, int(limit)) if re.fullmatch(r"\d{1,6}", limit, re.ASCII) else days


def _apply(words: list[str], settings: dict[str, str]) -> None:
    if words[0] in _PERIOD:
        settings["period"] = words[0]
        settings.pop("size", None)
    elif words[0] == "noolddir":
        settings.pop("olddir", None)
    elif words[0] in ("rotate", "size", "maxsize", "maxage", "olddir"):
        settings[words[0]] = words[1] if len(words) > 1 else ""


def _stanzas(
    file: ConfigFile, defaults: dict[str, str], include: Callable[[str], list[Rotation]]
) -> list[Rotation]:
    found: list[Rotation] = []
    paths: list[str] = []
    local: dict[str, str] | None = None
    for words in _wordlists(file.lines):
        while words:
            if local is None and "{" in words:
                at = words.index("{")
                paths, local = [*paths, *words[:at]], dict(defaults)
                words = words[at + 1 :]
            elif local is not None and "}" in words:
                at = words.index("}")
                if words[:at]:
                    _apply(words[:at], local)
                text = ", ".join(f"{k} {v}" for k, v in sorted(local.items()))
                names = tuple(p.strip("\"'") for p in paths)
                found.append(Rotation(paths=names, days=_days(local), words=text,
                                      olddir=local.get("olddir", "")))  # fmt: skip
                paths, local, words = [], None, words[at + 1 :]
            else:
                if local is not None:
                    _apply(words, local)
                elif words[0].startswith(("/", '"', "'")):
                    paths += words
                elif words[0] == "include":
                    found += include(words[-1])
                else:
                    _apply(words, defaults)
                words = []
    if local is not None:
        raise ParseError(msg("a stanza of {path} is not closed", path=verbatim(file.path)))
    return found


# Left-overs that logrotate passes over: tabooext in logrotate(8).
_TABOO = (
    ",v", ".bak", ".cfsaved", ".disabled", ".dpkg-bak", ".dpkg-del", ".dpkg-dist", ".dpkg-new",
    ".dpkg-old", ".dpkg-tmp", ".rhn-cfg-tmp-", ".rpmnew", ".rpmorig", ".rpmsave", ".swp",
    ".ucf-dist", ".ucf-new", ".ucf-old", "~",
)  # fmt: skip


_MAIN = "/etc/logrotate.conf"
_FILES = ConfigPaths(files=(_MAIN,), folders=("/etc/logrotate.d",))


def parse_rotations(answer: Answer) -> tuple[Rotation, ...] | Absent:
    """The stanzas of logrotate.conf and of logrotate.d where the former includes it.

    A setting outside of stanzas holds for all that comes after it, in the files that are read
    later, too. An include that was not read may say something of every log.
    """
    files = _FILES.read(answer)
    if isinstance(files, Absent):
        return files
    defaults: dict[str, str] = {}
    rest = [f for f in files if f.path != _MAIN and not f.path.endswith(_TABOO)]

    def unread(place: str) -> list[Rotation]:
        return [Rotation(paths=("/var/log/*",), days=None, words=f"include {place[:200]}")]

    def include(place: str) -> list[Rotation]:
        if place.rstrip("/") != "/etc/logrotate.d":
            return unread(place)
        return [r for f in rest for r in _stanzas(f, defaults, unread)]

    main = [f for f in files if f.path == _MAIN]
    return tuple(r for f in main for r in _stanzas(f, defaults, include))


ROTATIONS = fact(
    "linux.logrotate",
    tuple[Rotation, ...],
    kind="host",
    ask=_FILES.request,
    parse=parse_rotations,
)


def _keeping(present: list[str], rotations: tuple[Rotation, ...]) -> dict[str, Rotation | None]:
    """The stanza of each log; of several the one that keeps least, an unclear one first."""

    def promise(rotation: Rotation) -> int:
        return -1 if rotation.days is None else rotation.days

    return {
        name: min((r for r in rotations if r.covers(name)), key=promise, default=None)
        for name in present
    }


@check(
    "linux.log-retention",
    needs=(
        complete(LOG_TREE),
        known_or_absent(optional(ROTATIONS)),
        known_or_absent(optional(JOURNAL_CONF)),
    ),
    severity=Severity.HIGH,
    version=4,
    remedy=msg("In logrotate keep at least 180 days, e.g. weekly with rotate 26"),
)
def log_retention(
    tree: LogTree,
    rotations: tuple[Rotation, ...] | Absent | None,
    journal: JournalConf | Absent | None,
    *,
    min_days: Annotated[int, Up] = 180,
) -> Judgement:
    """The configuration keeps the system log at least 180 days."""
    expected = msg("kept at least {days} days", days=min_days)
    files = {f.path for f in tree.files if not f.folder}
    present = [name for name in SECURITY_LOGS if name in files]
    if not present:
        return _journal(journal, min_days, expected)
    if isinstance(rotations, Absent):
        return undetermined(_NOT_READ, expected=expected)
    judged = _by_stanzas(_keeping(present, rotations or ()), tree.links, min_days, expected)
    if judged.verdict is Verdict.FAIL and _journal_may_keep(tree, known(journal), min_days):
        longer = msg("A journal on disk may hold the same records; its size decides for how long")
        return undetermined(*judged.detail, longer, expected=expected)
    return judged


def _journal_may_keep(tree: LogTree, journal: JournalConf | None, min_days: int) -> bool:
    """Whether beside text logs a journal on disk may keep records for `min_days`."""
    disk = any(SYSTEM_JOURNAL.fullmatch(file.path) for file in tree.files)
    conf = journal or JournalConf()
    lasting = conf.place(folder=True) is JournalStorage.DISK
    long = conf.most_days is None or conf.most_days >= min_days
    return disk and lasting and long and tree.filesystem not in ("tmpfs", "ramfs")


def _by_stanzas(
    keeping: dict[str, Rotation | None], links: tuple[str, ...], min_days: int, expected: Message
) -> Judgement:
    """What the stanzas of the logs that are there come to."""
    details = tuple(_kept(name, rotation) for name, rotation in keeping.items())
    # Without a stanza nothing throws the file away, or something does that was not asked.
    days = [r.days if r is not None else None for r in keeping.values()]
    if any(d is not None and d < min_days for d in days):
        return failed(*details, expected=expected)
    if None in days:
        return undetermined(*details, expected=expected)
    if linked := [name for name in SECURITY_LOGS if name in links]:
        away = msg("These are symbolic links whose targets were not checked: {names}",
                   names=tuple(linked))  # fmt: skip
        return undetermined(*details, away, expected=expected)
    return passed(*details, expected=expected)


_NOT_READ = msg("The configuration of log retention was not read")


def _journal(journal: JournalConf | Absent | None, min_days: int, expected: Message) -> Judgement:
    none = msg("/var/log holds none of {names}", names=SECURITY_LOGS)
    if isinstance(journal, Absent):
        return undetermined(none, _NOT_READ, expected=expected)
    days = journal.most_days if journal else None
    if journal is None or days is None:
        detail = msg("the journal is kept by size, not by time")
        return undetermined(none, detail, expected=expected)
    detail = msg("journald keeps records at most {days} days (MaxRetentionSec={value})",
               days=days, value=journal.max_retention)  # fmt: skip
    # A size limit may remove records earlier, so time alone does not decide.
    return (failed if days < min_days else undetermined)(none, detail, expected=expected)


def _kept(name: str, rotation: Rotation | None) -> Message:
    if rotation is None:
        return msg("/var/log/{name}: no logrotate stanza", name=name)
    if rotation.days is None:
        return msg("/var/log/{name}: kept by size, not by time ({line})", name=name,
                   line=verbatim(rotation.words))  # fmt: skip
    return msg("/var/log/{name}: kept {days} days ({line})", name=name, days=rotation.days,
               line=verbatim(rotation.words))  # fmt: skip


FACTS = (ROTATIONS,)
CHECKS = (log_retention,)
