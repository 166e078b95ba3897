"""What a Linux host reports about itself, one package per subject.

May import `audit_core`, and no other plugin.

The subjects import the shared modules beside this file and, in one direction, each other: `files` →
`sudo` → `accounts` → `ssh`, and `open_services` → `network` → `system`, `ssh`.
"""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

_SUBJECTS = (
    "audit_linux.accounts", "audit_linux.sudo", "audit_linux.ssh", "audit_linux.files",
    "audit_linux.logs", "audit_linux.network", "audit_linux.system", "audit_linux.open_services",
)  # fmt: skip
dengbao_facts = offers(*(f"{subject}:FACTS" for subject in _SUBJECTS))
dengbao_checks = offers(*(f"{subject}:CHECKS" for subject in _SUBJECTS))
dengbao_descriptions = offers("audit_linux.description:DESCRIPTIONS")
dengbao_kinds = offers("audit_linux.settings:KINDS")
dengbao_redaction = offers("audit_linux.redaction:RULES")
dengbao_locales = locale_beside(__file__)
