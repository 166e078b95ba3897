"""The connector of this package, and the account that it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audit_core.api.hooks import Connector, Grant, Requirement
from audit_core.api.sdk import Message, msg
from audit_database.data.requests import Sample
from audit_database.data.rules import Rules
from audit_database.grants import granted, granted_tables
from audit_database.query import Query
from audit_mysql.access import MysqlAccess
from audit_mysql.dialect import DIALECT
from audit_mysql.rights import OF_MARIADB, OF_MYSQL
from audit_shell.access import credentials

_HOW = msg(
    "As an administrator. Put the address that dengbao connects from in place of %, and a password "
    "in place of PASSWORD, in a session whose history is not kept."
)
_MYSQL = msg("For MySQL 8 and later (tried on 9.7; 8.0 and 8.4 unverified):")
_MARIADB = msg("For MariaDB 10.5 and later:")


def grants(what: Sequence[Grant], user: str, say: Callable[[Message], str]) -> str:
    """The SQL that makes an account which may see what is asked, of tables those of data sets."""
    name = user.replace("\\", "\\\\").replace("'", "''")
    account = f"'{name}'@'%'"
    needed = list(granted(what, account))
    for _, statements in granted_tables(what, DIALECT, account):
        needed += statements
    # over TLS only: a Unix socket needs none, but is not this account's way
    made = f"CREATE USER {account} IDENTIFIED BY 'PASSWORD' REQUIRE SSL WITH MAX_USER_CONNECTIONS 4"
    lines = [f"-- {say(_HOW)}"]
    for title, others in ((_MARIADB, OF_MYSQL), (_MYSQL, OF_MARIADB)):
        lacking = {text.replace("{user}", account) for text in others}
        mine = [statement for statement in needed if statement not in lacking]
        lines += [f"-- {say(title)}", *(f"{statement};" for statement in (made, *mine))]
    return "\n".join(lines) + "\n"


CONNECTORS = (
    Connector(
        name="mysql", kinds=("mysql",), accepts=(Query, Sample, Rules), access=MysqlAccess,
        open="audit_mysql.session:open", credentials=credentials, grants=grants,
        isolated=True, login_s=40,
        needs=(
            Requirement(name="PyMySQL", module="pymysql", pip="dengbao[mysql]",
                        use=msg("MySQL and MariaDB servers (extra mysql)")),
        ),
    ),
)  # fmt: skip
