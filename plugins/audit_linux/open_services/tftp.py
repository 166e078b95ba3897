"""TFTP, which knows no login: in.tftpd(8), atftpd(8), dnsmasq(8).

What everybody may read on the host everybody may fetch; with `--create` of in.tftpd new files are
taken, too, and files that everybody may write always are (tftpd-hpa 5.2).
"""

from __future__ import annotations

import re

from audit_core.api.sdk import capped, msg
from audit_linux.open_services.service import (
    ONLY_LOOPBACK,
    Running,
    Service,
    ServiceState,
    about,
    not_identified,
    service_check,
)
from audit_linux.open_services.service_files import ServiceFiles

# Options of in.tftpd that take a value, which may hold a `c`.
_VALUED = "aumrtTRBPL"


def _creates(process: Running) -> bool:
    return process.name == "in.tftpd" and any(
        word == "--create" or re.fullmatch(rf"-[^-{_VALUED}]*c.*", word) for word in process.words
    )


@service_check(
    "linux.tftp-open",
    names=("in.tftpd", "atftpd"),
    ports=("69/udp",),
    places=(),
    expected=msg("no TFTP server, for it knows no login"),
    remedy=msg("Stop the TFTP server, or limit its port to the hosts that start from it, and do "
               "not let it create files"),
    version=1,
)  # fmt: skip
def tftp_open(files: ServiceFiles, service: Service) -> ServiceState:
    """TFTP takes no files from everybody."""
    if service.only_loopback:
        return ServiceState(fine=ONLY_LOOPBACK)
    creating = [f"pid {p.pid}" for p in service.processes or () if _creates(p)]
    certain = about(
        (creating, msg("Everybody can write without a login: {names}", names=capped(creating)))
    )
    reading = msg("TFTP knows no login: ask who may reach it, and what it hands out")
    doubts = (reading,) if service.processes else (not_identified("69"),)
    return ServiceState(open=certain, doubts=doubts)


READERS = (tftp_open,)
