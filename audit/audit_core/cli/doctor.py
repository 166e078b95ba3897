"""What is installed, what is missing, and what each target permits."""

from __future__ import annotations

import contextlib
import os
import platform
import pwd
import shlex
import shutil
from collections.abc import Iterator, Sequence

from audit_core import __version__, plan
from audit_core.api.hooks import Requirement
from audit_core.cli.context import Context, resolved
from audit_core.cli.output import print_json, print_table
from audit_core.cli.parser import NOT_IN_FULL
from audit_core.collect import Logins
from audit_core.connectors import Route, route_of
from audit_core.connectors.preflight import missing
from audit_core.inventory import Inventory
from audit_core.model import ConnectError, Message, Request, merged, msg
from audit_core.model.errors import ConfigError
from audit_core.views.cli_views import DoctorRow

Row = tuple[str, str, str]


def doctor(context: Context) -> int:
    """Prints what was found; 69 where a tool is missing, 4 where a target is out of reach."""
    here = _here(context)
    with contextlib.closing(context.pool):
        targets = list(_targets(context, resolved(context.inventory())))
    if context.args.format == "json":
        rows = (*here, *targets)
        print_json([DoctorRow(what=w, state=s, detail=d) for w, s, d in rows])
    else:
        heads = [context.text("what"), context.text("state"), context.text("detail")]
        shown = [(w, context.code(s), d) for w, s, d in (*here, *targets)]
        print_table(context.text("Doctor"), heads, shown)
    if any(state == "missing" for _, state, _ in here):
        return 69
    return NOT_IN_FULL if any(state == "out of reach" for _, state, _ in targets) else 0


def _here(context: Context) -> list[Row]:
    rows: list[Row] = [
        ("dengbao", "ok", __version__),
        ("python", "ok", platform.python_version()),
    ]
    needs = {r.name: r for c in context.registry.connectors.values() for r in c.needs}
    rows += [_requirement(r, context) for r in needs.values()]
    english = context.translator
    plugin = context.text("plugin")
    rows += [(p.name, "ok", f"{plugin} {p.version}") for p in context.registry.plugins]
    rows += [(f.plugin, "fault", english.say(f.detail)) for f in context.registry.faults]
    return rows


def _requirement(needed: Requirement, context: Context) -> Row:
    use = context.translator.say(needed.use)
    if missing(needed):
        return (needed.name, "missing", use)
    found = None if needed.program is None else shutil.which(needed.program)
    return (needed.name, "ok", found or use)


def _targets(context: Context, inventory: Inventory) -> Iterator[Row]:
    """What each target that somebody logs in to would allow of what any check asks."""
    checks = tuple(context.registry.checks.values())
    routes = context.routes(inventory)
    routes.resolve_secrets(inventory.targets)  # as a run does: what one target repeats is cut
    by_target = routes.by_target(inventory.targets)
    asked: dict[str, list[Request]] = {}
    for group in plan.groups(inventory.targets, checks):
        for question in plan.questions(group):
            route = route_of(question.request, question.target, by_target, group.parents)
            if route is not None and route.logs_in:
                asked.setdefault(route.target, []).append(question.request)
    logins = Logins()
    for target in inventory.targets:
        for route in by_target[target.id]:
            if route.logs_in:
                yield _target(context, route, asked.get(target.id, ()), logins)


def _target(context: Context, route: Route, requests: Sequence[Request], logins: Logins) -> Row:
    def say(message: Message) -> str:  # a target may repeat the credentials of the login
        return context.translator.say(context.redactor.message(message))

    joint = "；" if context.translator.lang == "zh" else "; "
    try:
        session = logins.opened(route)
        if isinstance(session, Message):
            return (route.target, "out of reach", say(session))
        with contextlib.closing(session):
            found = session.permitted(tuple(merged(requests).values()))
            notes = [msg("{how}; {allowed}", how=session.info.as_message(), allowed=found.detail)]
    except ConnectError as error:
        why = [error.detail, *([error.remedy] if error.remedy is not None else [])]
        return (route.target, "out of reach", joint.join(map(say, why)))
    except ConfigError as error:
        return (route.target, "out of reach", say(error.detail))
    if not found.limited:
        return (route.target, "ok", say(notes[0]))
    notes.append(msg("this command prints what is lacking: {command}",
                    command=_grants(context, session.info.user)))  # fmt: skip
    return (route.target, "limited", joint.join(map(say, notes)))


def _grants(context: Context, user: str) -> str:
    """The command that prints the rights that a login lacks."""
    inventory = context.args.inventory
    named = () if inventory is None else ("-i", str(inventory))
    words = ["dengbao", "plan", "PROFILE", *named, "--grants", user or pwd.getpwuid(os.getuid())[0]]
    return shlex.join(words)
