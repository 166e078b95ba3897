"""Databases and caches of the host that ask nobody for a password.

memcached is told everything by its arguments; MongoDB by mongod.conf (YAML) and arguments; MySQL
and MariaDB by the groups of my.cnf; Elasticsearch by elasticsearch.yml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from audit_core.api.sdk import Message, capped, msg
from audit_linux.open_services.service_files import (
    Running,
    Service,
    ServiceFile,
    ServiceFiles,
    ServiceState,
    is_loopback,
    service_check,
    unread,
)

_ON = ("", "1", "on", "true", "yes")


def _option(words: tuple[str, ...], *names: str) -> str | None:
    """The last value of an option: `-l x`, `-lx`, `--listen=x`, `--listen x`; None without it."""
    found = None
    for at, word in enumerate(words):
        following = words[at + 1] if at + 1 < len(words) else ""
        for name in names:
            if word == name:
                found = following
            elif name.startswith("--") and word.startswith(f"{name}="):
                found = word.partition("=")[2]
            elif re.fullmatch("-[A-Za-z]", name) and word.startswith(name):
                found = word[2:]
    return found


# --- memcached -----------------------------------------------------------------------------------


def _memcached(process: Running) -> str | None:
    """How others get in: the addresses that it listens on; None where they do not."""
    words = process.words
    if _option(words, "-s", "--unix-socket") or "-S" in words or "--enable-sasl" in words:
        return None
    if _option(words, "-Y", "--auth-file"):
        return None
    listen = [
        address
        for at, word in enumerate(words)
        if word in ("-l", "--listen") or word.startswith(("--listen=", "-l"))
        for address in (
            words[at + 1] if word in ("-l", "--listen") and at + 1 < len(words)
            else word.removeprefix("--listen=").removeprefix("-l")
        ).split(",")
    ]  # fmt: skip
    if listen and all(map(is_loopback, listen)):
        return None
    return f"{','.join(listen) or '*'} (pid {process.pid})"


@service_check(
    "linux.memcached-open",
    names=("memcached",),
    ports=("11211/tcp", "11211/udp"),
    expected=msg("only for this host (-l 127.0.0.1), or with SASL (-S)"),
    remedy=msg("Set -l 127.0.0.1 and -U 0 in /etc/memcached.conf, or turn SASL on"),
)
def memcached_open(files: ServiceFiles, service: Service) -> ServiceState:
    """Memcached accepts no connections from other hosts without a password."""
    bad = [text for p in service.processes or () if (text := _memcached(p))]
    certain: tuple[Message, ...] = ()
    if bad and not service.only_loopback:
        certain = (msg("It listens without a password: {names}", names=capped(bad)),)
    doubts = (
        ()
        if service.processes
        else (msg("Port 11211 is open; the service behind it was not identified"),)
    )
    return ServiceState(open=certain, doubts=doubts, fine=msg("Only this host, or with a password"))


# --- MongoDB -------------------------------------------------------------------------------------


def flattened(file: ServiceFile) -> Iterator[tuple[str, str]]:
    """The scalars of a simple YAML file as dotted names in small letters and values.

    Enough for settings: blocks by indentation, `a.b: c`, quotes, comments. Lists are passed over.
    """
    above: list[tuple[int, str]] = []
    for line in file.lines or ():
        row = re.fullmatch(r"( *)([\"']?)([\w.-]+)\2[ \t]*:(?:[ \t]+(.*))?", line.rstrip())
        if row is None:
            continue
        depth = len(row[1])
        above = [pair for pair in above if pair[0] < depth]
        name = ".".join([*(pair[1] for pair in above), row[3].lower()])
        value = re.sub(r"(^|\s)#.*", "", row[4] or "").strip()
        if value:
            yield name, value.strip("\"'")
        else:
            above.append((depth, row[3].lower()))


def _mongod(file: ServiceFile) -> tuple[dict[str, str], bool]:
    """The settings, and whether they ask for a login; also those of the older `name = value`."""
    values = dict(flattened(file))
    for line in file.lines or ():
        name, equals, value = line.split("#", 1)[0].partition("=")
        if equals and ":" not in line:
            values[name.strip().lower()] = value.strip().strip("\"'")
    asks = values.get("security.authorization", "").lower() == "enabled"
    older = values.get("auth", "").lower() == "true"
    return values, asks or older or "security.keyfile" in values or "keyfile" in values


@service_check(
    "linux.mongodb-authorization",
    names=("mongod",),
    ports=("27017/tcp",),
    expected=msg("security.authorization: enabled, or only for this host"),
    remedy=msg("Create an administrator, then set security.authorization: enabled in mongod.conf"),
)
def mongodb_authorization(files: ServiceFiles, service: Service) -> ServiceState:
    """MongoDB accepts no connections from other hosts without a login."""
    own = files.matching(r"/etc/mongod(b)?\.conf")
    words = service.words
    if {"--auth", "--keyFile", "--clusterAuthMode"} & set(words):
        return ServiceState(fine=msg("Started with --auth"))
    bad, unsure = _without_login(own)
    named = [w for w in words if w.startswith(("--bind_ip", "--noauth", "--config", "-f"))]
    other = named and not any(f.path in words for f in own)
    certain: tuple[Message, ...] = ()
    if bad and not service.only_loopback:
        certain = (msg("Open to other hosts without authorization: {paths}", paths=capped(bad)),)
    doubts = unread(own)
    if unsure and not service.only_loopback:
        doubts += (msg("No authorization, and no address is set in {paths}",
                       paths=capped(unsure)),)  # fmt: skip
    if other:
        doubts, certain = (*certain, *doubts, _by_arguments(named)), ()
    fine = msg("Authorization is on, or only this host may connect: {paths}",
               paths=capped(f.path for f in own)) if own else None  # fmt: skip
    return ServiceState(open=certain, doubts=doubts, fine=fine)


def _without_login(files: tuple[ServiceFile, ...]) -> tuple[list[str], list[str]]:
    """The files that ask for no login of other hosts, and those that may not."""
    bad, unsure = [], []
    for file in files:
        if file.lines is None:
            continue
        values, asks = _mongod(file)
        address = values.get("net.bindip", values.get("bind_ip", ""))
        everywhere = values.get("net.bindipall", "").lower() == "true"
        outside = everywhere or not all(map(is_loopback, filter(None, re.split("[, ]+", address))))
        if not asks and outside:
            bad.append(file.path)
        elif not asks and not address:
            unsure.append(file.path)  # before MongoDB 3.6 this was every address
    return bad, unsure


def _by_arguments(words: list[str]) -> Message:
    return msg("Check the command line: {names}", names=capped(words))


# --- MySQL and MariaDB ---------------------------------------------------------------------------

_MYSQL = r"/etc/my\.cnf|/etc/mysql/my\.cnf|/etc/my\.cnf\.d/.*\.cnf|/etc/mysql/.*\.d/.*\.cnf"
_GROUPS = re.compile(r"(mysqld|server|mariadb|mariadbd|galera)([-.\d].*)?", re.IGNORECASE)


_SKIPS = "skip-grant-tables"
_INCLUDES = re.compile(r"!include(?:dir)?\s+(\S+)")
_OURS = re.compile(r"/etc/my\.cnf(\.d/?)?|/etc/mysql/([a-z.]+\.d/?|my\.cnf)")


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
    expected=msg("no skip-grant-tables"),
    version=3,
    remedy=msg("Remove skip-grant-tables from my.cnf and restart the server"),
)
def mysql_grant_tables(files: ServiceFiles, service: Service) -> ServiceState:
    """MySQL or MariaDB does not run without access control (skip-grant-tables)."""
    own = files.matching(_MYSQL)
    certain: tuple[Message, ...] = ()
    bad = [f.path for f in own if _skips(f)]
    words = service.words
    if any(w.startswith("--") and _switched(w.removeprefix("--")) for w in words):
        bad.append(f"--{_SKIPS}")
    if bad:
        certain = (msg("skip-grant-tables is set: {paths}", paths=capped(bad)),)
    other = [w for w in words if w.startswith(("--defaults-file", "--defaults-extra-file"))]
    doubts = unread(own)
    if other:
        doubts += (_by_arguments(other),)
    if more := _elsewhere(own):
        doubts += (msg("Files that were not read: {names}", names=capped(more)),)
    fine = msg("No skip-grant-tables in {paths}", paths=capped(f.path for f in own))
    return ServiceState(open=certain, doubts=doubts, fine=fine if own else None)


# --- Elasticsearch -------------------------------------------------------------------------------


@service_check(
    "linux.elasticsearch-security",
    names=(),
    ports=("9200/tcp",),
    expected=msg("xpack.security.enabled: true, or only for this host"),
    remedy=msg("Set xpack.security.enabled: true in elasticsearch.yml, and set the passwords"),
)
def elasticsearch_security(files: ServiceFiles, service: Service) -> ServiceState:
    """Elasticsearch accepts no requests from other hosts without a login."""
    own = files.matching(r"/etc/elasticsearch/elasticsearch\.yml")
    if not own:
        return ServiceState(
            doubts=(msg("Port 9200 is open; the service behind it was not identified"),)
        )
    if service.only_loopback:
        return ServiceState(fine=msg("It listens on the loopback interface only"))
    values = dict(flattened(own[0]))
    enabled = values.get("xpack.security.enabled", "").lower()
    certain: tuple[Message, ...] = ()
    doubts = unread(own)
    if enabled == "false":
        certain = (msg("xpack.security.enabled is false in {path}", path=own[0].path),)
    elif enabled != "true" and not doubts:
        doubts = (msg("xpack.security.enabled is not set: it is off before Elasticsearch 8"),)
    return ServiceState(open=certain, doubts=doubts, fine=msg("xpack.security.enabled is true"))


CHECKS = (memcached_open, mongodb_authorization, mysql_grant_tables, elasticsearch_security)
