"""The connector of this package, and the account that it needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from audit_core.api.hooks import Connector, Grant, Requirement
from audit_core.api.sdk import Message, msg
from audit_database.grants import granted
from audit_database.query import Query
from audit_database.unverified import UNVERIFIED
from audit_oracle.access import OracleAccess
from audit_shell.access import credentials

_HOW = msg(
    "As SYS, in the database that is to be audited; a user of a container database begins with "
    "C##. Put a password in place of PASSWORD, in a session whose history is not kept."
)


def _name(user: str) -> str:
    """The user as it stands in statements: what is no plain name is quoted."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_$#]{0,127}", user)
    return user if plain else '"' + user.replace('"', "") + '"'


def grants(what: Sequence[Grant], user: str, say: Callable[[Message], str]) -> str:
    """The SQL that makes a user who may see what is asked."""
    name = _name(user)
    made = (f'CREATE USER {name} IDENTIFIED BY "PASSWORD"', f"GRANT CREATE SESSION TO {name}")
    lines = [f"-- {say(_HOW)}", f"-- {say(UNVERIFIED)}"]
    return "\n".join([*lines, *(f"{text};" for text in (*made, *granted(what, name)))]) + "\n"


CONNECTORS = (
    Connector(
        name="oracle", kinds=("oracle",), accepts=(Query,), access=OracleAccess,
        open="audit_oracle.session:open", credentials=credentials, grants=grants,
        isolated=True, login_s=40,
        needs=(
            Requirement(name="oracledb", module="oracledb", pip="dengbao[oracle]",
                        use=msg("Oracle databases (extra oracle)")),
        ),
    ),
)  # fmt: skip
