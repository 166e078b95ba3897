"""Paths: whether a port of another target can be reached from a host."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Command,
    Kind,
    ParseError,
    Port,
    Schema,
    Target,
    Valid,
    fact,
    msg,
    settings_of,
)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


Address = Annotated[str, Valid(holds=_is_address, expected=msg("an IP address"))]


class PathSettings(Schema, frozen=True, kw_only=True):
    """A connection that is tried from the host: to a port of an address, perhaps of target `to`."""

    reach: Address
    port: Port
    to: str = ""


class Reach(Struct, frozen=True, kw_only=True):
    """What came of it: whether the connection was accepted."""

    open: bool


_CONNECT_S = 3
# 7: refused or no way; 28: no answer in time; the others end a connection that was accepted
_ENDED = (0, 7, 28, 52, 56)


def ask(target: Target) -> Command:
    """curl connects and sends nothing: its input is empty, and it takes no settings or proxy."""
    path = settings_of(target, PathSettings)
    host = f"[{path.reach}]" if ":" in path.reach else path.reach
    seconds = str(_CONNECT_S)
    return Command(
        argv=(
            "curl", "-q", "--silent", "--noproxy", "*", "--upload-file", "/dev/null",
            "--output", "/dev/null", "--connect-timeout", seconds, "--max-time", seconds,
            "--write-out", "connected %{time_connect}\\n", f"telnet://{host}:{path.port}",
        ),
        ok=_ENDED,
        timeout_s=15,
    )  # fmt: skip


def reached(answer: Answer) -> Reach:
    """Whether a connection was made. Source: curl(1), --write-out and EXIT CODES."""
    found = re.fullmatch(r"connected ([0-9]+[.,][0-9]+)\s*", answer.text)
    if found is None:
        raise ParseError(msg("not the answer that was asked for"))
    took = float(found[1].replace(",", "."))
    return Reach(open=took > 0 or answer.exit_code in (0, 52, 56))


REACH = fact("service.reach", Reach, kind="path", ask=ask, parse=reached)
FACTS = (REACH,)


def _named(id: str | None, settings: Mapping[str, Any]) -> str:
    return f"path:{id or settings['reach'] + ':' + str(settings['port'])}"


PATH = Kind(
    id="path",
    title=msg("Path"),
    object_types=("network", "server"),
    settings=PathSettings,
    example={"reach": "10.2.0.9", "port": 5432},
    parents=("host",),
    part_key="paths",
    part_name=_named,
    identity=("reach", "port"),
    needs_access=True,
)
