"""The API of Docker over the network, which is root on the host: dockerd(8), daemon.json."""

from __future__ import annotations

from typing import Any

from audit_core.api.sdk import Message, ParseError, capped, json_document, msg
from audit_linux.open_services.service_files import (
    Service,
    ServiceFile,
    ServiceFiles,
    ServiceState,
    service_check,
    unread,
)

_DAEMON = "/etc/docker/daemon.json"


def _hosts(words: tuple[str, ...]) -> list[str]:
    """The values of `-H` and `--host`."""
    found = []
    for at, word in enumerate(words):
        if word in ("-H", "--host") and at + 1 < len(words):
            found.append(words[at + 1])
        elif word.startswith(("--host=", "-H=")):
            found.append(word.partition("=")[2])
        elif word.startswith("-H") and len(word) > 2:
            found.append(word[2:])
    return found


def _settings(file: ServiceFile | None) -> dict[str, Any]:
    if file is None or file.lines is None:
        return {}
    value = json_document("\n".join(file.lines).encode("utf-8", "surrogateescape"))
    return value if isinstance(value, dict) else {}


@service_check(
    "linux.docker-api",
    names=("dockerd",),
    ports=("2375/tcp", "2376/tcp"),
    expected=msg("no tcp:// without tlsverify"),
    remedy=msg("Remove -H tcp://… or set tlsverify with certificates of your own; use SSH instead"),
)
def docker_api(files: ServiceFiles, service: Service) -> ServiceState:
    """The Docker API is not open over TCP without a client certificate."""
    file = files.at(_DAEMON)
    doubts = unread((file,) if file else ())
    try:
        settings = _settings(file)
    except ParseError:
        settings, doubts = {}, (msg("Cannot read {paths}", paths=(_DAEMON,)),)
    listed = settings.get("hosts")
    hosts = [
        *_hosts(service.words),
        *(str(h) for h in (listed if isinstance(listed, list) else ())),
    ]
    verified = settings.get("tlsverify") is True or any(
        w in ("--tlsverify", "--tlsverify=true", "--tlsverify=1") for w in service.words
    )
    over_tcp = [host for host in hosts if host.startswith("tcp:")]
    certain: tuple[Message, ...] = ()
    if over_tcp and not verified:
        certain = (msg("Open without a client certificate: {names}", names=capped(over_tcp)),)
        if doubts:
            certain, doubts = (), certain + doubts
    if not service.processes:
        doubts += (msg("Port 2375 or 2376 is open; the service behind it was not identified"),)
    fine = msg("It listens on {names}", names=capped(hosts) or ("unix",))
    return ServiceState(open=certain, doubts=doubts, fine=fine)


CHECKS = (docker_api,)
