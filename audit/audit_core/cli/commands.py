"""Calls the function of a parsed command."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable

from audit_core.cli import output
from audit_core.cli.context import Context
from audit_core.model import msg
from audit_core.model.errors import ToolMissing

# These start worker processes with memfd_create and AF_UNIX sockets of the type SOCK_SEQPACKET.
_ON_LINUX = ("run", "collect", "doctor", "hostkeys")


def dispatch(args: argparse.Namespace, lang: str) -> int:
    """Carries out the command that `args` names; returns the exit code."""
    if args.command in _ON_LINUX and sys.platform != "linux":
        detail = msg(
            "dengbao {command} works on Linux only, this is {system}; "
            "stored runs and packs can be read, evaluated and verified here",
            command=args.command,
            system=sys.platform,
        )
        raise ToolMissing(detail)
    with contextlib.closing(Context(args, lang)) as context:
        return _carried_out(context)


def _carried_out(context: Context) -> int:
    args = context.args
    output.COLOR = getattr(args, "color", "auto")
    if args.command in ("catalog", "profile", "check", "plugin", "runs"):
        return _listing(args.command, args.verb)(context)
    if args.command == "inventory":
        from audit_core.cli import inventories

        return inventories.COMMANDS[args.verb](context)
    if args.command == "schema":
        from audit_core.cli import editors

        return editors.schema(context)
    if args.command == "hostkeys":
        from audit_core.cli import hostkeys

        return hostkeys.hostkeys(context)
    from audit_core.cli import (
        attesting,
        auditing,
        clauses,
        doctor,
        importing,
        questions,
        record_lint,
        starter_files,
        stored,
    )

    commands = {
        "init": starter_files.init,
        "run": auditing.run,
        "collect": auditing.collect,
        "plan": auditing.plan,
        "questions": questions.open_questions,
        "attest": attesting.attest,
        "import": importing.import_document,
        "evaluate": stored.evaluate,
        "results": stored.results,
        "explain": clauses.explain,
        "lint": record_lint.lint,
        "pack": stored.pack,
        "verify": stored.verify,
        "doctor": doctor.doctor,
    }
    return commands[args.command](context)


def _listing(noun: str, verb: str) -> Callable[[Context], int]:
    """The function of a command that shows what there is."""
    from audit_core.cli import catalogs, lists, profiles

    commands: dict[tuple[str, str], Callable[[Context], int]] = {
        ("catalog", "list"): catalogs.catalogs,
        ("catalog", "show"): catalogs.catalog,
        ("catalog", "crosswalk"): catalogs.crosswalk,
        ("profile", "list"): lists.profiles,
        ("profile", "show"): profiles.show,
        ("profile", "lint"): lists.lint,
        ("profile", "diff"): profiles.diff,
        ("profile", "test"): profiles.test,
        ("check", "list"): lists.checks,
        ("check", "show"): lists.check,
        ("plugin", "list"): lists.plugins,
        ("runs", "list"): lists.stored_runs,
    }
    return commands[noun, verb]
