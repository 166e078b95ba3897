"""MongoDB, Elasticsearch and OpenSearch without a login: settings in YAML, and arguments.

Read as the manuals say; the programs are not free to be installed where this is tested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from audit_core.api.sdk import Message, capped, msg
from audit_linux.open_services.service import (
    ONLY_LOOPBACK,
    Service,
    ServiceState,
    about,
    is_loopback,
    not_identified,
    options,
    service_check,
)
from audit_linux.open_services.service_files import ServiceFile, ServiceFiles

_ROW = re.compile(r"( *)([\"']?)([\w.-]+)\2[ \t]*:(?:[ \t]+(.*))?")


def flattened(file: ServiceFile) -> Iterator[tuple[str, str]]:
    """The scalars of a simple YAML file as dotted names in small letters and values.

    Enough for settings: blocks by indentation, `a.b: c`, `{a: b}` in one line, quotes, comments.
    Lists are passed over.
    """
    above: list[tuple[int, str]] = []
    for line in file.lines or ():
        row = _ROW.fullmatch(line.rstrip())
        if row is None:
            continue
        depth = len(row[1])
        above = [pair for pair in above if pair[0] < depth]
        name = ".".join([*(pair[1] for pair in above), row[3].lower()])
        value = re.sub(r"(^|\s)#.*", "", row[4] or "").strip()
        if value.startswith("{") and value.endswith("}"):
            pairs = (pair.partition(":") for pair in value[1:-1].split(","))
            yield from (
                (f"{name}.{k.strip(_QUOTES).lower()}", v.strip(_QUOTES)) for k, _, v in pairs
            )
        elif value:
            yield name, value.strip("\"'")
        else:
            above.append((depth, row[3].lower()))


_QUOTES = " \t\"'"


# --- MongoDB -------------------------------------------------------------------------------------


def _mongod(file: ServiceFile) -> dict[str, str]:
    """The settings by their dotted names; also those of the older form `name = value`."""
    values = dict(flattened(file))
    for line in file.lines or ():
        name, equals, value = line.split("#", 1)[0].partition("=")
        if equals and ":" not in line:
            values[name.strip().lower()] = value.strip().strip("\"'")
    if values.get("auth", "").lower() == "true" or "keyfile" in values:
        values.setdefault("security.authorization", "enabled")
    return values


def _asks(values: dict[str, str]) -> bool:
    """Whether everybody has to log in; during a transition nobody has to."""
    on = values.get("security.authorization", "").lower() == "enabled"
    between = values.get("security.transitiontoauth", "").lower() == "true"
    return not between and (on or "security.keyfile" in values)


def _address(values: dict[str, str]) -> str:
    """The addresses that it listens on; empty where none are set."""
    if values.get("net.bindipall", "").lower() == "true":
        return "*"
    return values.get("net.bindip", values.get("bind_ip", ""))


def _own(address: str) -> bool:
    """Whether all of some addresses, and at least one, are of this host alone."""
    parts = [part for part in re.split("[, ]+", address) if part]
    return bool(parts) and all(is_loopback(part) or part.startswith("/") for part in parts)


@service_check(
    "linux.mongodb-authorization",
    names=("mongod",),
    ports=("27017/tcp",),
    places=("/etc/mongod.conf", "/etc/mongodb.conf"),
    expected=msg("security.authorization: enabled, or only for this host"),
    remedy=msg("Create an administrator, then set security.authorization: enabled in mongod.conf"),
)
def mongodb_authorization(files: ServiceFiles, service: Service) -> ServiceState:
    """MongoDB accepts no connections from other hosts without a login."""
    own = files.matching(r"/etc/mongod(b)?\.conf")
    words = service.words
    if {"--auth", "--clusterAuthMode"} & set(words) or options(words, "--keyFile"):
        return ServiceState(fine=msg("Started with --auth"))
    bound = "*" if "--bind_ip_all" in words else ",".join(options(words, "--bind_ip")[-1:])
    bad, unsure = _without_login(own, bound)
    other = [p for p in options(words, "--config", "-f") if files.at(p) is None]
    off = [word for word in words if word == "--noauth"]
    if service.only_loopback:
        bad, unsure = [], []
    certain = about(
        (bad, msg("Open to other hosts without authorization: {paths}", paths=capped(bad)))
    )
    rest = (
        (unsure, msg("No authorization, and no address is set in {paths}", paths=capped(unsure))),
        (off, _by_arguments(off)),
    )
    fine = msg("Authorization is on, or only this host may connect: {paths}",
               paths=capped(f.path for f in own)) if own else None  # fmt: skip
    return ServiceState(
        open=certain, overrides=(_by_arguments(other),) if other else (), files=own, fine=fine,
        doubts=about(*rest),
    )  # fmt: skip


def _without_login(files: tuple[ServiceFile, ...], bound: str) -> tuple[list[str], list[str]]:
    """The files that ask for no login of other hosts, and those that may not."""
    bad, unsure = [], []
    for file in files:
        values = _mongod(file)
        if file.lines is None or _asks(values):
            continue
        address = bound or _address(values)
        if not address:
            unsure.append(file.path)  # before MongoDB 3.6 this was every address
        elif not _own(address):
            bad.append(file.path)
    return bad, unsure


def _by_arguments(words: list[str]) -> Message:
    return msg("Check the command line: {names}", names=capped(words))


# --- Elasticsearch and OpenSearch ----------------------------------------------------------------

_ELASTIC, _OPENSEARCH = "/etc/elasticsearch/elasticsearch.yml", "/etc/opensearch/opensearch.yml"


@service_check(
    "linux.elasticsearch-security",
    names=(),
    ports=("9200/tcp",),
    places=("/etc/elasticsearch", "/etc/opensearch"),
    files=("elasticsearch.yml", "opensearch.yml"),
    expected=msg("xpack.security.enabled: true, or only for this host"),
    remedy=msg("Set xpack.security.enabled: true in elasticsearch.yml, and set the passwords"),
)
def elasticsearch_security(files: ServiceFiles, service: Service) -> ServiceState:
    """Elasticsearch and OpenSearch accept no requests from other hosts without a login."""
    own = files.matching(f"{_ELASTIC}|{_OPENSEARCH}")
    if not own:
        return ServiceState(doubts=(not_identified("9200"),))
    if service.only_loopback:
        return ServiceState(fine=ONLY_LOOPBACK)
    certain: list[Message] = []
    doubts: list[Message] = []
    for file in own:
        values = dict(flattened(file))
        if file.lines is None:
            continue
        bad, unsure = (_opensearch if file.path == _OPENSEARCH else _elastic)(values)
        certain += [msg("{setting} in {path}", setting=bad, path=file.path)] if bad else []
        doubts += [unsure] if unsure else []
    if len(own) > 1:  # it is not known which of them runs
        certain, doubts = [], certain + doubts
    fine = msg("A login is required in {paths}", paths=capped(f.path for f in own))
    return ServiceState(open=tuple(certain), doubts=tuple(doubts), files=own, fine=fine)


def _elastic(values: dict[str, str]) -> tuple[str, Message | None]:
    """The setting that switches the login off, and what is to be checked."""
    enabled = values.get("xpack.security.enabled", "").lower()
    if enabled == "false":
        return "xpack.security.enabled: false", None
    if enabled != "true":
        return "", msg("xpack.security.enabled is not set: it is off before Elasticsearch 8")
    if any(name.startswith("xpack.security.authc.anonymous.") for name in values):
        return "", msg("Ask what people without a login may do: {names}",
                       names=("xpack.security.authc.anonymous",))  # fmt: skip
    return "", None


def _opensearch(values: dict[str, str]) -> tuple[str, Message | None]:
    """The same of OpenSearch, whose login is a plug-in."""
    if values.get("plugins.security.disabled", "").lower() == "true":
        return "plugins.security.disabled: true", None
    if not any(name.startswith("plugins.security.") for name in values):
        return "", msg("No setting of the security plug-in: check whether it is installed")
    return "", None


READERS = (mongodb_authorization, elasticsearch_security)
