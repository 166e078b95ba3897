"""What a host says that it is: its operating system, name and kernel."""

from __future__ import annotations

from collections.abc import Iterator

from audit_core.api.sdk import PLATFORM, AboutLine, Description, Platform, msg

_UNKNOWN = "unknown"


def _system(platform: Platform) -> Iterator[AboutLine]:
    known = [platform[n] for n in ("os_id", "version_id") if platform[n] not in ("", _UNKNOWN)]
    if known:
        yield AboutLine(
            title=msg("Operating system"), value=msg("{system}", system=" ".join(known))
        )
    if platform["host_name"] not in ("", _UNKNOWN):
        name = msg("{name}", name=platform["host_name"])
        yield AboutLine(title=msg("Host name"), value=name)
    if platform["kernel"] not in ("", _UNKNOWN):
        yield AboutLine(title=msg("Kernel"), value=msg("{kernel}", kernel=platform["kernel"]))


DESCRIPTIONS = (Description(id="host.system", kind="host", needs=(PLATFORM,), make=_system),)
