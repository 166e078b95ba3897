"""Lists what is missing before a run, in one list; nothing is stored."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from audit_core import plan as planning
from audit_core.cli.context import Context, Selection
from audit_core.cli.output import note
from audit_core.connectors import Route, Routes, route_of
from audit_core.model import Lack, msg
from audit_core.model.errors import ConfigError, DengbaoError, ToolMissing

_SHOWN = 5


def preflight(context: Context, chosen: Selection, routes: Routes) -> None:
    """Returns if nothing is missing or `--partial` is given; else ConfigError or ToolMissing."""
    lacks = routes.lacks(_used(chosen, routes))
    if not lacks:
        return
    for number, lack in enumerate(lacks, 1):
        _print_lack(context, number, lack)
    if context.args.partial:
        note(context.text("Continuing without them (--partial)"))
        return
    raise _stopped(lacks)


def _stopped(lacks: Sequence[Lack]) -> DengbaoError:
    detail = msg(
        "not started, nothing was stored (problems: {count}, see above). Fix them, or "
        "continue without these targets with --partial",
        count=len(lacks),
    )
    return ToolMissing(detail) if all(lack.tool for lack in lacks) else ConfigError(detail)


def _used(chosen: Selection, routes: Routes) -> list[Route]:
    """The routes that something is asked over."""
    by_target = routes.by_target(chosen.targets)
    used: dict[tuple[str, str], Route] = {}
    for group in chosen.groups:
        for question in planning.questions(group):
            route = route_of(question.request, question.target, by_target, group.parents)
            if route is not None:
                used[(route.target, route.connector)] = route
    return list(used.values())


def _print_lack(context: Context, number: int, lack: Lack) -> None:
    say = context.translator.say
    targets = context.few(lack.targets, _SHOWN)
    note(f"{number}. {say(context.redactor.message(lack.detail))} [{targets}]")
    if lack.remedy is not None:
        note(f"   {say(lack.remedy)}:" if lack.command else f"   {say(lack.remedy)}")
    command = _hostkeys(context) if lack.unknown_peer else lack.command
    if command:
        note(f"     {command}")


def _hostkeys(context: Context) -> str:
    """The command that shows the unknown identities of the same targets."""
    given = [word for name in context.args.target for word in ("-t", name)]
    inventory = getattr(context.args, "inventory", None)
    return shlex.join(["dengbao", "hostkeys", "-i", str(inventory), *given])
