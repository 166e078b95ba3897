"""The printed sudoers file, stored as evidence of a host, is stored as it was printed.

Redaction that changes a line of it leaves a line that no parser understands: the host that did as
it was told would fail the checks of sudo.
"""

from __future__ import annotations

from audit_core.api import plugins
from audit_core.store.redact import Redactor
from audit_linux.sudo.sudo_risks import Risk, risk
from audit_linux.sudo.sudoers import Sudoers
from audit_linux.sudo.sudoers_files import parse_sudoers
from audit_shell.sudoers import sudoers
from invented import answers as invented

from .host import asked


def test_the_printed_sudoers_file_is_stored_whole_and_gives_nothing_away() -> None:
    text = sudoers((question.request for question in asked()), "audit")
    redacted = Redactor(tuple, plugins.load().redaction)(text.encode())
    assert redacted.data.decode() == text
    read = parse_sudoers(invented.files({"/etc/sudoers": text}))
    assert isinstance(read, Sudoers)
    assert [g.command for g in read.grants if risk(g.command) is not Risk.NONE] == []
