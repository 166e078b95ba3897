"""What a Linux host is: the servers that run on it, and who can log in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from audit_core.api.sdk import AboutLine, Absent, Description, Message, known_or_absent, msg
from audit_linux.passwd import ACCOUNTS, SHADOW, Accounts, Secret
from audit_linux.processes import PROCESSES, Process

MOST = 20
"""Accounts that are named."""

# The names that the kernel knows them by: 15 bytes. `postmaster` is PostgreSQL before 8.
_SERVERS: tuple[tuple[Message, re.Pattern[str]], ...] = (
    (msg("SSH server"), re.compile(r"sshd|dropbear")),
    (
        msg("Database"),
        re.compile(
            r"mysqld|mariadbd|postgres|postmaster|mongod|redis-server|valkey-server|memcached"
            r"|ora_pmon_.*|tnslsnr|db2sysc|dmserver|oceanbase|observer|gaussdb|kingbase|clickhouse-serv"
        ),
    ),
    (
        msg("Web server"),
        re.compile(r"nginx|httpd|apache2|lighttpd|caddy|haproxy|openresty|tengine|traefik"),
    ),
)


def _servers(processes: tuple[Process, ...] | Absent) -> Iterator[AboutLine]:
    """The servers among the processes of the host itself, not of containers on it."""
    if isinstance(processes, Absent):
        return
    names = sorted({process.name for process in processes if not process.contained})
    for title, pattern in _SERVERS:
        found = tuple(name for name in names if pattern.fullmatch(name))
        yield AboutLine(
            title=title, value=msg("{names}", names=found or (msg("none found running"),))
        )


def _logins(
    accounts: Accounts | Absent, secrets: tuple[Secret, ...] | Absent
) -> Iterator[AboutLine]:
    """The local accounts with a login shell, and whose password is locked."""
    if isinstance(accounts, Absent):
        return
    locked = set[str]()
    if not isinstance(secrets, Absent):
        locked = {secret.name for secret in secrets if secret.locked}
    able = [account.name for account in accounts.rows if account.has_shell]
    named = tuple(
        msg("{name} (password locked)", name=name) if name in locked else name
        for name in able[:MOST]
    )
    rest = (msg("… {count} in all", count=len(able)),) if len(able) > MOST else ()
    yield AboutLine(
        title=msg("Accounts with a login shell"), value=msg("{names}", names=(*named, *rest))
    )


DESCRIPTIONS = (
    Description(
        id="linux.servers", kind="host", needs=(known_or_absent(PROCESSES),), make=_servers
    ),
    Description(
        id="linux.logins",
        kind="host",
        needs=(known_or_absent(ACCOUNTS), known_or_absent(SHADOW)),
        make=_logins,
    ),
)
