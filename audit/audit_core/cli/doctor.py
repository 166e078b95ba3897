"""What is installed, what is missing, and what each target lets us do."""

from __future__ import annotations

import importlib.util
import platform
import secrets
import shutil
from collections.abc import Iterator

from audit_core import __version__, batch
from audit_core.cli.context import Chosen, Context
from audit_core.cli.output import print_json, print_table
from audit_core.collect import Route
from audit_core.model import Command, Status, Target
from audit_core.transports import TransportError

_LIBRARIES = {
    "paramiko": "hosts over SSH (extra ssh)",
    "nmap": "ports from outside (extra net)",
    "openpyxl": "the workbook (extra excel)",
}
_TRIAL = (Command(argv=("/usr/bin/id", "-u")),)
Row = tuple[str, str, str]


def doctor(context: Context) -> int:
    """Prints what was found; 69 where a tool is missing, 2 where a target is out of reach."""
    here = _here(context)
    inventory, sha256 = context.inventory()
    chosen = Chosen(inventory=inventory, sha256=sha256, groups=(), targets=inventory.targets)
    targets = [_target(context, t.id, r) for t, r in _routes(context, chosen)]
    if context.args.format == "json":
        keys = ("what", "state", "detail")
        print_json([dict(zip(keys, row, strict=True)) for row in (*here, *targets)])
    else:
        heads = [context.text(h) for h in ("what", "state", "detail")]
        shown = [(w, context.text(s), context.text(d)) for w, s, d in (*here, *targets)]
        print_table(context.text("Doctor"), heads, shown)
    if any(state == "missing" for _, state, _ in here):
        return 69
    return 2 if any(state == "out of reach" for _, state, _ in targets) else 0


def _here(context: Context) -> list[Row]:
    rows: list[Row] = [
        ("dengbao", "ok", __version__),
        ("python", "ok", platform.python_version()),
    ]
    for name, use in _LIBRARIES.items():
        there = importlib.util.find_spec(name) is not None
        rows.append((name, "ok" if there else "missing", use))
    for prober in context.registry.probers.values():
        if prober.tool is not None:
            found = shutil.which(prober.tool)
            rows.append((prober.tool, "ok" if found else "missing", found or prober.name))
    english = context.translator
    rows += [(p.name, "ok", f"plugin {p.version}") for p in context.registry.plugins]
    rows += [(f.plugin, "fault", english.say(f.said)) for f in context.registry.faults]
    return rows


def _routes(context: Context, chosen: Chosen) -> Iterator[tuple[Target, Route]]:
    for target in chosen.targets:
        access = chosen.inventory.access.get(target.id)
        if access is not None:
            yield target, context.route(access, chosen.inventory.scope)


def _target(context: Context, name: str, route: Route) -> Row:
    nonce = secrets.token_hex(16)
    try:
        with route.transport.open() as session:
            script = batch.render(_TRIAL, nonce, sudo=route.sudo)
            told = session.run(script, deadline_s=30, limit=1 << 20)
            how = session.how
    except TransportError as error:
        return (name, "out of reach", f"{error.detail} {error.hint}".strip())
    got = batch.unframe(_TRIAL, nonce, told.stdout, told.stderr, cut=Status.NO_REPLY)
    if got.header is None:
        return (name, "out of reach", "no answer to a trial script")
    if got.header.uid == 0:
        return (name, "ok", f"{how}; root")
    allowed = got.header.sudo and route.sudo
    rights = "each root request needs its sudoers line" if allowed else "no sudo"
    return (name, "ok", f"{how}; {rights}")
