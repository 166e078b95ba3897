"""MySQL 9.7 as recorded: it cannot be installed beside MariaDB, so its answers are kept.

`tests/recorded/mysql_9_7.json` says which package answered, and when. Each state was asked with the
account that `plan --grants` prints; `plain` is an account without rights.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from recorded.databases import states, verdicts


def test_a_recorded_server(tmp_path: Path, subtests: pytest.Subtests) -> None:
    found = verdicts("mysql_9_7", "mysql", tmp_path, {"administrators": ("dba",)})
    for name, state in states("mysql_9_7").items():
        with subtests.test(name):
            assert found[name] == state["verdicts"]
    rights = ("powers", "wide-rights", "system-tables", "grant-option", "audit-holders",
              "empty-passwords", "password-policy", "password-lifetime", "lockout")  # fmt: skip
    for check in rights:
        shown = [found[name][check] for name in ("good", "bad", "plain")]
        assert shown == ["pass", "fail", "undetermined"], check
