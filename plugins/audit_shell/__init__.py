"""Hosts that are asked over a shell: this machine, and others over SSH."""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_kinds = offers("audit_shell.host:KINDS")
dengbao_connectors = offers("audit_shell.offers:CONNECTORS")
dengbao_redaction = offers("audit_shell.redaction:RULES")
dengbao_requirements = offers("audit_shell.offers:REQUIREMENTS")
dengbao_locales = locale_beside(__file__)
