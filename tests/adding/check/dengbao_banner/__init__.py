"""Whether the SSH server warns whoever logs in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audit_core.api.hooks import hookimpl
from audit_core.api.sdk import Check, Judgement, Severity, check, expect, msg


@check("banner.ssh", needs="linux.sshd", kind="host", severity=Severity.LOW)
def ssh_banner(sshd: Any) -> Judgement:
    """The SSH server shows a banner."""
    path = sshd.one("banner")
    detail = msg("Banner is {path}", path=path)
    return expect(path not in ("", "none"), detail=detail, expected=msg("the path of a text"))


@hookimpl
def dengbao_checks() -> list[Check]:
    return [ssh_banner]


@hookimpl
def dengbao_policy() -> list[Path]:
    return [Path(__file__).parent]
