"""The server: TLS, addresses, timeouts, logs, protected settings, persistence, replicas."""

from __future__ import annotations

import datetime
import re
from typing import Annotated

from audit_core.api.sdk import (
    COLLECTED_AT,
    HOUR,
    TARGET,
    Absent,
    Down,
    Judgement,
    Message,
    Severity,
    Target,
    check,
    expect,
    failed,
    integer,
    known,
    known_or_absent,
    listed,
    msg,
    not_applicable,
    passed,
    rounded_up,
    settings_of,
    undetermined,
)
from audit_redis.kind import RedisSettings
from audit_redis.release import state_of
from audit_redis.server import INFO, SETTINGS, USERS, Info, Settings, User

_OLD_TLS = ("tlsv1", "tlsv1.0", "tlsv1.1", "sslv3")


@check(
    "redis.tls-enforced", needs=SETTINGS, severity=Severity.HIGH, version=2,
    remedy=msg("Set tls-port, port 0 and tls-protocols \"TLSv1.2 TLSv1.3\""),
)  # fmt: skip
def tls_enforced(settings: Settings) -> Judgement:
    """Connections from other machines are accepted over TLS 1.2 or later only."""
    detail = settings.as_message("tls-port", "port", "tls-protocols", "bind")
    if settings.local:
        return not_applicable(msg("The server listens at loopback only"), detail)
    if settings.get("tls-port") is None:
        return failed(detail, msg("The server is built without TLS"))
    if settings.get("tls-port") == "0" or settings.get("port") != "0":
        return failed(detail)
    protocols = (settings.get("tls-protocols") or "").strip('"').lower().split()
    old = [name for name in protocols if name in _OLD_TLS]
    if old:
        return failed(detail)
    if not protocols:
        return undetermined(
            detail, msg("tls-protocols is not set: the TLS library decides the versions")
        )
    return passed(detail)


@check(
    "redis.protected", needs=(SETTINGS, known_or_absent(USERS)), severity=Severity.HIGH, version=2,
    remedy=msg("Set protected-mode yes, bind to the addresses that are needed, set a password"),
)  # fmt: skip
def protected(settings: Settings, users: tuple[User, ...] | Absent) -> Judgement:
    """The server is not open to other machines without a password."""
    detail = settings.as_message("protected-mode", "bind")
    if settings.local:
        return passed(detail)
    all_users = known(users)
    if all_users is None:
        return undetermined(detail)
    bad = listed(user.name for user in all_users if user.open)
    # it only looks whether default has a password, and before 7.0 only where bind is not set
    effective = settings.since_7 or not settings.get("bind")
    if settings.get("protected-mode") == "yes" and effective and bad == ("default",):
        return passed(detail)
    if bad:
        return failed(detail, msg("Users without a password: {names}", names=bad))
    return passed(detail, msg("Every user has a password"))


@check(
    "redis.listen-addresses", needs=SETTINGS, severity=Severity.LOW, version=2,
    remedy=msg("Name the addresses that are needed in bind"),
)  # fmt: skip
def listen_addresses(settings: Settings) -> Judgement:
    """The server listens at named addresses only."""
    return expect(not settings.everywhere, detail=settings.as_message("bind", "port", "tls-port"))


@check(
    "redis.idle-timeout", needs=SETTINGS, severity=Severity.MEDIUM,
    remedy=msg("CONFIG SET timeout 600, and write it to redis.conf"),
)  # fmt: skip
def idle_timeout(settings: Settings, *, seconds: Annotated[int, Down] = 1800) -> Judgement:
    """The server ends connections that are idle."""
    given = integer(settings.get("timeout") or "")
    detail = settings.as_message("timeout")
    if given is None:
        return undetermined(detail)
    return expect(0 < given <= seconds, detail=detail,
                  expected=msg("1 to {seconds} seconds", seconds=seconds))  # fmt: skip


@check(
    "redis.log", needs=SETTINGS, severity=Severity.MEDIUM, version=2,
    remedy=msg("Set logfile or syslog-enabled, and loglevel notice; audit commands at a proxy"),
)  # fmt: skip
def log(settings: Settings) -> Judgement:
    """Starts, stops and errors are logged to a file or to syslog."""
    detail = settings.as_message("logfile", "syslog-enabled", "loglevel")
    syslog = settings.get("syslog-enabled") == "yes"
    kept = bool(settings.get("logfile")) or syslog
    dropped = settings.get("logfile") == "/dev/null" and not syslog
    coarse = settings.get("loglevel") in ("warning", "nothing") or dropped
    note = msg("The server keeps no record of the commands of users; SLOWLOG and ACL LOG are in "
               "memory and are lost")  # fmt: skip
    if coarse:
        return failed(detail, note)
    if not kept:  # what is printed may be kept by systemd or a container
        return undetermined(detail, msg("The log goes to standard output"), note)
    return passed(detail, note)


_PROTECTED = ("enable-protected-configs", "enable-debug-command", "enable-module-command")


@check(
    "redis.protected-settings", needs=SETTINGS, severity=Severity.MEDIUM,
    remedy=msg("Set enable-protected-configs, -debug-command and -module-command to no"),
)  # fmt: skip
def protected_settings(settings: Settings) -> Judgement:
    """Log and data files, modules and debugging cannot be changed over the network."""
    values = [settings.get(name) for name in _PROTECTED]
    detail = settings.as_message(*_PROTECTED)
    if "yes" in values:
        return failed(detail)
    if None in values:
        return undetermined(detail, msg("Releases before 7.0 have no such settings"))
    return passed(detail)


