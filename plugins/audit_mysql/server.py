"""What a server says of itself: product, release, settings; and what the account may see.

Settings are shown to every account. Accounts and rights are asked of the tables of the schema
mysql, which refuse whoever lacks the right: the views of information_schema show less without
saying so. Sessions of others are asked where the own session proves that they are counted.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    ParseError,
    Platform,
    PlatformQuestions,
    Request,
    derive,
    fact,
)
from audit_database.query import Query
from audit_database.rows import only_row, rows_as
from audit_database.settings import ServerSettings
from audit_database.sql_text import literals

KIND = "mysql"
MARIADB, MYSQL = "mariadb", "mysql"


class Release(Struct, frozen=True, kw_only=True):
    """`version` as VERSION() tells it (10.11.6-MariaDB-0+deb12u1); `comment` says who built it."""

    version: str
    comment: str | None = None

    @property
    def product(self) -> str:
        """`mariadb`, or `mysql` for MySQL and what descends from it."""
        text = f"{self.version} {self.comment}".lower()
        return MARIADB if "mariadb" in text else MYSQL

    @property
    def name(self) -> str:
        """The name of the product for people."""
        return "MariaDB" if self.product == MARIADB else "MySQL"

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the version: 10, 11, 6. Some servers put 5.5.5- before theirs."""
        parts = self.version.removeprefix("5.5.5-").split("-", 1)[0].split(".")
        return tuple(int(part) for part in parts if part.isascii() and part.isdigit())

    @property
    def series(self) -> str:
        """The release series: `10.11` of 10.11.6."""
        return ".".join(str(n) for n in self.numbers[:2])


RELEASE_QUERY = Query(
    sql="SELECT VERSION() AS version, @@GLOBAL.version_comment AS comment", label="VERSION()"
)


def _platform(answers: Mapping[Request, Answer]) -> Platform:
    try:
        release = only_row(Release)(answers[RELEASE_QUERY])
    except (KeyError, ParseError):
        return Platform()
    return Platform(values={"product": release.product})


PLATFORM = PlatformQuestions(
    names=("product",), requests=(RELEASE_QUERY,), asked_with=(Query,), read=_platform
)


class _Row(Struct, frozen=True, kw_only=True):
    Variable_name: str
    Value: str | None = None


class Settings(ServerSettings, frozen=True, kw_only=True):
    """Global variables by name, in lower case; a server shows them to every account."""

    def on(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.get(name).upper() in ("ON", "1", "YES", "TRUE")


_NAMES = (
    "admin_address", "audit_log_policy", "audit_log_format", "audit_log_connection_policy",
    "audit_log_statement_policy", "authentication_policy", "bind_address", "binlog_checksum",
    "binlog_encryption", "binlog_expire_logs_seconds", "binlog_rows_query_log_events",
    "default_authentication_plugin", "default_password_lifetime", "default_table_encryption",
    "disconnect_on_expired_password", "encrypt_binlog", "encrypt_tmp_disk_tables",
    "encrypt_tmp_files", "expire_logs_days", "general_log", "group_replication_group_name",
    "group_replication_ssl_mode", "have_ssl",
    "innodb_checksum_algorithm", "innodb_doublewrite", "innodb_encrypt_log",
    "innodb_encrypt_tables", "innodb_flush_log_at_trx_commit", "innodb_redo_log_encrypt",
    "innodb_undo_log_encrypt", "interactive_timeout", "local_infile", "log_bin", "log_error",
    "log_error_verbosity", "log_output", "log_warnings", "mandatory_roles", "max_password_errors",
    "mysqlx_bind_address",
    "old_passwords", "password_history", "password_reuse_check_interval",
    "password_reuse_interval", "performance_schema", "port", "read_only",
    "require_secure_transport", "secure_auth", "secure_file_priv", "skip_name_resolve",
    "skip_grant_tables", "skip_networking", "ssl_cert", "ssl_cipher", "strict_password_validation",
    "super_read_only", "sync_binlog", "tls_version", "version_ssl_library", "wait_timeout",
    "wsrep_on", "wsrep_provider_options", "wsrep_sst_method",
)  # fmt: skip
_LIKE = (
    r"connection\_control%", r"component\_connection\_control%", "simple_password_check%",
    "cracklib%", r"validate\_password%",
    r"server\_audit%",
)  # fmt: skip


def _settings_query() -> Query:
    # never all of them: report_password and the like hold secrets
    like = " OR ".join(f"Variable_name LIKE '{pattern}'" for pattern in _LIKE)
    return Query(
        sql=f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({literals(_NAMES)}) OR {like}",
        label="SHOW GLOBAL VARIABLES",
    )


class Plugin(Struct, frozen=True, kw_only=True):
    """A plugin of the server, and whether it is ACTIVE."""

    name: str
    status: str
    type: str

    @property
    def active(self) -> bool:
        """Whether the plugin is loaded and works."""
        return self.status == "ACTIVE"


def _value(row: _Row) -> str:
    # MySQL tells two things apart there: no directory at all, and no limit to one
    none = "NULL" if row.Variable_name.lower() == "secure_file_priv" else ""
    return none if row.Value is None else row.Value


RELEASE = fact("mysql.release", Release, kind=KIND, ask=RELEASE_QUERY, parse=only_row(Release))
_ROWS = fact(
    "mysql.setting-rows", tuple[_Row, ...], kind=KIND, ask=_settings_query(), parse=rows_as(_Row)
)
SETTINGS = derive(
    "mysql.settings", Settings, needs=_ROWS,
    make=lambda rows: Settings(values={r.Variable_name.lower(): _value(r) for r in rows}),
)  # fmt: skip
PLUGINS = fact(
    "mysql.plugins", tuple[Plugin, ...], kind=KIND,
    ask=Query(
        sql="SELECT PLUGIN_NAME AS name, PLUGIN_STATUS AS status, PLUGIN_TYPE AS type "
            "FROM information_schema.PLUGINS WHERE PLUGIN_TYPE IN "
            "('AUDIT', 'AUTHENTICATION', 'PASSWORD VALIDATION', 'ENCRYPTION') ORDER BY 1",
        label="information_schema.PLUGINS",
    ),
    parse=rows_as(Plugin),
)  # fmt: skip

FACTS = (RELEASE, _ROWS, SETTINGS, PLUGINS)
