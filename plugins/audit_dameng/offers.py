"""The connector of this package, and the account that it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audit_core.api.hooks import Connector, Grant, Requirement
from audit_core.api.sdk import Message, msg
from audit_dameng.access import DamengAccess
from audit_database.grants import granted
from audit_database.query import Query
from audit_database.sql_text import quoted_name
from audit_database.unverified import UNVERIFIED
from audit_shell.access import credentials

_HOW = msg(
    "As SYSDBA; what names SYSAUDITOR as that user. Put a password in place of PASSWORD, in a "
    "session whose history is not kept."
)


def grants(what: Sequence[Grant], user: str, say: Callable[[Message], str]) -> str:
    """The SQL that makes a user who may see what is asked."""
    name = quoted_name('"', (user,))
    made = f'CREATE USER {name} IDENTIFIED BY "PASSWORD"'
    lines = [f"-- {say(_HOW)}", f"-- {say(UNVERIFIED)}"]
    return "\n".join([*lines, *(f"{text};" for text in (made, *granted(what, name)))]) + "\n"


CONNECTORS = (
    Connector(
        name="dameng", kinds=("dameng",), accepts=(Query,), access=DamengAccess,
        open="audit_dameng.session:open", credentials=credentials, grants=grants,
        isolated=True, login_s=40,
        needs=(
            Requirement(name="dmPython", module="dmPython", pip="dengbao[dameng]",
                        use=msg("DM8 servers (extra dameng)")),
        ),
    ),
)  # fmt: skip
