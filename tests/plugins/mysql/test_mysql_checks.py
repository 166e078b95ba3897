"""Verdicts on real servers: a good one, a bad one, and what an account without rights gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pymysql
import pytest

from audit_core.api.sdk import Answer, Fact, Verdict
from audit_core.api.testkit import target_of
from audit_core.model import HostName, SecretRef
from audit_database.query import Query
from audit_database.rows import rows_as
from audit_mysql import session
from audit_mysql.access import MysqlAccess
from audit_mysql.access_checks import ASKER, grant_tables
from audit_mysql.accounts import _BITS, Account
from audit_mysql.audit_trail import binlog_kept
from audit_mysql.durability import (
    CHANNELS,
    Channel,
    replica_read_only,
    replication,
    replication_tls,
)
from audit_mysql.server import SETTINGS, Settings
from live.database_verdicts import MYSQL
from live.database_ways import PASSWORD, Here
from live.mysql_server import MysqlServer
from live.patience import eventually
from live.product import dengbao, environment

pytestmark = pytest.mark.live

GOOD = (
    "--require-secure-transport=ON", "--tls-version=TLSv1.2,TLSv1.3", "--local-infile=OFF",
    "--secure-file-priv=/tmp", "--interactive-timeout=600", "--wait-timeout=600",
    "--max-password-errors=5", "--log-bin=bin", "--server-id=1",
    "--sync-binlog=1", "--log-warnings=2", "--performance-schema=ON",
    "--plugin-load-add=server_audit", "--server-audit-logging=ON",
    "--plugin-load-add=simple_password_check", "--plugin-load-add=password_reuse_check",
    "--plugin-load-add=auth_ed25519", "--plugin-load-add=file_key_management",
    "--innodb-encrypt-tables=FORCE", "--innodb-encrypt-log=ON", "--encrypt-binlog=ON",
    "--innodb-encryption-threads=1", "--file-key-management-filename={folder}/keys",
    "--bind-address=0.0.0.0",
)  # fmt: skip
BAD = ("--tls-version=TLSv1.1,TLSv1.2", "--bind-address=0.0.0.0", "--log-warnings=0",
       "--innodb-doublewrite=OFF",
       "--innodb-flush-log-at-trx-commit=2", "--performance-schema=ON", "--server-id=2",
       "--plugin-load-add=server_audit",
       "--ssl-cipher=ECDHE-ECDSA-AES256-GCM-SHA384:RC4-MD5")  # fmt: skip


class Bank:
    """A server with the account that `plan --grants` prints, and one without rights."""

    def __init__(self, server: MysqlServer, home: Path) -> None:
        self.server, self.home = server, home
        self.env = environment(home, GOOD=PASSWORD)
        self.details: dict[str, str] = {}

    def grant(self) -> None:
        """Makes the account as a user of dengbao would."""
        done = dengbao("plan", "gbt22239-l3", "-i", self.inventory("audit"), "--grants", "audit",
                       env=self.env).ended(0)  # fmt: skip
        mariadb = done.stdout.partition("-- For MariaDB")[2].partition("-- For MySQL")[0]
        statements = [line[:-1] for line in mariadb.splitlines() if line.endswith(";")]
        made = [s.replace("'%'", "'127.0.0.1'").replace("'PASSWORD'", f"'{PASSWORD}'")
                for s in statements]  # fmt: skip
        self.server.sql(*made, f"CREATE USER plain@127.0.0.1 IDENTIFIED BY '{PASSWORD}'")

    def way(self, user: str = "audit") -> Here:
        """The way to the server, as the core would give it."""
        return Here(
            MysqlAccess(
                user=user, password=SecretRef("env:GOOD"), port=self.server.port,
                address=HostName("localhost"), tls_ca=str(self.server.ca),
            )
        )  # fmt: skip

    def inventory(self, user: str, more: str = "") -> Path:
        path = self.home / f"{user}.yaml"
        entry = self.server.entry(user, "GOOD").replace("kind: mysql", f"kind: mysql{more}")
        path.write_text("targets:\n" + entry)
        return path

    def verdicts(self, user: str, more: str = "") -> dict[str, str]:
        """The verdict of each check without the name of the plugin."""
        done = dengbao("run", "gbt22239-l3", "-i", self.inventory(user, more), "--store",
                       self.home / f"store-{user}", "-o", self.home / f"{user}.zip",
                       "--format", "json", env=self.env).ended(0)  # fmt: skip
        self.details = {f["check"]: f["detail"] for f in done.json["findings"]}
        return {
            f["check"].removeprefix("mysql."): f["verdict"]
            for f in done.json["findings"] if f["check"].startswith("mysql.")
        }  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with MysqlServer(*GOOD) as server:
        server.without_root()
        server.sql(
            "CREATE USER dba@localhost IDENTIFIED VIA ed25519 USING PASSWORD('Xq7-Planted-pass')",
            "GRANT ALL ON *.* TO dba@localhost WITH GRANT OPTION",
            f"CREATE USER repl@127.0.0.1 IDENTIFIED BY '{PASSWORD}'",
            "GRANT REPLICATION SLAVE ON *.* TO repl@127.0.0.1",
            "CREATE USER app@'10.2.0.0/255.255.0.0' IDENTIFIED VIA ed25519 "
            "USING PASSWORD('Xq7-Planted-pass') REQUIRE X509",
        )
        bank = Bank(server, tmp_path_factory.mktemp("good"))
        bank.grant()
        server.sql("SET GLOBAL default_password_lifetime = 90")
        yield bank


@pytest.fixture(scope="module")
def bad(good: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """At first a good replica of `good`; `spoiled` makes the rest bad."""
    with MysqlServer(*BAD, like=good.server) as server:
        bank = Bank(server, tmp_path_factory.mktemp("bad"))
        bank.grant()
        ((file, place, *_),) = good.server.sql("SHOW MASTER STATUS")
        server.sql(
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={good.server.port}, "
            f"MASTER_USER='repl', MASTER_PASSWORD='{PASSWORD}', MASTER_SSL=1, "
            f"MASTER_LOG_FILE='{file}', MASTER_LOG_POS={place}", "SET GLOBAL read_only = ON",
            "START SLAVE",
        )  # fmt: skip
        yield bank


def spoil(server: MysqlServer) -> None:
    server.sql(
        "STOP SLAVE", "CHANGE MASTER TO MASTER_SSL=0", "SET GLOBAL read_only = OFF",
        "CREATE USER ''@'%'", "CREATE USER app@'%' IDENTIFIED BY 'x'", "CREATE USER APP@h",
        "GRANT ALL ON *.* TO app@'%' WITH GRANT OPTION", "CREATE ROLE r",
        "GRANT INSERT ON mysql.* TO r", "GRANT r TO app@'%'",
        "CREATE USER left_@h IDENTIFIED BY 'x'", "ALTER USER left_@h PASSWORD EXPIRE",
        "GRANT SELECT ON test.* TO PUBLIC",
        "CREATE USER cipher@'1%' IDENTIFIED BY 'x' REQUIRE CIPHER 'ECDHE-RSA-AES256-GCM-SHA384'",
        "CREATE USER proxy@h IDENTIFIED BY 'x'", "GRANT PROXY ON app@'%' TO proxy@h",
        "CREATE USER proxies@h IDENTIFIED BY 'x'", "GRANT PROXY ON ''@'%' TO proxies@h",
        "CREATE USER issued@h IDENTIFIED BY 'x' REQUIRE ISSUER '/CN=bank'",
    )  # fmt: skip


def test_a_good_server(good: Bank, bad: Bank) -> None:
    following = "SELECT 1 FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'"
    assert eventually(lambda: good.server.sql(following))
    found = good.verdicts("audit", ", administrators: [dba]")
    assert found == MYSQL.good_run


def test_a_replica(good: Bank, bad: Bank) -> None:
    (ask,) = (p.ask for p in CHANNELS.providers if p.when["product"] == ("mariadb",))
    assert isinstance(ask, Query)
    with session.open(bad.way()) as opened:

        def channels() -> tuple[Channel, ...]:
            (reply,) = opened.ask((ask,))
            assert b"Last_" not in reply.stdout  # errors of replication hold rows
            answer = Answer(
                stdout=reply.stdout, stderr=b"", exit_code=0, truncated=False,
                collected_at="2026-01-01T00:00:00Z", target=target_of("mysql"),
            )  # fmt: skip
            found = rows_as(Channel)(answer)
            assert isinstance(found, tuple)
            return found

        assert eventually(lambda: replication.judge(channels()).verdict is Verdict.PASS)
        assert replication_tls.judge(Settings(values={}), channels()).verdict is Verdict.PASS
        settings = Settings(values={"read_only": "ON"})
        assert replica_read_only.judge(settings, channels()).verdict is Verdict.PASS


def test_a_bad_server(bad: Bank) -> None:
    spoil(bad.server)
    with pymysql.connect(host="127.0.0.1", port=bad.server.port, user="", ssl_disabled=True):
        found = bad.verdicts("audit", ", administrators: [dba]")
    assert found == MYSQL.bad_run
    # a cipher that is named is no certificate
    assert "cipher@1%" in bad.details["mysql.second-factor"]
    assert "issued" not in bad.details["mysql.second-factor"]
    assert "cipher@1%" in bad.details["mysql.account-hosts"]
    assert "proxy@h (ALL PRIVILEGES)" in bad.details["mysql.powers"]
    assert "proxies@h (PROXY)" in bad.details["mysql.powers"]


SETTING_ROWS = cast(Fact, SETTINGS.needs[0])


def _known(bank: Bank, fact: Fact, product: str = "mariadb") -> Any:
    """The value of a fact that one statement asks for, as the account of the audit gets it."""
    (chosen,) = (p for p in fact.providers if p.when.get("product") in (None, (product,)))
    with session.open(bank.way()) as opened:
        (reply,) = opened.ask((cast(Query, chosen.ask),))
    answer = Answer(
        stdout=reply.stdout, stderr=b"", exit_code=0, truncated=False,
        collected_at="2026-01-01T00:00:00Z", target=target_of("mysql"),
    )  # fmt: skip
    return cast(Any, chosen.parse)(answer)


def _settings(bank: Bank) -> Settings:
    return cast(Settings, SETTINGS.make(_known(bank, SETTING_ROWS)))  # type: ignore[misc]


def test_a_short_binary_log_and_no_accounts_at_all(good: Bank, bad: Bank) -> None:
    good.server.sql("SET GLOBAL binlog_expire_logs_seconds = 86400")
    assert binlog_kept.judge(_settings(good)).verdict is Verdict.FAIL
    good.server.sql("SET GLOBAL binlog_expire_logs_seconds = 0")
    assert binlog_kept.judge(_settings(good)).verdict is Verdict.PASS
    asker = _known(good, ASKER)
    assert grant_tables.judge(_settings(good), asker).verdict is Verdict.PASS
    bad.server.stop()
    bad.server.start("--skip-grant-tables")
    assert grant_tables.judge(_settings(bad), _known(bad, ASKER)).verdict is Verdict.FAIL
    bad.server.stop()
    bad.server.start()


def test_an_account_without_rights_passes_nothing_that_it_cannot_see(good: Bank) -> None:
    found = good.verdicts("plain")
    assert found == MYSQL.plain_run
    for check, grant in (
        ("anonymous-accounts", "GRANT SELECT ON mysql.global_priv"),
        ("standby", "GRANT SLAVE MONITOR"),
        ("tls-in-use", "performance_schema.threads"), ("public-rights", "mysql.global_priv"),
        ("powers", "mysql.global_priv"), ("encryption", "GRANT PROCESS"),
    ):  # fmt: skip
        assert grant in good.details[f"mysql.{check}"]


def test_views_show_less_without_saying_so(good: Bank) -> None:
    """Why rights are asked of tables: the account without rights sees its own only."""
    sql = "SELECT DISTINCT GRANTEE FROM information_schema.USER_PRIVILEGES"
    with session.open(good.way("plain")) as opened:
        (reply,) = opened.ask((Query(sql=sql),))
    assert reply.stdout.splitlines()[1:] == [b"""["'plain'@'127.0.0.1'"]"""]
    assert len(good.server.sql(sql)) > 2


def test_the_granted_account_cannot_write(good: Bank) -> None:
    given = {"host": "127.0.0.1", "port": good.server.port, "user": "audit", "password": PASSWORD}
    with pymysql.connect(**given) as link, link.cursor() as cursor:
        for sql in (
            "INSERT INTO mysql.global_priv VALUES ('h', 'u', '{}')", "CREATE DATABASE made",
            "SET GLOBAL read_only = ON", "SELECT 1 INTO OUTFILE '/tmp/never'", "FLUSH PRIVILEGES",
            "SELECT * FROM mysql.servers", "KILL 1", "STOP SLAVE",
        ):  # fmt: skip
            with pytest.raises(pymysql.err.MySQLError, match=r"denied|Unknown thread"):
                cursor.execute(sql)


def test_each_bit_stands_for_the_named_right(good: Bank) -> None:
    good.server.sql("CREATE USER bits@h IDENTIFIED VIA unix_socket")
    bits = ""
    for name in _BITS[:-1]:  # the last one came with 11.3
        right = "USAGE" if name == "GRANT OPTION" else name
        more = " WITH GRANT OPTION" if name == "GRANT OPTION" else ""
        good.server.sql(f"GRANT {right} ON *.* TO bits@h{more}")
        access = "SELECT JSON_VALUE(Priv, '$.access') FROM mysql.global_priv WHERE User = 'bits'"
        ((bits,),) = good.server.sql(access)
        assert name in Account(user="bits", host="h", role=0, methods="", access=bits).held
    assert int(bits) == (1 << len(_BITS) - 1) - 1
    good.server.sql("DROP USER bits@h")
