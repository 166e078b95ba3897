"""What a server says of itself: version, parameters, whether changes are archived."""

from __future__ import annotations

from msgspec import Struct

from audit_core.api.sdk import derive, fact
from audit_dameng.rights import VIEWS
from audit_database.query import Query
from audit_database.rows import only_row, rows_as
from audit_database.settings import ServerSettings

KIND = "dameng"


class Banner(Struct, frozen=True, kw_only=True):
    """A line that the server says of its version."""

    banner: str


class Archive(Struct, frozen=True, kw_only=True):
    """Whether changes are archived: Y or N."""

    mode: str


class _Parameter(Struct, frozen=True, kw_only=True):
    name: str
    value: str | int | None = None


NAMES = (
    "AUDIT_FILE_FULL_MODE", "AUDIT_MAX_FILE_SIZE", "AUDIT_SPACE_LIMIT", "COMM_ENCRYPT_NAME",
    "COMPATIBLE_MODE", "ENABLE_AUDIT", "ENABLE_ENCRYPT", "ENABLE_LOCAL_OSAUTH",
    "ENABLE_REMOTE_OSAUTH", "PWD_MIN_LEN", "PWD_POLICY",
)  # fmt: skip
BANNERS = fact(
    "dameng.banners", tuple[Banner, ...], kind=KIND,
    ask=Query(sql="SELECT BANNER AS banner FROM V$VERSION", label="V$VERSION", grants=VIEWS),
    parse=rows_as(Banner),
)  # fmt: skip
_PARAMETER_ROWS = fact(
    "dameng.parameter-rows", tuple[_Parameter, ...], kind=KIND,
    # V$DM_INI leaves out PWD_POLICY in some builds
    ask=Query(
        sql="SELECT NAME AS name, VALUE AS value FROM V$PARAMETER WHERE NAME IN "
            f"({', '.join(repr(name) for name in NAMES)}) ORDER BY 1",
        label="V$PARAMETER", grants=VIEWS,
    ),
    parse=rows_as(_Parameter),
)  # fmt: skip
PARAMETERS = derive(
    "dameng.parameters", ServerSettings, needs=_PARAMETER_ROWS,
    make=lambda rows: ServerSettings(
        values={row.name.upper(): "" if row.value is None else str(row.value) for row in rows}
    ),
)  # fmt: skip
ARCHIVE = fact(
    "dameng.archive", Archive, kind=KIND,
    ask=Query(sql="SELECT ARCH_MODE AS mode FROM V$DATABASE", label="V$DATABASE", grants=VIEWS),
    parse=only_row(Archive),
)  # fmt: skip
FACTS = (BANNERS, _PARAMETER_ROWS, PARAMETERS, ARCHIVE)
