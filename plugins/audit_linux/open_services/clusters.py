"""etcd and ZooKeeper, in which clusters keep their settings, and RabbitMQ.

etcd takes flags, or variables (which /etc/default/etcd sets), or one file, in which case the others
do not count. Over `http` no certificate is asked for, whatever the flags say (etcd 3.4.23).
ZooKeeper lets everybody create and read unless it asks for SASL (ZooKeeper 3.8.0).
"""

from __future__ import annotations

import re

from audit_core.api.sdk import capped, msg
from audit_linux.open_services.documents import flattened
from audit_linux.open_services.service import (
    ONLY_LOOPBACK,
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

# --- etcd ----------------------------------------------------------------------------------------

_FLAGS = ("listen-client-urls", "client-cert-auth", "trusted-ca-file")
_VARIABLES = re.compile(r"\s*(?:export\s+)?ETCD_([A-Z_]+)=[\"']?([^\"'#]*)")


def _flags(words: tuple[str, ...]) -> dict[str, str]:
    found = {name: values[-1] for name in _FLAGS
             if (values := options(words, f"--{name}", f"-{name}"))}  # fmt: skip
    if {"--client-cert-auth", "-client-cert-auth"} & set(words):
        found["client-cert-auth"] = "true"
    return found


def _variables(files: tuple[ServiceFile, ...]) -> dict[str, str]:
    rows = (_VARIABLES.match(line) for file in files for line in file.lines or ())
    return {row[1].lower().replace("_", "-"): row[2].strip() for row in rows if row}


def _etcd(values: dict[str, str]) -> tuple[list[str], list[str]]:
    """The addresses that ask for no certificate: over HTTP, and over TLS."""
    urls = re.split(r"[,\s]+", values.get("listen-client-urls", "http://localhost:2379"))
    outside = [url for url in urls if url and not is_loopback(url.partition("://")[2])
               and not url.startswith("unix")]  # fmt: skip
    asks = values.get("client-cert-auth", "").lower() == "true" or "trusted-ca-file" in values
    plain = [url for url in outside if url.startswith("http:")]
    return plain, [] if asks else [url for url in outside if url.startswith("https:")]


@service_check(
    "linux.etcd-open",
    names=("etcd",),
    ports=("2379/tcp",),
    places=("/etc/default/etcd", "/etc/etcd"),
    files=("*.conf", "etcd.conf.yml", "etcd.yml"),
    expected=msg("https with client-cert-auth, or only for this host"),
    remedy=msg("Listen on https, set client-cert-auth and trusted-ca-file, and switch accounts on"),
    version=1,
)
def etcd_open(files: ServiceFiles, service: Service) -> ServiceState:
    """Over the network etcd asks for a certificate of the client."""
    own = files.matching(r"/etc/default/etcd|/etc/etcd/etcd\.(conf|yml|conf\.yml)")
    if not service.processes:
        return ServiceState(doubts=(not_identified("2379"),))
    if service.only_loopback:
        return ServiceState(fine=ONLY_LOOPBACK)
    named = options(service.words, "--config-file", "-config-file")
    lacking = [path for path in named if files.at(path) is None]
    used = tuple(file for path in named if (file := files.at(path)))
    values = dict(pair for file in used for pair in flattened(file))
    if not named:
        used = tuple(file for file in own if not file.path.endswith(".yml"))
        values = {**_variables(used), **_flags(service.words)}
    plain, unasked = _etcd(values)
    certain = about((plain, msg("Open without a client certificate: {names}", names=capped(plain))))
    ask = msg("No client certificate is required; ask whether accounts are on (etcdctl auth "
              "status): {names}", names=capped(unasked))  # fmt: skip
    fine = msg("A certificate of the client is required")
    found = "listen-client-urls" in values
    return ServiceState(
        open=certain, overrides=not_read(lacking), doubts=(ask,) if unasked else (), files=used,
        fine=fine if found else None,
    )  # fmt: skip


# --- ZooKeeper -----------------------------------------------------------------------------------

_ZOO = r"/etc/zookeeper/(?:conf/)?zoo\.cfg"


def _settings(file: ServiceFile) -> dict[str, str]:
    """The settings: names as written, of one name the last holds, `#` and `!` begin comments."""
    rows = (re.fullmatch(r"\s*([^\s=:#!]+)\s*[=:]\s*(.*?)\s*", line) for line in file.lines or ())
    return {row[1]: row[2] for row in rows if row}


@service_check(
    "linux.zookeeper-open",
    names=(),
    ports=("2181/tcp",),
    places=("/etc/zookeeper",),
    files=("zoo.cfg",),
    expected=msg("sessions only with SASL or client certificates, or only for this host"),
    remedy=msg("Set sessionRequireClientSASLAuth=true or enforce.auth.enabled=true in zoo.cfg"),
    version=1,
)
def zookeeper_open(files: ServiceFiles, service: Service) -> ServiceState:
    """ZooKeeper asks who connects to it over the network."""
    own = files.matching(_ZOO)
    if service.only_loopback:
        return ServiceState(fine=ONLY_LOOPBACK)
    if not own:
        return ServiceState(doubts=(not_identified("2181"),))
    bad = []
    for file in own:
        values = _settings(file)
        asks = {values.get("sessionRequireClientSASLAuth"), values.get("enforce.auth.enabled")}
        address = values.get("clientPortAddress", "")
        if file.lines is not None and "true" not in asks and not is_loopback(address):
            bad.append(file.path)
    certain = about((bad, msg("Everybody may connect, by {paths}", paths=capped(bad))))
    fine = msg("A login is required in {paths}", paths=capped(f.path for f in own))
    return ServiceState(open=certain, files=own, fine=fine)


# --- RabbitMQ ------------------------------------------------------------------------------------

_CLASSIC = re.compile(r"\{\s*loopback_users\s*,\s*\[(.*?)\]", re.DOTALL)


@service_check(
    "linux.rabbitmq-guest",
    names=(),
    ports=("5672/tcp", "5671/tcp"),
    places=("/etc/rabbitmq",),
    files=("*.conf", "*.config"),
    expected=msg("the account guest only for this host (loopback_users)"),
    remedy=msg("Remove loopback_users from the configuration, delete guest (rabbitmqctl "
               "delete_user guest) and give each program an account of its own"),
    version=1,
)  # fmt: skip
def rabbitmq_guest(files: ServiceFiles, service: Service) -> ServiceState:
    """The factory account of RabbitMQ (guest) may not log in from other hosts."""
    own = files.matching(r"/etc/rabbitmq/.*\.(conf|config)")
    if service.only_loopback:
        return ServiceState(fine=ONLY_LOOPBACK)
    away = [file.path for file in own if _lets_guest_in(file)]
    others = any(re.match(r"\s*default_(user|pass)\s*=", line)
                 for file in own for line in file.lines or ())  # fmt: skip
    asked = msg("guest may log in from other hosts unless it was deleted or has another password: "
                "{paths}", paths=capped(away))  # fmt: skip
    silent = not own and all(item.process != "beam.smp" for item in service.listeners or ())
    doubts = (not_identified("5672"),) if silent else (asked,) if away and not others else ()
    return ServiceState(doubts=doubts, files=own, fine=msg("guest may log in from this host only"))


def _lets_guest_in(file: ServiceFile) -> bool:
    """Whether the list of accounts that may come from this host only lacks guest."""
    text = "\n".join(re.sub(r"(^|\s)[#%].*", "", line) for line in file.lines or ())
    classic = _CLASSIC.search(text)
    if classic:
        return "guest" not in classic[1]
    named = re.findall(r"(?m)^\s*loopback_users(?:\.(\w+))?\s*=\s*(\S+)", text)
    kept = {name for name, value in named if value == "true"}
    return bool(named) and "guest" not in kept


READERS = (etcd_open, zookeeper_open, rabbitmq_guest)
