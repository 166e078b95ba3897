"""Logs of a Linux host and the kernel's audit: what is recorded, kept, protected and forwarded.

Imports the shared modules of `audit_linux`, and `sudo`.
"""

from __future__ import annotations

from audit_core.model import Check, Fact
from audit_linux.logs import (
    audit_rule_files,
    audit_rules,
    audited_logins,
    auditing,
    daemon_files,
    journald,
    log_cleaners,
    log_files,
    log_reach,
    log_rotation,
    log_space,
    login_records,
    process_accounting,
    remote_log,
    rotation_runs,
    routing,
    rsyslog,
    ssh_sessions,
    sudo_logging,
    syslog_ng,
)

FACTS: tuple[Fact, ...] = (
    *auditing.FACTS, *audit_rules.FACTS, *log_files.FACTS, *log_rotation.FACTS, *log_cleaners.FACTS,
    journald.JOURNAL_CONF, *log_reach.FACTS, daemon_files.STARTED, rsyslog.RSYSLOG_FILES,
    rsyslog.RSYSLOG, syslog_ng.SYSLOG_NG_FILES, syslog_ng.SYSLOG_NG,
    *audited_logins.FACTS, *audit_rule_files.FACTS,
    *remote_log.FACTS, *login_records.FACTS, *ssh_sessions.FACTS, *rotation_runs.FACTS,
    *log_space.FACTS, *process_accounting.FACTS,
)  # fmt: skip
CHECKS: tuple[Check, ...] = (
    *auditing.CHECKS, *audit_rules.CHECKS, *audit_rule_files.CHECKS, *log_files.CHECKS,
    *log_rotation.CHECKS,
    *log_reach.CHECKS, *remote_log.CHECKS, *login_records.CHECKS,
    *routing.CHECKS, *rotation_runs.CHECKS, *log_space.CHECKS,
    *process_accounting.CHECKS, *sudo_logging.CHECKS,
)  # fmt: skip
