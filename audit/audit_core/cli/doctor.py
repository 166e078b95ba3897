"""What is installed, what is missing, and what each target lets us do."""

from __future__ import annotations

import importlib.util
import platform
import secrets
import shutil
from collections.abc import Iterator

from audit_core import __version__, plan
from audit_core.cli.context import Context, Selection
from audit_core.cli.output import print_json, print_table
from audit_core.collect import Route
from audit_core.connectors import TransportError
from audit_core.inventory import Inventory
from audit_core.model import Command, Status, Target, msg
from audit_core.model.errors import ConfigError
from audit_core.plan import batch
from audit_core.views.cli_views import DoctorRow

_LIBRARIES = {
    "paramiko": msg("hosts over SSH (extra ssh)"),
    "nmap": msg("ports from outside (extra net)"),
    "openpyxl": msg("the workbook (extra excel)"),
}
_PROJECTS = {"nmap": "python-nmap"}  # whose module has the name of the program it calls
_TRIAL = (Command(argv=("/usr/bin/id", "-u")),)
Row = tuple[str, str, str]
Argv = tuple[str, ...]


def doctor(context: Context) -> int:
    """Prints what was found; 69 where a tool is missing, 2 where a target is out of reach."""
    here = _here(context)
    inventory = context.inventory()
    chosen = Selection(inventory=inventory, groups=(), targets=inventory.targets)
    targets = [
        _target(context, t.id, r, _root_argvs(context, t, inventory))
        for t, r in _routes(context, chosen)
    ]
    if context.args.format == "json":
        rows = (*here, *targets)
        print_json([DoctorRow(what=w, state=s, detail=d) for w, s, d in rows])
    else:
        heads = [context.text("what"), context.text("state"), context.text("detail")]
        shown = [(w, context.code(s), d) for w, s, d in (*here, *targets)]
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
        rows.append(
            (_PROJECTS.get(name, name), "ok" if there else "missing", context.translator.say(use))
        )
    for prober in context.registry.probers.values():
        if prober.tool is not None:
            found = shutil.which(prober.tool)
            rows.append((prober.tool, "ok" if found else "missing", found or prober.name))
    english = context.translator
    plugin = context.text("plugin")
    rows += [(p.name, "ok", f"{plugin} {p.version}") for p in context.registry.plugins]
    rows += [(f.plugin, "fault", english.say(f.said)) for f in context.registry.faults]
    return rows


def _routes(context: Context, chosen: Selection) -> Iterator[tuple[Target, Route]]:
    for target in chosen.targets:
        access = chosen.inventory.access.get(target.id)
        if access is not None:
            yield target, context.route(access, chosen.inventory.scope)


def _root_argvs(context: Context, target: Target, inventory: Inventory) -> list[Argv]:
    """What any check of any plugin would run as root on `target` and its parts."""
    members = [t for t in inventory.targets if target.id in (t.id, t.parent)]
    groups = plan.groups(members, tuple(context.registry.checks.values()))
    requests = [r for g in groups for r in plan.everything(g)]
    shell = [r for r in requests if isinstance(r, batch.ShellRequest)]
    return sorted({argv for r in shell for argv in batch.root_argvs(r)})


def _target(context: Context, name: str, route: Route, argvs: list[Argv]) -> Row:
    # sudo -l CMD only says whether CMD would be allowed; nothing of it runs.
    trial = [Command(argv=("/usr/bin/sudo", "-n", "-l", "--", *argv), ok=(0, 1)) for argv in argvs]
    nonce = secrets.token_hex(16)
    try:
        with route.transport.open() as session:
            script = batch.render([*_TRIAL, *trial], nonce, sudo=route.sudo)
            told = session.run(script, deadline_s=120, limit=4 << 20)
            how = context.translator.ours(session.how)
    except TransportError as error:
        why = [error.said, *([error.remedy] if error.remedy is not None else [])]
        joint = "；" if context.translator.lang == "zh" else "; "
        return (name, "out of reach", joint.join(context.translator.say(m) for m in why))
    except ConfigError as error:
        return (name, "out of reach", context.translator.say(error.said))
    asked = [*_TRIAL, *trial]
    got = batch.unframe(asked, nonce, told.stdout, told.stderr, cut=Status.NO_REPLY)
    if got.header is None:
        return (name, "out of reach", context.text("no answer to a trial script"))
    if got.header.uid == 0:
        return (name, "ok", context.text("{how}; root, so every request is allowed", how=how))
    if not (got.header.sudo and route.sudo):
        return (name, "ok", context.text("{how}; no sudo: what needs root stays open", how=how))
    allowed = sum(1 for r in got.replies[1:] if r is not None and r.exit_code == 0)
    said = msg(
        "{how}; sudo allows {allowed} of {count} commands that need root",
        how=how,
        allowed=allowed,
        count=len(argvs),
    )
    return (name, "ok", context.translator.say(said))
