"""What a server says of itself: release, settings, and what the account may see of them.

A server answers less to an account with fewer rights, without saying so: an ordinary role is not
shown the rows of pg_settings that only superusers and pg_read_all_settings may see, nor what other
sessions do in pg_stat_activity. So whoever judges by a row that is missing asks `RIGHTS` first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from audit_core.api.sdk import (
    Absent,
    Answer,
    Fact,
    Judgement,
    Message,
    Partial,
    Reason,
    derive,
    fact,
    msg,
    partial,
    undetermined,
)
from audit_database.query import Query
from audit_database.rows import only_row, rows_as
from audit_database.settings import ServerSettings
from audit_database.sql_text import literals

KIND = "postgresql"
MONITOR = ("GRANT pg_monitor TO {user}",)


class Release(Struct, frozen=True, kw_only=True):
    """`number` as server_version_num (150018), `text` as version() tells it."""

    number: int
    text: str

    @property
    def product(self) -> str:
        """The name at the beginning of `text`; products that descend from PostgreSQL differ."""
        return self.text.split(" ", 1)[0].strip("(")

    @property
    def major(self) -> int:
        """The major release: 15 of 150018; 9 of 90624."""
        return self.number // 10000


class Rights(Struct, frozen=True, kw_only=True):
    """Whether the account sees all settings, and all sessions of others."""

    settings: bool
    sessions: bool


class _Row(Struct, frozen=True, kw_only=True):
    name: str
    setting: str | None
    own: bool = False


class Settings(ServerSettings, frozen=True, kw_only=True):
    """Settings by name. Where not `whole`, one that is missing may be hidden from the account.

    `own` are those that hold for this account or database only (ALTER ROLE, ALTER DATABASE … SET),
    so that it is not known what they are for others.
    """

    whole: bool
    own: frozenset[str] = frozenset()

    def on(self, name: str) -> bool:
        """Whether the boolean setting `name` is on; False where it was not shown."""
        return self.get(name) == "on"

    def loads(self, library: str) -> bool:
        """Whether a library is loaded into every session."""
        loaded = ",".join(self.get(name) for name in _LOADED)
        names = (word.strip().strip('"').rsplit("/", 1)[-1] for word in loaded.split(","))
        return library in {name.removesuffix(".so") for name in names}

    def hidden(self, *names: str) -> tuple[str, ...]:
        """Those of `names` whose value for others the account does not see."""
        return tuple(
            name for name in names
            if name in self.own or not (self.whole or name in self.values)
        )  # fmt: skip


_LOADED = ("shared_preload_libraries", "session_preload_libraries", "local_preload_libraries")
LOADED = _LOADED
"""The settings that name the libraries of every session."""

_NAMES = (
    *_LOADED, "password_encryption", "authentication_timeout", "idle_session_timeout",
    "idle_in_transaction_session_timeout", "ssl", "ssl_min_protocol_version", "listen_addresses",
    "port", "logging_collector", "log_destination", "log_connections", "log_disconnections",
    "log_statement", "log_min_messages", "log_line_prefix", "log_timezone", "log_error_verbosity",
    "log_file_mode",
    "log_rotation_age", "log_truncate_on_rotation", "log_filename", "log_min_duration_statement",
    "fsync", "full_page_writes", "data_checksums", "archive_mode", "wal_level",
    "synchronous_commit", "sepgsql.permissive", "TimeZone",
)  # fmt: skip
_LIKE = ("credcheck.", "passwordcheck.", "auth_delay.", "pgaudit.")


def _setting_query() -> Query:
    # never all of them: primary_conninfo and archive_command may hold passwords
    like = " OR ".join(f"name LIKE '{prefix}%'" for prefix in _LIKE)
    return Query(
        sql="SELECT name, setting, source IN ('database', 'user', 'database user', 'client', "
            "'session') AS own FROM pg_catalog.pg_settings "
            f"WHERE name IN ({literals(_NAMES)}) OR {like}",
        label="pg_settings", grants=MONITOR,
    )  # fmt: skip


RELEASE = fact(
    "postgresql.release", Release, kind=KIND,
    ask=Query(
        sql="SELECT pg_catalog.current_setting('server_version_num')::int AS number, "
            "pg_catalog.version() AS text",
        label="server_version",
    ),
    parse=only_row(Release),
)  # fmt: skip
RIGHTS = fact(
    "postgresql.rights", Rights, kind=KIND,
    ask=Query(
        sql="SELECT pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE') AS settings, "
            "pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') AS sessions",
        label="pg_has_role", aside=True, grants=MONITOR,
    ),
    parse=only_row(Rights),
)  # fmt: skip
_ROWS = fact(
    "postgresql.setting-rows", tuple[_Row, ...], kind=KIND, ask=_setting_query(),
    parse=rows_as(_Row),
)  # fmt: skip
SETTINGS = derive(
    "postgresql.settings", Settings, needs=(_ROWS, RIGHTS),
    make=lambda rows, rights: Settings(
        values={row.name: row.setting or "" for row in rows if not row.own},
        own=frozenset(row.name for row in rows if row.own), whole=rights.settings,
    ),
)  # fmt: skip

NO_SETTINGS = msg("the account lacks the role pg_read_all_settings (GRANT pg_monitor)")
NO_SESSIONS = msg("the account lacks the role pg_read_all_stats (GRANT pg_monitor)")


def of_own(names: Iterable[str]) -> Message:
    """That `names` hold for the session that asks, and what others have is not known."""
    return msg(
        "{names} are set for this account or database only (ALTER ROLE or ALTER DATABASE … SET): "
        "what holds for others cannot be seen", names=", ".join(names),
    )  # fmt: skip


def unseen(settings: Settings, *names: str) -> Judgement | None:
    """Undetermined where one of the settings `names` is hidden from the account, else None."""
    hidden = settings.hidden(*names)
    if not hidden:
        return None
    if own := [name for name in hidden if name in settings.own]:
        return undetermined(of_own(own))
    return undetermined(
        msg("{names} cannot be seen: {why}", names=", ".join(hidden), why=NO_SETTINGS)
    )


def all_sessions(id: str, type_: type[Struct], query: Query) -> tuple[Fact, Fact]:
    """A fact of rows about sessions of others, and the fact that it is derived from.

    Where the account sees its own session only, it is incomplete, or NOT_PERMITTED without a row.
    """
    rows: Callable[[Answer], object] = rows_as(type_)
    raw = fact(f"{id}-rows", tuple[type_, ...], kind=KIND, ask=query, parse=rows)  # type: ignore[valid-type]

    def make(found: tuple[Struct, ...], rights: Rights) -> tuple[Struct, ...] | Partial | Absent:
        if not (found or rights.sessions):
            return Absent(reason=Reason.NOT_PERMITTED, detail=NO_SESSIONS)
        problems: tuple[Message, ...] = () if rights.sessions else (NO_SESSIONS,)
        return partial(found, problems)

    whole = derive(id, tuple[type_, ...], needs=(raw, RIGHTS), make=make)  # type: ignore[valid-type]
    return whole, raw


FACTS = (RELEASE, RIGHTS, _ROWS, SETTINGS)
