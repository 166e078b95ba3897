"""The newest record of a login in the audit log, which auditd writes beside the system log.

sshd, login, sudo and the tools for accounts hand their records to the kernel's audit themselves
(libaudit: USER_LOGIN, USER_START, USER_CMD, ADD_USER), whatever the rules of the system log say.
Source: audit_logging_functions(3).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Command,
    Message,
    ParseError,
    Privilege,
    Provider,
    fact,
    msg,
    not_present,
    provider,
    verbatim,
)

_LOG = "/var/log/audit/audit.log"
_LAST = (
    r"s#^(node=[^ ]+ )?type=(USER_LOGIN|USER_START) msg=audit\(([0-9]{1,12})\..* res=([a-z]+).*"
    r"#\3 \2 \4#",
    "t k", "$!d", "b e", ":k", "h", "$!d", ":e", "x", "/./p",
)  # fmt: skip


class AuditedLogin(Struct, frozen=True, kw_only=True):
    """The newest record of a login in the audit log; `at` None where there is none.

    `readable` is False where this account may not read the log.
    """

    at: datetime | None = None
    kind: str = ""
    result: str = ""
    readable: bool = True

    @property
    def as_message(self) -> Message | None:
        """The newest record in one line; None where there is no record."""
        if self.at is None:
            return None
        return msg("Newest record of a login in the audit log: {time} {type} {result}",
                   time=self.at.strftime("%Y-%m-%dT%H:%M:%SZ"), type=self.kind,
                   result=self.result)  # fmt: skip


def parse_audited(answer: Answer) -> AuditedLogin | Absent:
    """The last such record; NOT_PRESENT where there is no audit log."""
    if b"Permission denied" in answer.stderr:
        return AuditedLogin(readable=False)
    if b"No such file or directory" in answer.stderr:
        return not_present(msg("There is no {path}", path=_LOG))
    lines = [line for line in answer.lines if line]
    if not lines:
        return AuditedLogin()
    row = re.fullmatch(r"([0-9]{1,12}) (USER_[A-Z]+) ([a-z]+)", lines[-1])
    if row is None:
        raise ParseError(msg("not a record: {line}", line=verbatim(lines[-1])))
    return AuditedLogin(at=datetime.fromtimestamp(int(row[1]), UTC), kind=row[2], result=row[3])


def argv(program: str, log: str = _LOG) -> tuple[str, ...]:
    """The command line of sed(1) that prints the last record in three fields."""
    return (program, "-nE", *(word for line in _LAST for word in ("-e", line)), log)


def _sed(program: str, privilege: Privilege, root: str) -> Provider:
    command = Command(argv=argv(program), privilege=privilege, ok=(0, 2), timeout_s=60)
    return provider(command, parse_audited, root=root)


# Where sudo allows nothing, an ordinary account learns that it may not read it, or of none.
AUDITED = fact(
    "linux.audited-login",
    AuditedLogin,
    kind="host",
    providers=tuple(
        _sed(program, privilege, root)
        for privilege, root in ((Privilege.ROOT, "yes"), (Privilege.USER, "no"))
        for program in ("/usr/bin/sed", "/bin/sed")
    ),
)

FACTS = (AUDITED,)
