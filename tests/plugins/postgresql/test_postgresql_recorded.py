"""PostgreSQL 17 with credcheck and pgaudit as recorded: Debian 12 has no package of credcheck.

`tests/recorded/postgresql_17_credcheck.json` says which packages answered, and when. Kept are the
answers about settings and pg_hba.conf, asked with the account that `plan --grants` prints; `plain`
is an account without rights.
"""

from __future__ import annotations

from pathlib import Path

from recorded.databases import states, verdicts

RECORDING = "postgresql_17_credcheck"


def test_rules_for_passwords_and_lockout(tmp_path: Path) -> None:
    found = verdicts(RECORDING, "postgresql", tmp_path, {})
    for name, state in states(RECORDING).items():
        kept = state["verdicts"]
        assert {check: found[name][check] for check in kept} == kept, name
