"""What the names of files tell: series, days, generations, and what is no backup. Pure."""

from __future__ import annotations

import posixpath
import re

from audit_backup.dates import days, undated

ARCHIVES = (
    ".gz", ".tgz", ".xz", ".txz", ".bz2", ".tbz2", ".tbz", ".zst", ".tzst", ".lz4", ".zip", ".tar",
)  # fmt: skip
_PACKED = (*ARCHIVES, ".lz", ".lzma", ".lzo", ".z")
TARS = (".tar", ".tgz", ".txz", ".tbz2", ".tbz", ".tzst", ".taz")
_PACK = re.compile(r"\.(?:gz|xz|bz2|zst|lz4|lzma|z)$")
_ROTATED = re.compile(r"[-_.](?:[1-9]|20\d\d[-_.t\d]*|old|prev|orig)$")


def unrotated(path: str) -> str:
    """`path` in small letters, without the number or the day that a rotation puts behind it."""
    return _ROTATED.sub("", path.lower())


# Files beside backups: logs, checksums, signatures, locks, indexes, marks, and unfinished files.
_ASIDE = (
    ".log", ".err", ".md5", ".md5sum", ".sha1", ".sha1sum", ".sha256", ".sha256sum", ".sha512",
    ".sha512sum", ".sm3", ".sig", ".lock", ".lck", ".pid", ".part", ".partial", ".tmp", ".temp",
    ".filepart", ".incomplete", ".swp", "~", ".crc", ".crc32", ".par2", ".sha224", ".sha384",
    ".b2sum", ".idx", ".index", ".done", ".ok", ".success", ".ready", ".complete", ".finished",
    ".failed", ".started", ".running", ".stamp", ".timestamp", ".marker", ".flag", ".notes",
    ".note", ".protected", ".readme", ".sh", ".snar", ".toc", ".manifest", ".lst", ".list",
    ".minisig", ".status", ".state", ".touch", "-wal", "-shm", "-journal", ".crdownload",
    ".inprogress", ".in_progress", ".uploading", ".aria2", ".wip", ".p7s", ".tsr", ".error",
    ".errors", ".stderr", ".bash", ".bat", ".cmd", ".ps1", ".pub", ".pubkey", ".cron",
    ".metadata.json", ".metadata.json.gz", ".vma.dat", ".tar.dat", ".history",
    ".check",
)  # fmt: skip
_ASIDE_NAMES = re.compile(
    r"(?:readme|notes?|lock|lockfile|manifest|metadata|index|latest|last|current|status|state|stamp|timestamp"
    r"|marker|todo|changelog|lost\+found|thumbs\.db|desktop\.ini|nobackup|cachedir\.tag"
    r"|toc\.dat|backup_manifest|backup_label(?:\.old)?|tablespace_map|media\.(?:lock|db)"
    r"|(?:md5|sha1|sha224|sha256|sha384|sha512|sm3|b2)_?sums?|checksums?)(?:\.(?:txt|md|html?))?"
)
# What mydumper, pg_basebackup and scripts leave until a run has ended, or where it failed.
_RUNNING = re.compile(
    r"metadata\.partial(?:\.\d+)?|backup_manifest\.tmp"
    r"|[._]?(?:backup[-_.])?(?:in[-_]?progress|incomplete|unfinished|failed|failure)"
)
# Notes about backups, or the backup of a configuration: the name does not tell which.
_UNCLEAR = (
    ".txt", ".md", ".html", ".htm", ".json", ".yaml", ".yml", ".xml", ".csv", ".conf", ".cfg",
    ".ini", ".info", ".py", ".pl", ".out", ".doc", ".pdf", ".rst", ".meta", ".metadata", ".pem",
    ".crt", ".cer", ".key", ".properties", ".toml",
)  # fmt: skip
_ASKS_ALL = frozenset("*?")


def is_aside(path: str, pattern: str) -> bool:
    """Whether the name is not that of a backup; files that match the pattern are backups."""
    name, asked = path.rpartition("/")[2].lower(), pattern.lower()
    if set(asked) - _ASKS_ALL and _ASIDE_NAMES.fullmatch(asked):
        return False
    hidden = name.startswith(".") and not asked.startswith(".")
    by_end = any(name.endswith(s) and s not in asked for s in _ASIDE)
    return hidden or by_end or is_of_running(name) or bool(_ASIDE_NAMES.fullmatch(name))


