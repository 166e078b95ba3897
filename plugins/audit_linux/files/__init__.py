"""Owners, modes and access lists of files on a Linux host.

Imports the shared modules of `audit_linux` and `audit_linux.accounts`.
"""

from __future__ import annotations

from audit_core.model import Check, Fact
from audit_linux.files import file_modes

FACTS: tuple[Fact, ...] = file_modes.FACTS
CHECKS: tuple[Check, ...] = file_modes.CHECKS
