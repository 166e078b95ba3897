"""Owners, modes and access lists of files on a Linux host.

Imports the shared modules of `audit_linux`, `audit_linux.accounts` and `audit_linux.sudo`.
"""

from __future__ import annotations

from audit_core.model import Check, Fact
from audit_linux.files import (
    empty_groups,
    file_modes,
    mount_options,
    package_files,
    root_runs,
    secrets,
    sweep_checks,
)

_SUBJECTS = (file_modes, sweep_checks, root_runs, secrets, mount_options)
FACTS: tuple[Fact, ...] = (
    *package_files.FACTS,
    *empty_groups.FACTS,
    *(fact for subject in _SUBJECTS for fact in subject.FACTS),
)
CHECKS: tuple[Check, ...] = tuple(check for subject in _SUBJECTS for check in subject.CHECKS)