def is_of_running(path: str) -> bool:
    """Whether the name is that of the mark of a run that did not end, or failed."""
    return bool(_RUNNING.fullmatch(path.rpartition("/")[2].lower()))


def is_unclear(path: str, pattern: str) -> bool:
    """Whether the name may be that of a note as well as that of a backup.

    A rotated or packed log is of a job, or what was to be kept.
    """
    name, asked = path.rpartition("/")[2].lower(), pattern.lower()
    plain = _stripped(name)
    if plain != name and plain.endswith(_ASIDE):
        return not any(plain.endswith(s) and s in asked for s in _ASIDE)
    return any(name.endswith(s) and not asked.endswith(s) for s in _UNCLEAR)


def _stripped(name: str) -> str:
    """`name` without the end of a packed file, and the number or day of a rotation before it."""
    return unrotated(_PACK.sub("", unrotated(name)))


def is_archive(path: str) -> bool:
    """Whether the name is that of an archive or a compressed file."""
    return unrotated(path).endswith(ARCHIVES)


def is_packed(path: str) -> bool:
    """Whether the name is that of a compressed file, whose first bytes tell its format."""
    return unrotated(path).endswith(_PACKED) and not unrotated(path).endswith(".tar")


OWN_DUMPS = (".pgdump", ".backup", ".custom", ".pgc", ".bak")  # in the format of pg_dump


def is_sql(path: str) -> bool:
    """Whether the name is that of an SQL text, packed or not."""
    name = unrotated(path)
    return ".sql" in (name[-4:], posixpath.splitext(name)[0][-4:])


def is_searched(path: str) -> bool:
    """Whether the name is that of a dump in which rows are searched for."""
    return is_sql(path) or unrotated(path).endswith((".dump", ".dmp", *OWN_DUMPS))


_DEFINITION = re.compile(
    r"(?<![a-z])(?:schema|structure|ddl|globals|roles|users|grants|routines|triggers)(?![a-z])"
)


_TABLE = re.compile(r"(?:(?:^|/)(?:blob_)?\d{3,5}\.dat|\.bson)(?:\.(?:gz|lz4|zst))?$")


def is_definition(path: str) -> bool:
    """Whether the name says that an SQL text holds definitions, and no data."""
    return is_sql(path) and bool(_DEFINITION.search(path.lower()))


def is_table(path: str) -> bool:
    """Whether the name is that of a table in a directory that pg_dump or mongodump writes."""
    return bool(_TABLE.search(path))


_DUMPS = (".sql", ".dump", ".dmp", ".bak", ".rdb", ".img", ".qcow2", ".vma", ".ldif", ".backup")


def is_dump(path: str) -> bool:
    """Whether the name is that of a dump or an image."""
    return unrotated(path).endswith(_DUMPS)


def is_opaque(path: str) -> bool:
    """Whether the name is that of a dump whose format is not public: of Oracle, 达梦 and others.

    With the metadata only it may have megabytes.
    """
    return unrotated(path).endswith((".dmp", ".expdp"))


_SEALED = (
    ".gpg", ".pgp", ".asc", ".age", ".enc", ".encrypted", ".aes", ".aes256", ".crypt", ".cpt",
    ".des3", ".sm4", ".p7m", ".cms", ".ssl", ".openssl", ".vault",
)  # fmt: skip


def is_sealed(path: str) -> bool:
    """Whether the name is that of an encrypted file."""
    return unrotated(path).endswith(_SEALED)


def is_ldif(path: str) -> bool:
    """Whether the name is that of the text of a directory."""
    return unrotated(path).endswith(".ldif")


def is_table_list(path: str) -> bool:
    """Whether the name is that of what these write beside the tables."""
    return path.endswith(("toc.dat", ".metadata.json", ".metadata.json.gz"))


def is_tar(path: str) -> bool:
    """Whether the name is that of a tar archive, compressed or not."""
    name = unrotated(path)
    return name.endswith(TARS) or ".tar." in name


