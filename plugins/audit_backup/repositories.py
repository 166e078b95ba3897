"""Which backup program wrote a directory, by its layout. Pure.

Made with the programs: restic 0.14, borg 1.2, pgBackRest 2.45, Barman 3.4, mariadb-backup 10.11,
duplicity 1.2, rdiff-backup 2.2, storeBackup 3.2, bup 0.33, zbackup 1.5, dirvish 1.2, backup2l 1.6,
burp 3.1, Amanda 3.5. The others as documented.
"""

from __future__ import annotations

import re

from audit_backup.model import Files

_FOLDERS = {
    "restic": {"data", "index", "keys", "snapshots"},
    "Barman": {"base", "wals"},
    "Proxmox Backup Server": {".chunks"},
    "rdiff-backup": {"rdiff-backup-data"},
    "zbackup": {"backups", "bundles", "index"},
    "BackupPC": {"cpool", "pc"},
    "bup or git": {"objects", "refs"},
    "Duplicacy": {"chunks", "snapshots"},
    "WAL-G": {"basebackups_005"},
    "Hyper Backup": {"Config", "Control", "Pool"},
    "Commvault": {"CV_MAGNETIC"},
}
_NAMES = (
    ("borg", re.compile(r"(?:index|hints|integrity)\.\d+")),
    ("pgBackRest", re.compile(r"(?:backup|archive)\.info")),
    ("Barman", re.compile(r"xlog\.db|backup\.info")),
    ("xtrabackup", re.compile(r"(?:xtrabackup|mariadb_backup)_(?:checkpoints|info|logfile)"
                              r"|ibdata1(?:\.delta)?")),
    ("kopia", re.compile(r"kopia\.(?:repository|blobcfg)(?:\.f)?")),
    ("duplicity", re.compile(r"duplicity-.*\.(?:vol\d+\.difftar|manifest|sigtar)(?:\..*)?")),
    ("Duplicati", re.compile(r"duplicati-.*\.d(?:block|list|index)\..*")),
    ("WAL-G", re.compile(r"base_[0-9A-F]{24}_.*sentinel\.json")),
    ("pg_probackup", re.compile(r"pg_probackup\.conf|backup\.control")),
    ("storeBackup", re.compile(r"\.md5CheckSums\.(?:info|bz2)")),
    ("Veeam", re.compile(r".*\.v(?:bk|bm|ib|rb)")),
    ("RMAN", re.compile(r"o1_mf_.*\.bkp|c-\d+-\d{8}-[0-9a-f]{2}|[0-9a-z]{8}_\d+_\d+(?:_\d+)?"
                        r"|.*_s\d+_p\d+(?:_.*)?\.(?:bkp|bak|rman)")),
    ("dirvish", re.compile(r"default\.hist|rsync_error")),
    ("Proxmox Backup Server", re.compile(r".*\.(?:[fd]idx|blob)")),
    ("Velero", re.compile(r"velero-backup\.json")),
    ("NetBackup", re.compile(r".*_\d{10}_C\d+_(?:F\d+|HDR|TIR|IM)\..*")),
    ("Elasticsearch", re.compile(r"index\.latest|snap-[\w-]{20,}\.dat")),
    ("TiDB BR", re.compile(r"backupmeta")),
    ("Amanda", re.compile(r"slot\d+|00000\..+")),
    ("burp", re.compile(r"\d{7} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*")),
    ("backup2l", re.compile(r".*\.\d+\.(?:obsolete|skipped)\.gz")),
    ("S3QL", re.compile(r"s3ql_(?:metadata|passphrase|data_).*")),
)  # fmt: skip


def written_by(files: Files) -> str:
    """The program whose own records tell what the set holds, or an empty text."""
    tops: dict[str, set[str]] = {}
    for folder in files.folders:
        parent, _, name = folder.name.rpartition("/")
        tops.setdefault(parent, set()).add(name)
    for program, wanted in _FOLDERS.items():
        if any(wanted <= found for found in tops.values()):
            return program
    if tops.get("") == {"archive", "backup"}:
        return "pgBackRest"
    every = (*files.files, *files.aside, *files.unclear, *files.folders)
    listed = {f.name.rpartition("/")[2] for f in every}
    for program, pattern in _NAMES:
        if any(pattern.fullmatch(name) for name in listed):
            return program
    return ""
