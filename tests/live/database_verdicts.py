"""Which verdict each check of the databases was shown to give on a real server, and by which test.

The live tests of each product compare whole runs of a profile with `good`, `bad` and `plain`, so
that these hold every check; `test_shown_on_real_servers.py` looks whether pass and fail are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

_PACKAGED = "MariaDB and MySQL are Debian's here, which goes on with fixes: undetermined"


class Shown(Struct, frozen=True, kw_only=True):
    """The verdicts of one product, by the name of the check."""

    checks: frozenset[str]
    """All checks of the whole runs."""
    good: dict[str, str]
    """Of the good server, those that are not pass."""
    bad: dict[str, str]
    """Of the bad server, those that are not fail."""
    plain: dict[str, str]
    """Of the good server and an account without rights, those that are not undetermined.

    They rest on what every account is shown.
    """
    alone: dict[tuple[str, str], str]
    """The test that shows a verdict of a check on a server, besides the whole runs."""
    recording: str | None = None
    """The name of a recording of a real server with verdicts."""
    never: dict[tuple[str, str], str]
    """The verdicts that no server shows here, and why."""

    @property
    def good_run(self) -> dict[str, str]:
        """All verdicts of the good server."""
        return dict.fromkeys(self.checks, "pass") | self.good

    @property
    def bad_run(self) -> dict[str, str]:
        """All verdicts of the bad server."""
        return dict.fromkeys(self.checks, "fail") | self.bad

    @property
    def plain_run(self) -> dict[str, str]:
        """All verdicts of the good server as an account without rights gets them."""
        return dict.fromkeys(self.checks, "undetermined") | self.plain

    def missing(
        self, checks: set[str], recorded: Mapping[str, Mapping[str, Any]]
    ) -> set[tuple[str, str]]:
        """The pairs of check and verdict, of pass and fail, that nothing shows."""
        found = {*self.good_run.items(), *self.bad_run.items()}
        for state in recorded.values():
            found |= set(state["verdicts"].items())
        found |= set(self.alone)
        return {(check, verdict) for check in checks for verdict in ("pass", "fail")} - found


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _passes(names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), "pass")


POSTGRESQL = Shown(
    checks=_names(
        "archiving connection-log default-superuser expired-roles grant-option hba-methods "
        "hba-trust idle-timeout labels lent-rights listen-addresses lockout log-exceptions "
        "log-fields log-file-mode log-kept log-settings minor-release page-checksums "
        "password-policy password-scheme powers public-connect public-schema public-tables "
        "release-supported replication-tls role-names row-policies second-factor standby "
        "statement-log superuser-remote tls-enforced tls-in-use"
    ),
    good={
        "tls-in-use": "not_applicable",  # no session from another machine
        "labels": "fail",  # no server here has a provider of labels
        "lockout": "fail",  # Debian 12 has no package of credcheck
        "password-policy": "undetermined",  # passwordcheck cannot see what a client hashed
        "standby": "fail",
        "log-kept": "undetermined",  # the server is some seconds old
    },
    bad={
        "release-supported": "pass", "minor-release": "pass",
        "tls-in-use": "not_applicable",  # no session from another machine
    },
    plain={
        "labels": "fail",
        **_passes(
            "archiving connection-log default-superuser expired-roles grant-option idle-timeout "
            "lent-rights log-exceptions log-fields log-file-mode log-settings minor-release "
            "page-checksums powers public-connect public-schema public-tables release-supported "
            "role-names row-policies statement-log"
        ),
    },
    alone={
        ("tls-in-use", "pass"): "test_sessions_from_other_machines",
        ("tls-in-use", "fail"): "test_sessions_from_other_machines",
        ("standby", "pass"): "test_a_standby_and_what_else_reads_the_wal",
        ("log-kept", "pass"): "test_logs_of_a_year",
        ("release-supported", "fail"): "test_releases_that_are_too_old",
        ("minor-release", "fail"): "test_releases_that_are_too_old",
    },
    recording="postgresql_17_credcheck",
    never={("labels", "pass"): "needs SELinux: sepgsql is the one provider that is packaged"},
)  # fmt: skip
MYSQL = Shown(
    checks=_names(
        "account-hosts account-names admin-hosts anonymous-accounts audit-events "
        "audit-exceptions audit-fields audit-holders audit-kept audit-on binlog binlog-kept "
        "default-accounts durable-writes empty-passwords encryption error-log "
        "expired-accounts file-access grant-option grant-tables idle-timeout local-infile "
        "lockout minor-release page-checksums password-lifetime password-policy "
        "password-reuse password-scheme powers public-rights release-supported "
        "replica-read-only replication replication-tls second-factor standby system-tables "
        "tls-ciphers tls-enforced tls-in-use wide-rights"
    ),
    good={
        "audit-kept": "undetermined",  # only the host tells
        # the accounts of the tests: PyMySQL has no ed25519 by itself
        "password-scheme": "fail",
        "replica-read-only": "not_applicable", "replication": "not_applicable",
        "replication-tls": "not_applicable",
    },
    bad={
        "release-supported": "pass", "minor-release": "pass",
        "binlog-kept": "not_applicable",  # there is none
        "encryption": "undetermined", "grant-tables": "pass",
        "standby": "not_applicable",  # it is a replica still, though a broken one
    },
    plain=_passes(
        "audit-events audit-exceptions audit-fields audit-on binlog binlog-kept durable-writes "
        "error-log grant-tables idle-timeout local-infile lockout minor-release page-checksums "
        "password-reuse release-supported tls-ciphers"
    ),
    alone={
        ("replication", "pass"): "test_a_replica",
        ("replication-tls", "pass"): "test_a_replica",
        ("replica-read-only", "pass"): "test_a_replica",
        ("binlog-kept", "fail"): "test_a_short_binary_log_and_no_accounts_at_all",
        ("grant-tables", "fail"): "test_a_short_binary_log_and_no_accounts_at_all",
    },
    recording="mysql_9_7",
    never={
        ("audit-kept", "pass"): "by design: only the host tells how old the files are",
        ("encryption", "fail"): "by design: the volume may be encrypted",
        ("release-supported", "fail"): _PACKAGED, ("minor-release", "fail"): _PACKAGED,
    },
)  # fmt: skip
REDIS = Shown(
    checks=_names(
        "checksums dangerous-commands default-user idle-timeout listen-addresses log "
        "no-password persistence protected protected-settings release-supported replica "
        "replication-tls second-factor tls-enforced user-rights"
    ),
    good={"release-supported": "undetermined"},  # of 7.0, which Debian maintains
    bad={
        "listen-addresses": "pass", "replication-tls": "not_applicable",
        "release-supported": "undetermined",
    },
    plain={},
    alone={
        ("listen-addresses", "fail"): "test_a_socket_a_jump_host_and_a_replica",
        ("replication-tls", "fail"): "test_a_socket_a_jump_host_and_a_replica",
        ("release-supported", "pass"): "test_a_socket_a_jump_host_and_a_replica",
    },
    never={("release-supported", "fail"): "by design: Redis does not tell who built it"},
)  # fmt: skip