def is_sealed_tar(path: str) -> bool:
    """Whether the name is that of an encrypted tar archive that was not compressed before."""
    return bool(re.search(r"\.tar\.[a-z]+$", path.lower())) and not is_archive(path)


_CONTAINERS = (*TARS, ".zip", ".7z", ".rar", ".cpio", ".cpio.gz", ".cpio.xz", ".cpio.zst")


def is_container(path: str) -> bool:
    """Whether the name is that of an archive of several files, which are judged by their own."""
    return is_tar(path) or unrotated(path).endswith(_CONTAINERS)


_WORDS = re.compile(
    r"(?<![a-z])(?:mon|tue|wed|thu|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday"
    r"|sunday|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|hourly|daily|weekly|monthly|yearly"
    r"|day|week|month)(?![a-z])"
)
_HEX = re.compile(
    r"(?<![0-9a-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z])"
    r"|(?<![0-9a-z])(?=[a-f]*\d)[0-9a-f]{7,}(?![0-9a-z])"
)
_ROTATION = re.compile(r"[-._](?:\d{1,3}|old|prev|orig)(?=\.(?:gz|xz|bz2|zst|lz4)$|$)")
_PART = re.compile(r"(?<=[-_.])a[a-z]$")  # split(1) names its parts aa, ab, …


def series(name: str) -> str:
    """`name` without days, numbers, names of days and periods, and the marks of parts.

    The number of a rotation goes without a trace: db.gz, db.gz.1 and db.1.gz are one series.
    """
    plain = _ROTATION.sub("", undated(name))
    return re.sub(r"\d+", "#", _PART.sub("#", _WORDS.sub("@", _HEX.sub("#", plain))))


_SNAPSHOT = re.compile(
    r"(?:hourly|daily|weekly|monthly|yearly|alpha|beta|gamma|delta)\.\d{1,4}", re.ASCII
)


def kind(name: str) -> str:
    """`name` without all that tells one backup from another: days, periods, numbers, and signs."""
    return re.sub(r"[-_. #@()]+", "", series(family(name)))


def snapshot(name: str) -> str:
    """The directory at the top that holds `name` if it is one of rsnapshot or has a day, or ''.

    A dump in a directory with a day (20261129/db.sql) is none: it has a time and a series.
    """
    top, _, rest = name.partition("/")
    if not rest or is_archive(rest) or is_dump(rest):
        return ""
    return top if _SNAPSHOT.fullmatch(top) or (days(top) and "/" in rest) else ""


_STEPS = (
    r"(?<![a-z])(?:inc(?:r(?:emental?s?)?)?|diff(?:erential)?s?|(?:level|lvl)[-_]?[1-9])(?![a-z])"
    r"|增量|差异|差量"
)
# Segments of PostgreSQL's and MySQL's logs of changes are named by a number, backups of pgBackRest
# that need another by D or I, log backups of SQL Server by their end.
_LOGS = (
    r"(?<![a-z])(?:binlog|wal|arch|archivelog)(?![a-z])|(?:^|/)[0-9a-f]{24}(?=\.|$)"
    r"|(?:mysql|mariadb)-bin\.\d|f_\d{8}-\d{6}[di](?![a-z\d])|\.trn(?=$|\.)|归档"
)
_STEP = re.compile(_STEPS)
_INCREMENT = re.compile(f"{_STEPS}|{_LOGS}")
_FULL = r"(?<![a-z])(?:full|complete|base|(?:level|lvl)[-_]?0)(?![a-z])|全量|全备|全库|完全|完整"
_SORT = re.compile(rf"(?:{_STEPS}|{_FULL}|(?<![a-z])log(?![a-z]))[-_.]?(?:\d{{1,3}}(?!\d))?")


def is_increment(name: str) -> bool:
    """Whether the name says that it is an increment, whose size tells nothing."""
    return bool(_INCREMENT.search(name.lower()))


def is_step(name: str) -> bool:
    """Whether the name says that it is an increment, and no log of changes."""
    return bool(_STEP.search(name.lower()))


def family(name: str) -> str:
    """`name` without days, periods, and the words that tell increments from full backups."""
    return _SORT.sub("@", _WORDS.sub("@", re.sub(r"\.(?:trn|bak)$", "", undated(name))))
