"""The least sudoers file for what an audit runs as root: exact argvs, no wildcard. PURE."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from audit_core.api.hooks import Grant
from audit_core.model import Message, Request, msg
from audit_core.model.errors import UsageError
from audit_shell import batch
from audit_shell.access import Sudo

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_ALIAS = re.compile(r"[A-Z][A-Z0-9_]*")


def _escaped(word: str) -> str:
    # sudoers(5): , : = # and blanks are special to its reader, which strips one backslash;
    # * ? [ ] ! are patterns, whose backslash is kept for fnmatch(3). A literal backslash is read
    # by both and so written four times. Neither a quote nor ^ may be escaped: before 1.9.10 that is
    # a syntax error, for which old versions refuse every rule. Since then ^ begins a regular
    # expression where it comes first, and `timeout` does. Held by tests with real sudo.
    return re.sub(r"([,:=*?\[\]!# ])", r"\\\1", word.replace("\\", "\\" * 4))


def _line(argv: Sequence[str]) -> str | None:
    """`argv` as sudoers has it, or None where no line can say it."""
    # A control character has no escape, and a blank is lost where the line ends.
    if not all(word.isprintable() for word in argv) or argv[-1][-1:] in ("", " "):
        return None
    # sudo compares the arguments joined by blanks; an empty one shows as two blanks in a row,
    # which count only when they are escaped.
    blank = "\\ " if "" in argv else " "
    return f"{argv[0]} {blank.join(_escaped(word) for word in argv[1:])}"


def grants(what: Sequence[Grant], user: str, say: Callable[[Message], str]) -> str:
    """The sudoers file that lets `user` run the root requests of `what`."""
    # All in capitals it would be an alias of sudoers, and ALL every user there is.
    if not _USER.fullmatch(user) or _ALIAS.fullmatch(user):
        raise UsageError(msg("{user} is not a user name", user=repr(user)))
    # Where the inventory says `sudo: none`, a line in sudoers would allow what is never used.
    used = (requests for access, requests in what if getattr(access, "sudo", None) != Sudo.NONE)
    return sudoers((r for requests in used for r in requests), user, say)


def sudoers(requests: Iterable[Request], user: str, say: Callable[[Message], str] = str) -> str:
    """The least sudoers file that lets `user` run the root requests."""
    shell = (r for r in requests if isinstance(r, batch.ShellRequest))
    argvs = {argv for request in shell for argv in batch.root_argvs(request)}
    lines = sorted(line for argv in argvs if (line := _line(argv)) is not None)
    body = "".join(f"{user} ALL=(root) NOPASSWD: {line}\n" for line in lines)
    left = sum(1 for argv in argvs if _line(argv) is None)
    notes = [msg("dengbao: what an audit by {user} runs as root. Check with visudo -c.", user=user)]
    if left:
        notes.append(
            msg("{count} commands cannot be written in sudoers and are left out.", count=left)
        )
    return "".join(f"# {say(note)}\n" for note in notes) + body