@check(
    "redis.persistence", needs=(TARGET, INFO, SETTINGS, COLLECTED_AT), severity=Severity.HIGH,
    version=2,
    remedy=msg("Set save or appendonly yes, and find out in the log why saving fails"),
)  # fmt: skip
def persistence(
    target: Target, info: Info, settings: Settings, now: str, *, hours: Annotated[int, Down] = 24
) -> Judgement:
    """Changes are saved: the last snapshot or the append-only file is intact and recent."""
    declared = settings_of(target, RedisSettings)
    names = ("rdb_last_bgsave_status", "rdb_changes_since_last_save", "aof_enabled",
             "aof_last_write_status")  # fmt: skip
    detail = msg("{values}", values=", ".join(f"{n} {info.get(n) or '-'}" for n in names))
    if declared.cache:
        return not_applicable(msg("Declared to be a cache, whose content may be lost"))
    if info.get("aof_enabled") == "1" and not info.get("aof_last_write_status"):
        return undetermined(detail)
    if info.get("aof_enabled") == "1":
        return expect(info.get("aof_last_write_status") == "ok", detail=detail)
    if not (settings.get("save") or "").strip('"'):
        return failed(detail, msg("Neither save nor appendonly is set"))
    if info.get("rdb_last_bgsave_status") != "ok":
        return failed(detail)
    return _fresh(info, now, min(hours, declared.rpo_hours or hours), detail)


def _fresh(info: Info, now: str, hours: float, detail: Message) -> Judgement:
    changes, saved = info.number("rdb_changes_since_last_save"), info.number("rdb_last_save_time")
    if changes is None or saved is None:
        return undetermined(detail)
    if changes == 0:
        return passed(detail, msg("Nothing changed since the last snapshot"))
    age = _seconds(now) - saved
    return expect(
        age <= hours * HOUR,
        detail=(detail,
                msg("the last snapshot is {hours} hours old", hours=rounded_up(age, HOUR))),
        expected=msg("at most {hours} hours", hours=hours),
    )  # fmt: skip


def _seconds(iso: str) -> int:
    return int(datetime.datetime.fromisoformat(iso).timestamp())


@check(
    "redis.replica", needs=INFO, severity=Severity.MEDIUM,
    remedy=msg("Set up a replica at another place, with Sentinel or a cluster to switch over"),
)  # fmt: skip
def replica(info: Info, *, lag_s: Annotated[int, Down] = 60) -> Judgement:
    """A replica follows the server without lag, or the server follows its master."""
    if info.get("role") == "slave":
        detail = msg("replica of {host}: link {state}", host=info.get("master_host"),
                     state=info.get("master_link_status"))  # fmt: skip
        return expect(info.get("master_link_status") == "up", detail=detail)
    if info.get("role") != "master":
        return undetermined(msg("role {role}", role=info.get("role") or "-"))
    online = [
        each for each in info.replicas
        if each.get("state") == "online" and _lag(each) <= lag_s
    ]  # fmt: skip
    detail = msg("Replicas: {names}", names=listed(
        f"{each.get('ip')} {each.get('state')} lag {each.get('lag')}" for each in info.replicas
    ))  # fmt: skip
    return expect(bool(online), detail=detail)


def _lag(replica: dict[str, str]) -> int:
    lag = integer(replica.get("lag", ""))
    return 1 << 30 if lag is None or lag < 0 else lag


@check(
    "redis.replication-tls", needs=(INFO, SETTINGS), severity=Severity.HIGH, version=2,
    remedy=msg("Set tls-replication yes on both sides, of a cluster tls-cluster yes too"),
)  # fmt: skip
def replication_tls(info: Info, settings: Settings) -> Judgement:
    """Traffic between servers, for replication and in a cluster, is encrypted with TLS."""
    if info.get("cluster_enabled") == "1" and settings.get("tls-cluster") != "yes":
        return failed(settings.as_message("tls-cluster"))
    detail = settings.as_message("tls-replication", "port")
    if info.get("role") == "slave":
        return expect(settings.get("tls-replication") == "yes", detail=detail)
    if not info.replicas:
        return not_applicable(msg("No replica is connected"))
    if settings.get("port") == "0":  # replicas can only come over TLS
        return passed(detail)
    return undetermined(detail, msg("Whether replicas connect over TLS has to be checked on them"))


@check(
    "redis.checksums", needs=SETTINGS, severity=Severity.LOW,
    remedy=msg("Set rdbchecksum yes, and start the server again"),
)  # fmt: skip
def checksums(settings: Settings) -> Judgement:
    """Damage of a snapshot is noticed when it is loaded."""
    detail = settings.as_message("rdbchecksum")
    if settings.get("rdbchecksum") is None:
        return undetermined(detail)
    return expect(settings.get("rdbchecksum") == "yes", detail=detail)


@check(
    "redis.release-supported", needs=(INFO, COLLECTED_AT), severity=Severity.HIGH,
    remedy=msg("Upgrade to a release that still gets security fixes"),
)  # fmt: skip
def release_supported(info: Info, now: str) -> Judgement:
    """The release still gets security fixes."""
    product, version = info.product
    found = re.match(r"([0-9]{1,3})\.([0-9]{1,3})", version)
    detail = msg("{product} {release}", product=product, release=version or "-")
    if found is None:
        return undetermined(detail)
    return state_of(product, (int(found[1]), int(found[2])), now, detail)


CHECKS = (
    tls_enforced, protected, listen_addresses, idle_timeout, log, protected_settings, persistence,
    replica, replication_tls, checksums, release_supported,
)  # fmt: skip
