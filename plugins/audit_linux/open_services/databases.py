"""MySQL, MariaDB and memcached of the host that ask nobody for a password.

memcached is told everything by its arguments, also where a file of the distribution holds them;
MySQL and MariaDB by the groups of my.cnf.
"""

from __future__ import annotations

import re

from audit_core.api.sdk import capped, msg
from audit_linux.open_services.service import (
    Running,
    Service,
    ServiceState,
    about,
    is_loopback,
    not_identified,
    not_read,
    options,
    service_check,
)
from audit_linux.open_services.service_files import ServiceFile, ServiceFiles

# --- memcached -----------------------------------------------------------------------------------


def _memcached(process: Running) -> str | None:
    """How others get in: the addresses that it listens on; None where they do not."""
    words = process.words
    # getopt(3) takes letters together (`-vS`).
    asks = "--enable-sasl" in words or any(re.fullmatch(r"-[a-zA-Z]*S", word) for word in words)
    if asks or options(words, "-s", "--unix-socket") or options(words, "-Y", "--auth-file"):
        return None
    listen = [a for value in options(words, "-l", "--listen") for a in value.split(",")]
    if listen and all(map(is_loopback, listen)):
        return None
    return f"{','.join(listen) or '*'} (pid {process.pid})"


@service_check(
    "linux.memcached-open",
    names=("memcached",),
    ports=("11211/tcp", "11211/udp"),
    places=(),
    expected=msg("only for this host (-l 127.0.0.1), or with SASL (-S)"),
    remedy=msg("Set -l 127.0.0.1 and -U 0 in /etc/memcached.conf, or turn SASL on"),
)
def memcached_open(files: ServiceFiles, service: Service) -> ServiceState:
    """Memcached accepts no connections from other hosts without a password."""
    bad = [text for p in service.processes or () if (text := _memcached(p))]
    bad = [] if service.only_loopback else bad
    certain = about((bad, msg("It listens without a password: {names}", names=capped(bad))))
    doubts = () if service.processes else (not_identified("11211"),)
    return ServiceState(open=certain, doubts=doubts, fine=msg("Only this host, or with a password"))


# --- MySQL and MariaDB ---------------------------------------------------------------------------

_MYSQL = r"/etc/my\.cnf|/etc/mysql/my\.cnf|/etc/my\.cnf\.d/.*\.cnf|/etc/mysql/.*\.d/.*\.cnf"
_MYSQL += r"|/etc/percona[a-z-]*\.conf\.d/.*\.cnf"
_GROUPS = re.compile(r"(mysqld|server|mariadb|mariadbd|galera)([-.\d].*)?", re.IGNORECASE)


_SKIPS = "skip-grant-tables"
_INCLUDES = re.compile(r"!include(?:dir)?\s+(\S+)")
_OURS = re.compile(
    r"/etc/my\.cnf(\.d/?)?|/etc/mysql/([a-z.]+\.d/?|my\.cnf)|/etc/percona[a-z-]*\.conf\.d/?"
)


def _switched(option: str) -> bool | None:
    """Whether an option of the server sets skip-grant-tables; None where it is another.

    `_` and `-` are one, and a name may be cut as long as it is the only one that begins so.
    """
    name, equals, value = option.partition("=")
    plain = name.strip().lower().replace("_", "-").removeprefix("loose-")
    if not _SKIPS.startswith(plain) or not plain.startswith("skip-gr"):
        return None
    return not equals or value.strip().strip("\"'").lower() in ("1", "on", "true")


def _uncommented(line: str) -> str:
    """A line of my.cnf without its comment: `#` outside of quotes begins one."""
    found = re.match(r"(?:[^\"'#]|\"[^\"]*(?:\"|$)|'[^']*(?:'|$))*", line)
    return found[0].strip() if found else ""


def _skips(file: ServiceFile) -> bool:
    """Whether a group of the server says `skip-grant-tables` last, as MariaDB 10.11 reads it."""
    ours, found = False, False
    for line in file.lines or ():
        text = line.strip()
        if text.startswith("[") and "]" in text:
            ours = bool(_GROUPS.fullmatch(text[1:].partition("]")[0].rstrip()))
        elif ours and text and text[0] not in "#;!":
            setting = _switched(_uncommented(text))
            found = found if setting is None else setting
    return found


def _elsewhere(files: tuple[ServiceFile, ...]) -> list[str]:
    """What the files include that was not read."""
    lines = (line.strip() for file in files for line in file.lines or ())
    return [hit[1] for line in lines if (hit := _INCLUDES.match(line))
            and not _OURS.fullmatch(hit[1])]  # fmt: skip


@service_check(
    "linux.mysql-grant-tables",
    names=("mysqld", "mariadbd"),
    ports=("3306/tcp",),
    places=(
        "/etc/my.cnf", "/etc/my.cnf.d", "/etc/mysql/my.cnf", "/etc/mysql/conf.d",
        "/etc/mysql/mysql.conf.d", "/etc/mysql/mariadb.conf.d", "/etc/percona-server.conf.d",
        "/etc/percona-xtradb-cluster.conf.d",
    ),
    files=("*.cnf",),
    expected=msg("no skip-grant-tables"),
    version=4,
    remedy=msg("Remove skip-grant-tables from my.cnf and restart the server"),
)  # fmt: skip
def mysql_grant_tables(files: ServiceFiles, service: Service) -> ServiceState:
    """MySQL or MariaDB does not run without access control (skip-grant-tables)."""
    own = files.matching(_MYSQL)
    words = service.words
    bad = [f.path for f in own if _skips(f)]
    if any(w.startswith("--") and _switched(w.removeprefix("--")) for w in words):
        bad.append(f"--{_SKIPS}")
    certain = about((bad, msg("skip-grant-tables is set: {paths}", paths=capped(bad))))
    named = options(words, "--defaults-file", "--defaults-extra-file")
    lacking = [path for path in named if files.at(path) is None] + _elsewhere(own)
    fine = msg("No skip-grant-tables in {paths}", paths=capped(f.path for f in own))
    return ServiceState(
        open=certain, doubts=not_read(lacking), files=own, fine=fine if own else None
    )


READERS = (memcached_open, mysql_grant_tables)
