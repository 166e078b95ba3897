"""Reasons why a login ran no script: nologin, a forced command, SFTP only, a session limit."""

from __future__ import annotations

from audit_core.model import Message, Reason, msg, verbatim
from audit_shell.scripts import Ended, ScriptReply

A_SHELL = msg(
    "Give this account a POSIX shell, without a forced command (ForceCommand, command=) or a limit "
    "on its sessions"
)
_SHOWN = 200


def not_run(reply: ScriptReply, seconds: float, limit: int) -> tuple[Reason, Message]:
    """Why the login ran no script, with what it printed as evidence."""
    match reply.ended:
        case Ended.DEADLINE:
            detail = msg(
                "The account's login runs no shell script: nothing came within {seconds} s",
                seconds=seconds,
            )
            return Reason.TIMED_OUT, detail
        case Ended.LIMIT:
            detail = msg(
                "The account's login printed more than {limit} bytes before a script ran",
                limit=limit,
            )
            return Reason.TRUNCATED, detail
        case Ended.CLOSED:
            detail = msg("The connection was closed after the login, before a script ran")
            return Reason.UNREACHABLE, detail
    words = b"\n".join(filter(None, (reply.stdout.strip(), reply.stderr.strip())))
    output = verbatim(words, most=_SHOWN)
    if words:
        detail = msg(
            "The account's login runs no shell script: it ended with exit status {code} and "
            "printed {output}",
            code=reply.exit_code,
            output=output,
        )
        return Reason.NOT_PERMITTED, detail
    detail = msg(
        "The account's login runs no shell script: it ended with exit status {code} and "
        "printed nothing",
        code=reply.exit_code,
    )
    return Reason.NOT_PERMITTED, detail
