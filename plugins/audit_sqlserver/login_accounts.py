"""The logins of a server, those of Windows among them. Unverified, as the whole plugin."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import derive, fact
from audit_database.logins import LoginAccount
from audit_database.query import Query
from audit_database.rows import rows_as
from audit_database.visibility import shown_whole
from audit_sqlserver.logins import HOLDERS, Holder
from audit_sqlserver.rights import DEFINITION
from audit_sqlserver.server import KIND, RIGHTS, Rights


class Principal(Struct, frozen=True, kw_only=True):
    """A login, a login of Windows (type U) or of a group of Windows (G), also of Entra (E, X)."""

    name: str
    type: str
    disabled: int


_ROWS = fact(
    "sqlserver.principal-rows", tuple[Principal, ...], kind=KIND,
    ask=Query(
        sql="SELECT name, type, COALESCE(is_disabled, 0) AS disabled FROM sys.server_principals "
            "WHERE type IN ('S', 'U', 'G', 'E', 'X') ORDER BY name",
        label="sys.server_principals", grants=DEFINITION,
    ),
    parse=rows_as(Principal),
)  # fmt: skip


def logins(
    principals: tuple[Principal, ...], holders: tuple[Holder, ...], rights: Rights
) -> object:
    """Each login that is enabled, with its rights over the whole server."""
    held = {holder.name: holder.rights for holder in holders}
    found = tuple(
        LoginAccount(name=principal.name, powers=held.get(principal.name, ()))
        for principal in principals
        if not principal.disabled
    )
    whole = rights.definition == 1
    return shown_whole(found, whole=whole, what="sys.server_principals", grants=DEFINITION)


LOGINS = derive(
    "sqlserver.login-accounts", tuple[LoginAccount, ...], needs=(_ROWS, HOLDERS, RIGHTS),
    make=logins,
)  # fmt: skip
FACTS = (_ROWS, LOGINS)
