"""The accounts of a server: how each proves who it is, from where, and what it may do.

They are asked of the tables of the schema mysql, which refuse an account without the right. The
views of information_schema would show it its own rows only, without saying so. A hash never leaves
the server: only whether there is one, and of which kind, is asked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from msgspec import Struct

from audit_core.api.sdk import fact, provider
from audit_database.query import Query
from audit_database.rows import rows_as
from audit_database.sql_text import literals
from audit_mysql.rights import MARIADB_ACCOUNTS, MYSQL_ACCOUNTS
from audit_mysql.server import KIND, MARIADB, MYSQL

_BITS = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "RELOAD", "SHUTDOWN", "PROCESS",
    "FILE", "GRANT OPTION", "REFERENCES", "INDEX", "ALTER", "SHOW DATABASES", "SUPER",
    "CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE", "REPLICATION SLAVE", "BINLOG MONITOR",
    "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "CREATE USER", "EVENT",
    "TRIGGER", "CREATE TABLESPACE", "DELETE HISTORY", "SET USER", "FEDERATED ADMIN",
    "CONNECTION ADMIN", "READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN", "REPLICATION MASTER ADMIN",
    "BINLOG ADMIN", "BINLOG REPLAY", "SLAVE MONITOR", "SHOW CREATE ROUTINE",
)  # fmt: skip
"""The rights of MariaDB by bit of `access` in mysql.global_priv (sql/privilege.h of 10.11)."""

POWERFUL = frozenset({
    "SUPER", "FILE", "PROCESS", "SHUTDOWN", "RELOAD", "CREATE USER", "GRANT OPTION", "SET USER",
    "FEDERATED ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN",
    "REPLICATION MASTER ADMIN", "BINLOG ADMIN", "BINLOG REPLAY", "CREATE TABLESPACE",
})  # fmt: skip
"""The global rights that reach past the data of one application."""
DATA = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER"})

# Those that keep a password of the server, and whether its hash is salted.
PASSWORDS = {
    "mysql_native_password": False, "mysql_old_password": False, "sha256_password": True,
    "caching_sha2_password": True, "ed25519": True, "parsec": True, "": False,
}  # fmt: skip
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class Method(Struct, frozen=True, kw_only=True):
    """One way for an account to prove itself.

    `kept` is set, old (a hash from before MySQL 4.1), none, or never: no password fits.
    """

    plugin: str
    kept: str

    @property
    def by_password(self) -> bool:
        """Whether the server itself checks a password."""
        return self.plugin in PASSWORDS

    @property
    def free(self) -> bool:
        """Whether it asks for nothing: a password of no characters."""
        return self.by_password and self.kept == "none"


class Account(Struct, frozen=True, kw_only=True):
    """An account, or a role. Ages are seconds, None where not known.

    `methods` are alternatives, each as `set mysql_native_password`: the other way round it would
    look like a password, and be redacted.

    `lifetime` is in days, 0 for never; None or -1 for what the server has. `tls` is what it has to
    connect with: 0 nothing, 1 TLS (also with a cipher that is named), 2 a certificate, 3 one with
    an issuer or subject that is named.
    """

    user: str
    host: str
    role: int
    methods: str
    locked: int | None = None
    expired: int | None = None
    lifetime: int | None = None
    age_s: int | None = None
    tls: int | None = None
    access: str | None = None
    rights: str = ""

    @property
    def name(self) -> str:
        """The account as GRANT writes it, without quotes."""
        return self.user if self.role else f"{self.user or chr(39) * 2}@{self.host}"

    @property
    def ways(self) -> tuple[Method, ...]:
        """Its alternatives to prove itself."""
        pairs = (word.partition(" ") for word in self.methods.split(";") if word)
        return tuple(Method(plugin=plugin, kept=kept) for kept, _, plugin in pairs)

    @property
    def usable(self) -> bool:
        """Whether somebody may log in with it."""
        return not self.role and not self.locked and any(way.kept != "never" for way in self.ways)

    @property
    def by_password(self) -> bool:
        """Whether it may be logged in to with a password that the server keeps."""
        return self.usable and any(w.by_password and w.kept in ("set", "old") for w in self.ways)

    @property
    def free(self) -> bool:
        """Whether it may be logged in to without proving anything."""
        return self.usable and any(way.free for way in self.ways)

    @property
    def remote(self) -> bool:
        """Whether it may come from other machines."""
        host = self.host.lower()
        return host not in _LOCAL and not host.startswith("127.")

    @property
    def everywhere(self) -> bool:
        """Whether it may come from every machine, or nearly: not one whole octet is fixed.

        `1%` is 1.0.0.0 to 199.255.255.255; `%.bank` are the names of one domain.
        """
        if self.host in ("", "%"):
            return True
        address, _, mask = self.host.partition("/")
        if mask:
            return _is_short(mask)
        first = address.partition(".")[0]
        return not set(address) - set("%_.0123456789") and bool({"%", "_"} & set(first))

    @property
    def held(self) -> frozenset[str]:
        """Its global rights, without those of its roles."""
        found = {word for word in self.rights.split(",") if word}
        access = self.access or ""
        bits = int(access) if access.isascii() and access.isdigit() else 0
        return frozenset(found | {name for n, name in enumerate(_BITS) if bits >> n & 1})


def _is_short(mask: str) -> bool:
    """Whether a mask of an IPv4 network, or a number of bits, fixes less than an octet."""
    try:
        return int(ipaddress.IPv4Address(mask)).bit_count() < 8
    except ValueError:
        return mask.isdecimal() and len(mask) < 4 and int(mask) < 8


_MARIADB_KEPT = (
    "CASE {0} WHEN '' THEN 'none' WHEN 'invalid' THEN 'never' ELSE "
    "IF(CHAR_LENGTH({0}) = 16, 'old', 'set') END"
)


def _alternative(number: int) -> str:
    """What the alternative `number` of an account is, NULL where there is none of its own."""
    place = f"$.auth_or[{number}]"
    kept = _MARIADB_KEPT.format(f"COALESCE(JSON_VALUE(Priv, '{place}.authentication_string'), '')")
    return f"CONCAT({kept}, ' ', JSON_VALUE(Priv, '{place}.plugin'))"


def _mariadb() -> Query:
    kept = _MARIADB_KEPT.format("COALESCE(JSON_VALUE(Priv, '$.authentication_string'), '')")
    first = f"CONCAT({kept}, ' ', COALESCE(JSON_VALUE(Priv, '$.plugin'), ''))"
    methods = ", ".join((first, *(_alternative(n) for n in range(4))))
    numbers = {"locked": "account_locked", "lifetime": "password_lifetime"}
    # REQUIRE CIPHER alone is stored as 3 too, and asks for no certificate
    named = "COALESCE(NULLIF(JSON_VALUE(Priv, '$.x509_issuer'), ''), " \
            "NULLIF(JSON_VALUE(Priv, '$.x509_subject'), ''))"  # fmt: skip
    type_ = "CAST(JSON_VALUE(Priv, '$.ssl_type') AS SIGNED)"
    tls = f"IF({type_} = 3 AND {named} IS NULL, 1, {type_}) AS tls"
    each = ", ".join(
        f"CAST(JSON_VALUE(Priv, '$.{key}') AS SIGNED) AS {name}" for name, key in numbers.items()
    )
    changed = "CAST(JSON_VALUE(Priv, '$.password_last_changed') AS SIGNED)"
    return Query(
        sql=f"SELECT User AS user, Host AS host, COALESCE(JSON_VALUE(Priv, '$.is_role'), 0) = 1 "
            f"AS role, CONCAT_WS(';', {methods}) AS methods, {each}, {tls}, "
            f"{changed} = 0 AS expired, "
            f"UNIX_TIMESTAMP() - NULLIF({changed}, 0) AS age_s, "
            "JSON_VALUE(Priv, '$.access') AS access FROM mysql.global_priv ORDER BY 1, 2",
        label="mysql.global_priv", grants=MARIADB_ACCOUNTS,
    )  # fmt: skip


_MYSQL_RIGHTS = {
    "Select_priv": "SELECT", "Insert_priv": "INSERT", "Update_priv": "UPDATE",
    "Delete_priv": "DELETE", "Create_priv": "CREATE", "Drop_priv": "DROP", "Alter_priv": "ALTER",
    "Reload_priv": "RELOAD", "Shutdown_priv": "SHUTDOWN", "Process_priv": "PROCESS",
    "File_priv": "FILE", "Grant_priv": "GRANT OPTION", "Super_priv": "SUPER",
    "Create_user_priv": "CREATE USER", "Create_tablespace_priv": "CREATE TABLESPACE",
}  # fmt: skip


def _mysql() -> Query:
    kept = (
        "CASE authentication_string WHEN '' THEN 'none' ELSE "
        "IF(CHAR_LENGTH(authentication_string) = 16, 'old', 'set') END"
    )
    rights = ", ".join(f"IF({c} = 'Y', '{name}', NULL)" for c, name in _MYSQL_RIGHTS.items())
    return Query(
        sql="SELECT User AS user, Host AS host, 0 AS role, "
            f"CONCAT({kept}, ' ', plugin) AS methods, "
            "account_locked = 'Y' AS locked, password_expired = 'Y' AS expired, "
            "password_lifetime AS lifetime, "
            "UNIX_TIMESTAMP() - UNIX_TIMESTAMP(password_last_changed) AS age_s, "
            "CASE ssl_type WHEN '' THEN 0 WHEN 'ANY' THEN 1 WHEN 'X509' THEN 2 "
            "ELSE IF(CONCAT(x509_issuer, x509_subject) = '', 1, 3) END AS tls, "
            f"CONCAT_WS(',', {rights}) AS rights FROM mysql.user ORDER BY 1, 2",
        label="mysql.user", grants=MYSQL_ACCOUNTS,
    )  # fmt: skip


ACCOUNTS = fact(
    "mysql.accounts", tuple[Account, ...], kind=KIND,
    providers=(
        provider(_mariadb(), rows_as(Account), product=MARIADB),
        provider(_mysql(), rows_as(Account), product=MYSQL),
    ),
)  # fmt: skip


class Locking(Struct, frozen=True, kw_only=True):
    """An account with a password, and after how many wrong ones in a row it is locked.

    None where it never is. `days`: for how long; -1 until somebody unlocks it.
    """

    user: str
    host: str
    attempts: int | None = None
    days: int | None = None

    @property
    def name(self) -> str:
        """The account as GRANT writes it, without quotes."""
        return f"{self.user or chr(39) * 2}@{self.host}"


def _locking() -> Query:
    # of User_attributes single numbers only: a second password of the account is there, too
    numbers = ", ".join(
        f"CAST(JSON_EXTRACT(User_attributes, '$.Password_locking.{key}') AS SIGNED) AS {name}"
        for name, key in (
            ("attempts", "failed_login_attempts"),
            ("days", "password_lock_time_days"),
        )
    )
    return Query(
        sql=f"SELECT User AS user, Host AS host, {numbers} FROM mysql.user "
            f"WHERE plugin IN ({literals(sorted(PASSWORDS))}) AND authentication_string <> '' "
            "AND account_locked = 'N' ORDER BY 1, 2",
        label="mysql.user.User_attributes", grants=MYSQL_ACCOUNTS,
    )  # fmt: skip


LOCKING = fact(
    "mysql.account-locking", tuple[Locking, ...], kind=KIND,
    providers=(
        # it counts for all accounts alike: max_password_errors
        provider(
            Query(sql="SELECT '' AS user, '' AS host FROM DUAL WHERE FALSE", label="-"),
            rows_as(Locking), product=MARIADB,
        ),
        provider(_locking(), rows_as(Locking), product=MYSQL),
    ),
)  # fmt: skip
FACTS = (ACCOUNTS, LOCKING)


def usable(accounts: Iterable[Account]) -> tuple[Account, ...]:
    """Those that somebody may log in with."""
    return tuple(account for account in accounts if account.usable)
