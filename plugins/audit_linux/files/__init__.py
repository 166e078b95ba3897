"""Owners, modes and access lists of files on a Linux host.

Imports the shared modules of `audit_linux`, `audit_linux.accounts` and `audit_linux.sudo`.
"""

from __future__ import annotations

from audit_core.model import Check, Fact
from audit_linux.files import file_modes, root_runs, sweep_checks

FACTS: tuple[Fact, ...] = (*file_modes.FACTS, *sweep_checks.FACTS, *root_runs.FACTS)
CHECKS: tuple[Check, ...] = (*file_modes.CHECKS, *sweep_checks.CHECKS, *root_runs.CHECKS)
