"""Which backup program wrote a directory, by its layout. Pure.

Sources: the repository formats of restic 0.14, borg 1.2, pgBackRest 2.45, Barman 3.4,
mariadb-backup 10.11 and duplicity; the others as documented.
"""

from __future__ import annotations

import re

from audit_backup.model import Files

_FOLDERS = {
    "restic": {"data", "index", "keys", "snapshots"},
    "Barman": {"base", "wals"},
    "Proxmox Backup Server": {".chunks"},
    "rdiff-backup": {"rdiff-backup-data"},
    "zbackup": {"bundles", "chunks", "index"},
    "BackupPC": {"cpool", "pc"},
    "bup or git": {"objects", "refs"},
}
_FILES = (
    ("borg", re.compile(r"(?:index|hints|integrity)\.\d+")),
    ("pgBackRest", re.compile(r"(?:backup|archive)\.info")),
    ("Barman", re.compile(r"xlog\.db|backup\.info")),
    ("xtrabackup", re.compile(r"(?:xtrabackup|mariadb_backup)_(?:checkpoints|info)")),
    ("kopia", re.compile(r"kopia\.(?:repository|blobcfg)(?:\.f)?")),
    ("duplicity", re.compile(r"duplicity-.*\.(?:vol\d+\.difftar|manifest|sigtar)(?:\..*)?")),
    ("Duplicati", re.compile(r"duplicati-.*\.d(?:block|list|index)\..*")),
    ("WAL-G", re.compile(r"base_[0-9A-F]{24}_.*sentinel\.json")),
    ("pg_probackup", re.compile(r"pg_probackup\.conf|backup\.control")),
    ("storeBackup", re.compile(r"\.md5CheckSums\.(?:info|bz2)")),
    ("Veeam", re.compile(r".*\.v(?:bk|bm|ib|rb)")),
    ("RMAN", re.compile(r"o1_mf_.*\.bkp|c-\d+-\d{8}-[0-9a-f]{2}")),
)


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
    listed = {f.name.rpartition("/")[2] for f in (*files.files, *files.aside, *files.unclear)}
    for program, pattern in _FILES:
        if any(pattern.fullmatch(name) for name in listed):
            return program
    return ""
