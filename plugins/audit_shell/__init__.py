"""Hosts with a shell, reached over SSH or on this machine."""

from __future__ import annotations

from audit_core.api.hooks import locale_beside, offers

dengbao_kinds = offers("audit_shell.host:KINDS")
dengbao_locales = locale_beside(__file__)
dengbao_connectors = offers("audit_shell.access:CONNECTORS")
