"""Runs one prober in a process of its own: `python -m audit_core.connectors.worker`, JSON on stdin.

A prober that hangs, dies or eats memory costs its own answer and nothing else.
"""

from __future__ import annotations

import os
import resource
import sys

import msgspec
from msgspec import Struct

from audit_core.api.hooks import ProbeReply
from audit_core.api.plugins import resolve_entry
from audit_core.model import Value

MEMORY = 2 << 30


class Order(Struct, frozen=True, kw_only=True):
    """Which prober to run with which arguments."""

    entry: str
    args: dict[str, Value]
    timeout_s: int
    limit: int
    path: tuple[str, ...]


def main() -> None:
    """Reads an Order on stdin, writes a ProbeReply on what was stdout."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.path[:] = order.path
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # What a prober prints must not mix with its reply.
    reply_to = os.dup(1)
    os.dup2(2, 1)
    reply: ProbeReply = resolve_entry(order.entry)(dict(order.args), order.timeout_s, order.limit)
    with os.fdopen(reply_to, "wb") as out:
        out.write(msgspec.json.encode(reply))


if __name__ == "__main__":
    main()
