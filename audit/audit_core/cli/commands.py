"""Calls the function of a parsed command."""

from __future__ import annotations

import argparse
import contextlib
import sys

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
        from audit_core.cli import lists

        return lists.COMMANDS[(args.command, args.verb)](context)
    if args.command == "inventory":
        from audit_core.cli import inventories

        return inventories.COMMANDS[args.verb](context)
    if args.command == "hostkeys":
        from audit_core.cli import hostkeys

        return hostkeys.hostkeys(context)
    from audit_core.cli import attesting, auditing, doctor, importing, questions, stored

    commands = {
        "run": auditing.run,
        "collect": auditing.collect,
        "plan": auditing.plan,
        "questions": questions.open_questions,
        "attest": attesting.attest,
        "import": importing.import_document,
        "evaluate": stored.evaluate,
        "results": stored.results,
        "pack": stored.pack,
        "verify": stored.verify,
        "doctor": doctor.doctor,
    }
    return commands[args.command](context)
