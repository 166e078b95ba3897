"""How long logrotate is told to keep the system log."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable
from typing import Annotated

from msgspec import Struct, structs

from audit_core.api.sdk import (
    Absent,
    FileEntry,
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
from audit_linux.config_files import ConfigPaths, whole_files
from audit_linux.logs.journald import JOURNAL_CONF, JournalConf, JournalStorage
from audit_linux.logs.log_cleaners import CLEANERS, Cleaner
from audit_linux.logs.log_files import LOG_TREE, SECURITY_LOGS, SYSTEM_JOURNAL, LogTree
from audit_linux.logs.logrotate_reader import Settings, Stanza, read_stanzas

# --- how long -----------------------------------------------------------------------------------

# Any six months have at least 181 days, so counting 30 days a month never overstates six.
_PERIOD = {"hourly": 1 / 24, "daily": 1, "weekly": 7, "monthly": 30, "yearly": 365}


class Rotation(Struct, frozen=True, kw_only=True):
    """How logrotate keeps the files of one stanza. `days` None: not told by time.

    `most` are the days where that depends on how often logrotate is started (`hourly`), and None
    where they are the same. `olddir` is the folder that it moves old copies to, empty where they
    stay. `copies` are the files that it keeps, None without a limit. `refused` is the place and
    text because of which logrotate drops the stanza. With `shares` a later stanza may name its
    logs too; `su` names an account that rotates.
    """

    paths: tuple[str, ...]
    days: int | None
    words: str
    most: int | None = None
    olddir: str = ""
    refused: str = ""
    shares: bool = False
    su: bool = False
    copies: int | None = None

    @property
    def longest(self) -> int | None:
        """The days that it keeps at most; None as `days`."""
        return self.days if self.most is None else self.most

    def covers(self, name: str) -> bool:
        """True when the stanza is about /var/log/`name`."""
        return any(_names(pattern, (name,)) for pattern in self.paths)


def _names(pattern: str, names: Iterable[str]) -> list[str]:
    """Those of `names` below /var/log for which a pattern of glob(3) stands, `*` for no slash."""
    words = os.path.normpath(pattern).split("/")
    if not all(map(fnmatch.fnmatchcase, ("", "var", "log"), words)):
        return []
    return [n for n in names if len(parts := n.split("/")) == len(words) - 3
            and all(map(fnmatch.fnmatchcase, parts, words[3:]))]  # fmt: skip


def _rotation(stanza: Stanza) -> Rotation:
    own = stanza.settings
    if stanza.unread:
        return Rotation(paths=stanza.patterns, days=None, words=f"include {stanza.unread}")
    least, most = _days(own)
    return Rotation(
        paths=stanza.patterns, days=least, most=most, words=_words(own), olddir=own.olddir,
        refused=stanza.refused, shares=own.ignoreduplicates, su=own.su,
        copies=None if own.rotate == -1 else own.rotate,
    )  # fmt: skip


def _words(own: Settings) -> str:
    more = [f"{name} {value}" for name in ("maxsize", "maxage", "olddir")
            if (value := getattr(own, name))]  # fmt: skip
    return ", ".join((own.period, f"rotate {own.rotate}", *more))


def _days(own: Settings) -> tuple[int | None, int | None]:
    """Days that rotation keeps, at least and at most; None when a size decides."""
    if own.period not in _PERIOD or own.maxsize:
        return None, None

    def kept(period: float) -> int:
        days = 1 << 20 if own.rotate == -1 else int(period * own.rotate)
        return min(days, own.maxage) if own.maxage else days

    # `hourly` is daily where logrotate is started once a day
    daily = kept(1) if own.period == "hourly" else None
    return kept(_PERIOD[own.period]), daily


_MAIN = "/etc/logrotate.conf"
_FOLDER = "/etc/logrotate.d"
_FILES = ConfigPaths(files=(_MAIN,), folders=(_FOLDER,))


def parse_rotations(answer: Answer) -> tuple[Rotation, ...] | Absent:
    """The stanzas of logrotate.conf and of logrotate.d where the former includes it, in order.

    A setting outside of stanzas holds for all that comes after it, in the files that are read
    later, too. An include that was not read may say something of every log.
    """
    files = whole_files(answer)
    if isinstance(files, Absent):
        return files
    texts = {file.path: file.text for file in files}
    ignored = {file.path: why for file in files if (why := _ignored(file))}
    return tuple(map(_rotation, read_stanzas(texts, _MAIN, (_FOLDER,), ignored)))


def _ignored(file: FileEntry) -> str:
    """Why logrotate, which runs as root, passes over a file; empty where it does not."""
    return f"uid {file.uid}" if file.uid else f"{file.mode:04o}" if file.mode & 0o022 else ""


ROTATIONS = fact(
    "linux.logrotate",
    tuple[Rotation, ...],
    kind="host",
    ask=_FILES.request,
    parse=parse_rotations,
)


def stanzas_of(names: Iterable[str], rotations: tuple[Rotation, ...]) -> dict[str, Rotation]:
    """The stanza that holds for each log of `names`, which are all files below /var/log.

    The first that names a log has it, unless it is refused. A later one that names it again loses
    what its pattern stands for from there on; with `ignoreduplicates` only that log.
    """
    taken: dict[str, Rotation] = {}
    ordered = sorted(names)
    for rotation in rotations:
        if rotation.refused:
            continue
        for pattern in rotation.paths:
            for name in _names(pattern, ordered):
                if name not in taken:
                    taken[name] = rotation
                elif not taken[name].shares:
                    break
    return taken


@check(
    "linux.log-retention",
    needs=(
        complete(LOG_TREE),
        known_or_absent(optional(ROTATIONS)),
        known_or_absent(optional(JOURNAL_CONF)),
        known_or_absent(CLEANERS),
    ),
    severity=Severity.HIGH,
    version=6,
    remedy=msg("In logrotate keep at least 180 days, e.g. weekly with rotate 26"),
)
def log_retention(
    tree: LogTree,
    rotations: tuple[Rotation, ...] | Absent | None,
    journal: JournalConf | Absent | None,
    cleaners: tuple[Cleaner, ...] | Absent,
    *,
    min_days: Annotated[int, Up] = 180,
) -> Judgement:
    """The configuration keeps the system log at least 180 days."""
    expected = msg("kept at least {days} days", days=min_days)
    files = {f.path for f in tree.files if not f.folder}
    present = [name for name in SECURITY_LOGS if name in files]
    found = known(cleaners) or ()
    if not present:
        return _journal(_vacuumed(known(journal), found), journal, min_days, expected)
    if isinstance(rotations, Absent):
        return undetermined(_NOT_READ, expected=expected)
    keeping = _keeping(tree, present, rotations or (), forced=any(c.forced for c in found))
    judged = _by_stanzas(keeping, tree.links, min_days, expected)
    judged = _with_cleaners(judged, present, found, min_days)
    lasting = _vacuumed(known(journal), found)
    if judged.verdict is Verdict.FAIL and _journal_may_keep(tree, lasting, min_days):
        longer = msg("A journal on disk may hold the same records; its size decides for how long")
        return undetermined(*judged.detail, longer, expected=expected)
    return judged


def _keeping(
    tree: LogTree, present: list[str], rotations: tuple[Rotation, ...], *, forced: bool
) -> dict[str, Rotation | None]:
    """The stanza of each log that is there; `forced`: each is rotated every day."""
    holding = stanzas_of(log_names(tree), rotations)
    held = {name: holding.get(name) for name in present}
    return {name: _each_day(one) if one and forced else one for name, one in held.items()}


def _each_day(stanza: Rotation) -> Rotation:
    """The stanza where logrotate is started every day with -f."""
    if stanza.copies is None:
        return stanza
    days = stanza.copies if stanza.days is None else min(stanza.days, stanza.copies)
    return structs.replace(stanza, days=days, most=None, words=f"logrotate -f, {stanza.words}")


def _with_cleaners(
    judged: Judgement, present: list[str], cleaners: tuple[Cleaner, ...], min_days: int
) -> Judgement:
    """The judgement with what removes the logs that are there before their time."""
    early = [one for one in cleaners
             if one.days + 1 < min_days and any(map(one.removes, present))]  # fmt: skip
    if not early:
        return judged
    removed = tuple(
        msg("{path} removes logs of more than {days} days: {line}", path=one.where,
            days=int(one.days), line=verbatim(one.text))
        for one in early
    )  # fmt: skip
    copied = judged.verdict is not Verdict.FAIL and all(one.copied for one in early)
    verdict = undetermined if copied else failed
    return verdict(*judged.detail, *removed, expected=judged.expected)


def _vacuumed(journal: JournalConf | None, cleaners: tuple[Cleaner, ...]) -> JournalConf | None:
    """The settings of journald with what a job removes of the journal."""
    days = [int(one.days) for one in cleaners if one.journal]
    if not days:
        return journal
    conf = journal or JournalConf()
    least = min(days if conf.most_days is None else (*days, conf.most_days))
    return structs.replace(conf, max_retention=f"{least}day" if least else "1s")


def log_names(tree: LogTree) -> list[str]:
    """Names of files and links of /var/log, as a pattern of logrotate can stand for them."""
    return [*(file.path for file in tree.files if not file.folder), *tree.links]


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
    stanzas = list(keeping.values())
    if any(r and r.longest is not None and r.longest < min_days for r in stanzas):
        return failed(*details, expected=expected)
    if not all(r and r.days is not None and r.days >= min_days for r in stanzas):
        return undetermined(*details, expected=expected)
    if linked := [name for name in SECURITY_LOGS if name in links]:
        away = msg("These are symbolic links whose targets were not checked: {names}",
                   names=tuple(linked))  # fmt: skip
        return undetermined(*details, away, expected=expected)
    return passed(*details, expected=expected)


_NOT_READ = msg("The configuration of log retention was not read")


def _journal(
    journal: JournalConf | None, read: JournalConf | Absent | None, min_days: int, expected: Message
) -> Judgement:
    none = msg("/var/log holds none of {names}", names=SECURITY_LOGS)
    if isinstance(read, Absent) and journal is None:
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
