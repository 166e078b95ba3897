"""How a Linux host is kept: audit trail, time, services, sockets, guards, trust, storage."""

from audit_core.model import Check, Fact
from audit_linux.system import (
    audit_rules,
    auditing,
    firewall,
    intrusion,
    journald,
    kernel,
    listeners,
    log_files,
    log_reach,
    log_rotation,
    malware,
    packages,
    processes,
    remote_log,
    residual,
    rsyslog,
    services,
    storage,
    syslog_ng,
    timesync,
    trust,
    units,
)  # fmt: skip

FACTS: tuple[Fact, ...] = (
    processes.PROCESSES, *units.FACTS, *auditing.FACTS, *audit_rules.FACTS, *log_files.FACTS,
    *log_rotation.FACTS, journald.JOURNAL_CONF, *log_reach.FACTS, rsyslog.RSYSLOG,
    syslog_ng.SYSLOG_NG, *remote_log.FACTS,
    *timesync.FACTS, *listeners.FACTS, *firewall.FACTS, *packages.FACTS, *malware.FACTS,
    *intrusion.FACTS, *trust.FACTS, *storage.FACTS, *kernel.FACTS,
)  # fmt: skip
CHECKS: tuple[Check, ...] = (
    *auditing.CHECKS, *audit_rules.CHECKS, *log_files.CHECKS, *log_rotation.CHECKS,
    *log_reach.CHECKS, *remote_log.CHECKS, *timesync.CHECKS, *services.CHECKS,
    *listeners.CHECKS, *firewall.CHECKS, *packages.CHECKS, *malware.CHECKS, *intrusion.CHECKS,
    *trust.CHECKS, *storage.CHECKS, *kernel.CHECKS, *residual.CHECKS,
)  # fmt: skip
