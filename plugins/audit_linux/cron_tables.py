"""Where cron and anacron read their jobs from (crontab(5), anacrontab(5))."""

from __future__ import annotations

from audit_core.api.sdk import Privilege, ReadFiles

ANACRON = "/etc/anacrontab"
OF_ROOT = ("/var/spool/cron/crontabs/root", "/var/spool/cron/root", "/var/spool/cron/tabs/root")


def cron_tables(privilege: Privilege) -> ReadFiles:
    """The request for the tables of the system and of root, which is closed to others."""
    paths = ("/etc/crontab", "/etc/cron.d", ANACRON, *OF_ROOT)
    return ReadFiles(paths=paths, depth=1, privilege=privilege)
