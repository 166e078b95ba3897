"""Interfaces of container programs over the network, which are root on the host.

Docker is told its addresses by `-H` and by `hosts` of daemon.json, not by both; one without a
scheme is TCP. dockerd 20.10 does not start with a daemon.json that holds an error, or a name that
it does not know. Podman is told by the words behind `system service`, containerd by `tcp_address`.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from msgspec import Struct

from audit_core.api.sdk import Message, ParseError, capped, json_document, msg
from audit_linux.open_services.service import (
    Service,
    ServiceState,
    about,
    not_identified,
    options,
    service_check,
)
from audit_linux.open_services.service_files import ServiceFile, ServiceFiles

_DAEMON = "/etc/docker/daemon.json"
_CONTAINERD = "/etc/containerd/config.toml"
_TRUE = ("true", "t", "1")


def _hosts(words: tuple[str, ...]) -> list[str]:
    """The values of `-H` and `--host`, also where `-D` stands before the H."""
    apart = tuple(re.sub(r"^-D+H", "-H", word) for word in words)
    return [value.removeprefix("=") for value in options(apart, "-H", "--host")]


def _settings(file: ServiceFile | None) -> dict[str, Any] | None:
    """The settings of daemon.json; None where dockerd would not start with it."""
    if file is None or file.lines is None:
        return {}
    try:
        value = json_document("\n".join(file.lines).encode("utf-8", "surrogateescape"))
    except ParseError:
        return None
    hosts = value.get("hosts") if isinstance(value, dict) else ()
    fits = isinstance(value, dict) and (hosts is None or isinstance(hosts, list))
    return value if fits else None


def _over_tcp(host: str) -> bool:
    return host.startswith("tcp:") or "://" not in host


def _verified(settings: dict[str, Any], words: tuple[str, ...]) -> bool:
    flags = [w.partition("=")[2].lower() or "true" for w in words
             if w.partition("=")[0] == "--tlsverify"]  # fmt: skip
    return flags[-1] in _TRUE if flags else settings.get("tlsverify") is True


class Api(Struct, frozen=True, kw_only=True):
    """Addresses over TCP, those of them that ask for no certificate, and what overrides both."""

    over_tcp: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    overrides: tuple[Message, ...] = ()


def _docker(files: ServiceFiles, words: tuple[str, ...]) -> Api:
    file = files.at(_DAEMON)
    settings = _settings(file)
    other = [path for path in options(words, "--config-file") if path != _DAEMON]
    listed = (*_hosts(words), *map(str, (settings or {}).get("hosts") or ()))
    over_tcp = tuple(filter(_over_tcp, listed))
    bad = () if _verified(settings or {}, words) else over_tcp
    why = []
    if settings is None:
        why.append(msg("Docker does not start with this file: {path}", path=_DAEMON))
    if other:
        why.append(msg("Started with another configuration: {names}", names=capped(other)))
    if bad and file and file.lines is None:
        why.append(msg("A file that was not read may ask for certificates"))
    return Api(over_tcp=over_tcp, bad=bad, overrides=tuple(why))


def _containerd(files: ServiceFiles) -> Api:
    file = files.at(_CONTAINERD)
    if file is None or file.lines is None:
        return Api()
    try:
        grpc = tomllib.loads("\n".join(file.lines)).get("grpc", {})
        address = grpc.get("tcp_address") if isinstance(grpc, dict) else None
        verified = isinstance(grpc, dict) and bool(grpc.get("tcp_tls_ca"))
    except (ValueError, RecursionError):
        why = msg("containerd does not start with this file: {path}", path=_CONTAINERD)
        return Api(overrides=(why,))
    return Api(bad=(str(address),)) if address and not verified else Api()


def _podman(service: Service) -> Api:
    """The addresses behind `podman system service`."""
    served = [p.words for p in service.processes or () if p.name == "podman"]
    found = (w for words in served if "service" in words for w in words if w.startswith("tcp:"))
    return Api(bad=tuple(found))


@service_check(
    "linux.docker-api",
    names=("dockerd", "podman", "containerd"),
    ports=("2375/tcp", "2376/tcp"),
    places=(_DAEMON, _CONTAINERD),
    expected=msg("no tcp:// without tlsverify"),
    remedy=msg("Remove -H tcp://… or set tlsverify with certificates of your own; use SSH instead"),
)
def docker_api(files: ServiceFiles, service: Service) -> ServiceState:
    """The interfaces of Docker, Podman and containerd need a client certificate over TCP."""
    names = {p.name for p in service.processes or ()}
    words = tuple(w for p in service.processes or () if p.name == "dockerd" for w in p.words)
    docker = _docker(files, words) if not names or "dockerd" in names else Api()
    containerd = _containerd(files) if not names or "containerd" in names else Api()
    every = (docker, containerd, _podman(service))
    bad = [address for api in every for address in api.bad]
    certain = about((bad, msg("Open without a client certificate: {names}", names=capped(bad))))
    # docker.socket may listen in the place of dockerd
    there = any(item.number == "2375/tcp" for item in service.listeners or ())
    explained = docker.over_tcp or (names and not there)
    return ServiceState(
        open=certain,
        overrides=tuple(why for api in every for why in api.overrides),
        doubts=() if explained else (not_identified("2375, 2376"),),
        files=tuple(f for path in (_DAEMON, _CONTAINERD) if (f := files.at(path))),
        fine=msg("No address that is open without a client certificate"),
    )


READERS = (docker_api,)
