"""The logins of a server: how their passwords are kept and ruled, and which rights they have.

No hash is selected: LOGINPROPERTY says with which algorithm it was made.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from audit_core.api.sdk import derive, fact
from audit_database.query import Query
from audit_database.rows import rows_as
from audit_database.visibility import shown_whole
from audit_sqlserver.rights import DEFINITION
from audit_sqlserver.server import KIND, RIGHTS, Rights


class Login(Struct, frozen=True, kw_only=True):
    """A login with a password of the server. `sa`: the one that was made with the server.

    `policy` and `expiration`: the rules of the operating system hold for it. `hashed`: 2 is
    SHA-512 with salt, 1 SHA-1. `age_days` since the password was set; None where not known.
    """

    name: str
    disabled: int
    sa: int
    policy: int
    expiration: int
    hashed: int | None
    age_days: int | None

    @property
    def usable(self) -> bool:
        """Whether somebody may log in with it; those of the server itself have ## around them."""
        return not self.disabled


class Member(Struct, frozen=True, kw_only=True):
    """A member of a role of the server; `type` is that of the member (S, U, G, R, C, K).

    `fixed`: the role came with the server, and is a right itself.
    """

    role: str
    fixed: int
    name: str
    type: str
    disabled: int


class Permission(Struct, frozen=True, kw_only=True):
    """A right over the whole server that somebody was given; `state` is G, W (to pass on) or D."""

    right: str
    state: str
    name: str
    type: str
    disabled: int


_WAYS = ("S", "U", "G")  # SQL logins, Windows logins, Windows groups: those that may log in
_ROLE = "R"


class Holder(Struct, frozen=True, kw_only=True):
    """A login with rights over the whole server, by what it has them, and what it may pass on."""

    name: str
    rights: tuple[str, ...]
    passes_on: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The holder for a record."""
        return f"{self.name} ({', '.join(self.rights)})"


_LOGIN_ROWS = fact(
    "sqlserver.login-rows", tuple[Login, ...], kind=KIND,
    ask=Query(
        sql="SELECT name, is_disabled AS disabled, CASE WHEN sid = 0x01 THEN 1 ELSE 0 END AS sa, "
            "CAST(is_policy_checked AS int) AS policy, "
            "CAST(is_expiration_checked AS int) AS expiration, "
            "CAST(LOGINPROPERTY(name, 'PasswordHashAlgorithm') AS int) AS hashed, "
            "DATEDIFF(day, CAST(LOGINPROPERTY(name, 'PasswordLastSetTime') AS datetime), "
            "GETDATE()) AS age_days FROM sys.sql_logins ORDER BY name",
        label="sys.sql_logins", grants=DEFINITION,
    ),
    parse=rows_as(Login),
)  # fmt: skip
_MEMBER_ROWS = fact(
    "sqlserver.role-members", tuple[Member, ...], kind=KIND,
    ask=Query(
        sql="SELECT r.name AS role, CAST(r.is_fixed_role AS int) AS fixed, m.name AS name, "
            "m.type AS type, COALESCE(m.is_disabled, 0) AS disabled FROM sys.server_role_members x "
            "JOIN sys.server_principals r ON r.principal_id = x.role_principal_id "
            "JOIN sys.server_principals m ON m.principal_id = x.member_principal_id "
            "ORDER BY r.name, m.name",
        label="sys.server_role_members", grants=DEFINITION,
    ),
    parse=rows_as(Member),
)  # fmt: skip
_PERMISSION_ROWS = fact(
    "sqlserver.permission-rows", tuple[Permission, ...], kind=KIND,
    ask=Query(
        sql="SELECT p.permission_name AS [right], p.state AS state, g.name AS name, "
            "g.type AS type, COALESCE(g.is_disabled, 0) AS disabled FROM sys.server_permissions p "
            "JOIN sys.server_principals g ON g.principal_id = p.grantee_principal_id "
            "WHERE p.class = 100 AND p.state IN ('G', 'W') ORDER BY g.name, p.permission_name",
        label="sys.server_permissions", grants=DEFINITION,
    ),
    parse=rows_as(Permission),
)  # fmt: skip
LOGINS = derive(
    "sqlserver.logins", tuple[Login, ...], needs=(_LOGIN_ROWS, RIGHTS),
    make=lambda rows, rights: shown_whole(
        rows, whole=rights.definition == 1, what="sys.sql_logins", grants=DEFINITION
    ),
)  # fmt: skip

HARMLESS = frozenset({
    "CONNECT SQL", "VIEW ANY DATABASE", "VIEW ANY DEFINITION", "VIEW SERVER STATE",
    "CONNECT ANY DATABASE", "VIEW ANY SECURITY DEFINITION", "VIEW ANY PERFORMANCE DEFINITION",
    "VIEW SERVER SECURITY STATE", "VIEW SERVER PERFORMANCE STATE",
})  # fmt: skip
"""Rights over the server that change nothing, and show no data."""


def _holders(
    members: tuple[Member, ...], permissions: tuple[Permission, ...]
) -> tuple[Holder, ...]:
    """Each login with rights over the server, also through roles that are in roles."""
    of_role: dict[str, set[str]] = {}
    passing: dict[str, set[str]] = {}
    own: dict[str, set[str]] = {}
    for p in permissions:
        if p.right not in HARMLESS:
            (of_role if p.type == _ROLE else own).setdefault(p.name, set()).add(p.right)
        if p.state == "W":
            passing.setdefault(p.name, set()).add(p.right)
    fixed = {m.role for m in members if m.fixed}
    principals: tuple[Member | Permission, ...] = (*members, *permissions)
    can_log_in = {p.name for p in principals if p.type in _WAYS and not p.disabled}
    for name, roles in _roles_of(members).items():
        for role in roles:
            given = of_role.get(role, set()) | ({role} & fixed)
            own.setdefault(name, set()).update(given)
            passing.setdefault(name, set()).update(passing.get(role, ()))
    names = sorted((own.keys() | {n for n, some in passing.items() if some}) & can_log_in)
    return tuple(
        Holder(name=name, rights=tuple(sorted(own.get(name, ()))),
               passes_on=tuple(sorted(passing.get(name, ()))))
        for name in names
    )  # fmt: skip


def _roles_of(members: Iterable[Member]) -> dict[str, set[str]]:
    """Every role that somebody is in, directly or through other roles."""
    direct: dict[str, set[str]] = {}
    for member in members:
        direct.setdefault(member.name, set()).add(member.role)
    found: dict[str, set[str]] = {}
    for name in direct:
        reached, waiting = set[str](), [*direct[name]]
        while waiting:
            role = waiting.pop()
            if role not in reached:
                reached.add(role)
                waiting += direct.get(role, ())
        found[name] = reached
    return found


def _shown(
    members: tuple[Member, ...], permissions: tuple[Permission, ...], rights: Rights
) -> object:
    found = _holders(members, permissions)
    whole = rights.definition == 1
    return shown_whole(found, whole=whole, what="sys.server_permissions", grants=DEFINITION)


HOLDERS = derive(
    "sqlserver.holders", tuple[Holder, ...], needs=(_MEMBER_ROWS, _PERMISSION_ROWS, RIGHTS),
    make=_shown,
)  # fmt: skip
FACTS = (_LOGIN_ROWS, _MEMBER_ROWS, _PERMISSION_ROWS, LOGINS, HOLDERS)
