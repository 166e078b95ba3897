"""Backup sets that mount points suggest."""

from __future__ import annotations

from audit_backup.propose import backups
from audit_core.api.testkit import target_of
from audit_linux.system.storage import Mount


def test_mount_points_named_for_backups_are_sets() -> None:
    places = ("/", "/backup", "/mnt/Backup-1/db 2", "/srv/restic", "/home/backuper", "/x/bak\n",
              "/backup", "[SWAP]")  # fmt: skip
    mounts = tuple(Mount(device="sda", place=place, encrypted=False) for place in places)
    found = [(p.id, p.settings["path"]) for p in backups(target_of("host"), mounts)]
    assert found == [
        ("backup", "/backup"), ("db-2", "/mnt/Backup-1/db 2"), ("restic", "/srv/restic"),
    ]  # fmt: skip
