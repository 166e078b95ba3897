"""The connector of this package, and the login that it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audit_core.api.hooks import Connector, Grant, Requirement
from audit_core.api.sdk import Message, msg
from audit_database.grants import granted
from audit_database.query import Query
from audit_database.unverified import UNVERIFIED
from audit_shell.access import credentials
from audit_sqlserver.access import SqlserverAccess
from audit_sqlserver.rights import DATABASES

_HOW = msg(
    "As a member of sysadmin, in the database master. Put a password in place of PASSWORD, in a "
    "session whose history is not kept."
)


def grants(what: Sequence[Grant], user: str, say: Callable[[Message], str]) -> str:
    """The Transact-SQL that makes a login which may see what is asked."""
    login = "[" + user.replace("]", "]]") + "]"
    needed = dict.fromkeys(granted(what, login))
    if needed:
        needed |= dict.fromkeys(text.replace("{user}", login) for text in DATABASES)
    made = f"CREATE LOGIN {login} WITH PASSWORD = 'PASSWORD', CHECK_POLICY = ON"
    lines = [f"-- {say(_HOW)}", f"-- {say(UNVERIFIED)}"]
    return "\n".join([*lines, *(f"{text};" for text in (made, *needed))]) + "\n"


CONNECTORS = (
    Connector(
        name="sqlserver", kinds=("sqlserver",), accepts=(Query,), access=SqlserverAccess,
        open="audit_sqlserver.session:open", credentials=credentials, grants=grants,
        isolated=True, login_s=40,
        needs=(
            Requirement(name="python-tds", module="pytds", pip="dengbao[sqlserver]",
                        use=msg("SQL Server (extra sqlserver)")),
        ),
    ),
)  # fmt: skip
