"""Database servers that a host shows: parts to propose. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from audit_core.api.sdk import Part, Propose, Target, msg


def proposed(id: str, port: int) -> Propose:
    """Proposes the part `id` where the host listens at TCP `port`, loopback included."""

    def servers(target: Target, listeners: Any) -> Iterable[Part]:
        for item in listeners or ():
            if item.protocol == "tcp" and item.port == port:
                yield Part(
                    id=id, settings={}, why=msg("The host listens: {socket}", socket=item.text)
                )
                return

    return Propose(parent="host", needs=("linux.listeners",), make=servers)
