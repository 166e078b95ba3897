"""The rules of the audit account itself, which `plan --grants` prints."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import audit_linux
from audit_core.model import (
    Answer,
    Command,
    Privilege,
    Verdict,
)
from audit_shell.sudoers import sudoers as least_sudoers
from invented.sudoers import BASE, LOCAL, Read, judged_password, scoped

Make = Callable[..., Answer]
PASS, FAIL, UNDETERMINED = Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED


def _root_requests() -> list[Command]:
    asked = [provider.ask for fact in audit_linux.dengbao_facts() for provider in fact.providers]
    return [a for a in asked if isinstance(a, Command) and a.privilege is Privilege.ROOT]


def test_the_audit_accounts_own_rules_are_fine(read: Read) -> None:
    text = least_sudoers(_root_requests(), "auditor")
    got = read(BASE + "@includedir /etc/sudoers.d\n", dengbao=text)
    assert got.unread == ()
    assert len(got.grants) == 2 + len({r.argv for r in _root_requests()})
    assert judged_password(got, LOCAL, None, None).verdict is PASS
    assert scoped(got, None, LOCAL).verdict is PASS


@pytest.mark.skipif(shutil.which("visudo") is None, reason="visudo is not installed")
def test_visudo_accepts_the_rules_of_these_requests(tmp_path: Path) -> None:
    file = tmp_path / "dengbao"
    file.write_text(least_sudoers(_root_requests(), "auditor"), encoding="utf-8")
    done = subprocess.run(
        ["visudo", "-c", "-f", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_root_requests_have_absolute_programs_and_no_shell() -> None:
    for request in _root_requests():
        assert request.argv[0].startswith("/")
        assert request.argv[0].rsplit("/", 1)[-1] not in {"sh", "bash", "env", "su"}
