"""What a database says of itself: release, parameters, our own session, its role and log mode."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import derive, fact
from audit_database.query import Query
from audit_database.rows import only_row, rows_as
from audit_database.settings import ServerSettings
from audit_oracle.rights import view

KIND = "oracle"


class Release(Struct, frozen=True, kw_only=True):
    """`version` as PRODUCT_COMPONENT_VERSION has it (19.0.0.0.0), `product` with the edition."""

    product: str
    version: str

    @property
    def series(self) -> str:
        """The release: 12.2 for 12.2.0.1.0, and 19 for 19.0.0.0.0."""
        numbers = self.version.split(".")
        old = numbers[0].isdigit() and int(numbers[0]) < 18
        return ".".join(numbers[:2]) if old else numbers[0]


class Own(Struct, frozen=True, kw_only=True):
    """Our own session: over which protocol, as whom, in which container (1 root, 2 and on PDB)."""

    protocol: str | None
    account: str
    container: str | None

    @property
    def in_pdb(self) -> bool:
        """Whether this is a database that is plugged into another one."""
        number = self.container or ""
        return number.isdigit() and int(number) >= 2


class State(Struct, frozen=True, kw_only=True):
    """Whether changes are archived, and whether it is a PRIMARY or a standby."""

    log_mode: str
    role: str
    protection: str | None


class _Parameter(Struct, frozen=True, kw_only=True):
    name: str
    value: str | None = None


NAMES = (
    "audit_sys_operations", "audit_trail", "db_block_checksum", "max_idle_time",
    "o7_dictionary_accessibility", "remote_os_authent", "remote_os_roles", "resource_limit",
    "sec_case_sensitive_logon", "unified_audit_systemlog",
)  # fmt: skip
RELEASE = fact(
    "oracle.release", Release, kind=KIND,
    ask=Query(
        sql="SELECT product, version FROM product_component_version "
            "WHERE product LIKE 'Oracle%Database%'",
        label="PRODUCT_COMPONENT_VERSION",
    ),
    parse=only_row(Release),
)  # fmt: skip
OWN = fact(
    "oracle.own-session", Own, kind=KIND,
    ask=Query(
        sql="SELECT SYS_CONTEXT('USERENV', 'NETWORK_PROTOCOL') AS protocol, "
            "SYS_CONTEXT('USERENV', 'SESSION_USER') AS account, "
            "SYS_CONTEXT('USERENV', 'CON_ID') AS container FROM dual",
        label="SYS_CONTEXT",
    ),
    parse=only_row(Own),
)  # fmt: skip
STATE = fact(
    "oracle.database", State, kind=KIND,
    ask=Query(
        sql="SELECT log_mode, database_role AS role, protection_mode AS protection "
            "FROM v$database",
        label="V$DATABASE", grants=view("V$DATABASE"),
    ),
    parse=only_row(State),
)  # fmt: skip
_PARAMETER_ROWS = fact(
    "oracle.parameter-rows", tuple[_Parameter, ...], kind=KIND,
    ask=Query(
        sql="SELECT name, value FROM v$parameter WHERE name IN "
            f"({', '.join(repr(name) for name in NAMES)}) ORDER BY name",
        label="V$PARAMETER", grants=view("V$PARAMETER"),
    ),
    parse=rows_as(_Parameter),
)  # fmt: skip
PARAMETERS = derive(
    "oracle.parameters", ServerSettings, needs=_PARAMETER_ROWS,
    make=lambda rows: ServerSettings(values={row.name: row.value or "" for row in rows}),
)  # fmt: skip
FACTS = (RELEASE, OWN, STATE, _PARAMETER_ROWS, PARAMETERS)
