"""Database servers that a host shows: parts to propose. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from audit_core.api.sdk import Part, Propose, Target, msg


def proposed(id: str, port: int, *programs: str) -> Propose:
    """Proposes the part `id` where the host listens at TCP `port`, loopback included.

    A process of one of `programs` is one at any port; the port then has to be written in `access`.
    """

    def servers(target: Target, listeners: Any) -> Iterable[Part]:
        for item in listeners or ():
            if item.protocol == "tcp" and (item.port == port or item.process in programs):
                why = msg("The host listens: {socket}", socket=item.text)
                yield Part(id=id, settings={}, why=why, port=item.port)
                return

    return Propose(parent="host", needs=("linux.listeners",), make=servers)
