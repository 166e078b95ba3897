"""From parsed words to the command's function."""

from __future__ import annotations

import argparse
import contextlib

from audit_core.cli.context import Context


def dispatch(args: argparse.Namespace, lang: str) -> int:
    """Carries out the command that `args` names; returns the exit code."""
    with contextlib.closing(Context(args, lang)) as context:
        return _carried_out(context)


def _carried_out(context: Context) -> int:
    args = context.args
    if args.command in ("catalog", "profile", "check", "plugin"):
        from audit_core.cli import lists

        return lists.COMMANDS[(args.command, args.verb)](context)
    if args.command == "inventory":
        from audit_core.cli import inventories

        return inventories.COMMANDS[args.verb](context)
    from audit_core.cli import auditing, doctor, stored

    commands = {
        "run": auditing.run,
        "collect": auditing.collect,
        "plan": auditing.plan,
        "evaluate": stored.evaluate,
        "results": stored.results,
        "pack": stored.pack,
        "verify": stored.verify,
        "doctor": doctor.doctor,
    }
    return commands[args.command](context)
