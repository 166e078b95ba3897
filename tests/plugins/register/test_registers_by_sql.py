"""Registers that lie in a real PostgreSQL and a real MariaDB, read by a declared statement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live.database_ways import PASSWORD
from live.mysql_server import MysqlServer
from live.postgresql_server import PostgresqlServer
from live.product import dengbao, environment

pytestmark = pytest.mark.live

HBA = "local all all scram-sha-256\nhostssl all all 127.0.0.0/8 scram-sha-256\n"
COMPLAINTS = (
    "SELECT id AS complaint, received, source, complex, cause, responsible, measure, note AS "
    '"处理结果", answered FROM {table} WHERE {where}'
)
ACTIONS = (
    "SELECT no AS action, source, found, issue, cause, measure, owner, due, closed, retested "
    "FROM crm.actions"
)
RISK = (
    "SELECT engine, decision, count(*) AS events, max(at) AS last_event FROM crm.risk_event "
    "GROUP BY engine, decision"
)
PHONE, ID_CARD = "13812345678", "11010519491231002X"
_KINDS = (
    "(id int, received {day}, source text, complex {truth}, cause text, responsible text, "
    "measure text, note text, answered {moment})"
)


def _part(register: str, id: str, query: str, reads: str, database: str = "bank") -> str:
    return (
        f"    {register}_register:\n      - {{id: {id}, database: {database}, reads: [{reads}], "
        f"query: '{query}'}}\n"
    )


class Servers:
    """Both servers with complaints and corrective actions; the accounts are what --grants says."""

    def __init__(self, one: PostgresqlServer, other: MysqlServer, home: Path) -> None:
        self.one, self.other, self.home = one, other, home
        self.env = environment(home, DB=PASSWORD)
        rows = (
            f"(1, '2026-01-05', 'app', {{no}}, 'fee {PHONE}', 'retail', 'refund', '{ID_CARD}', "
            "'2026-01-06 23:59:59'), (2, '2026-01-31', 'web', {yes}, NULL, NULL, NULL, NULL, NULL)"
        )
        one.sql("CREATE DATABASE bank ENCODING 'UTF8' TEMPLATE template0")
        one.sql(
            "CREATE SCHEMA crm", "CREATE TABLE crm.complaint "
            + _KINDS.format(day="date", truth="boolean", moment="timestamp"),
            "INSERT INTO crm.complaint VALUES " + rows.format(no="false", yes="true"),
            "CREATE TABLE crm.secret AS SELECT * FROM crm.complaint",
            "CREATE TABLE crm.risk_event AS SELECT e AS engine, d AS decision, "
            "now() - i AS at FROM (VALUES ('a', 'blocked', interval '30 minutes'), "
            "('a', 'passed', interval '1 minute'), ('b', 'blocked', interval '3 days')) "
            "AS v (e, d, i)",
            "CREATE FUNCTION crm.harm() RETURNS int LANGUAGE sql AS "
            "'DELETE FROM crm.complaint RETURNING 1'",
            database="bank",
        )  # fmt: skip
        other.sql(
            "CREATE DATABASE bank", "CREATE DATABASE crm",
            "CREATE TABLE bank.complaint "
            + _KINDS.format(day="date", truth="tinyint(1)", moment="datetime"),
            "INSERT INTO bank.complaint VALUES " + rows.format(no="0", yes="1"),
            "CREATE TABLE crm.actions (no int, source text, found date, issue text, cause text, "
            "measure text, owner text, due varchar(20), closed date, retested date)",
            "INSERT INTO crm.actions VALUES (1, 'scan', '2025-01-01', 'x', 'y', 'z', '1001', "
            "'2025-02-01', NULL, NULL), (2, 'scan', '2025-01-01', 'x', 'y', 'z', '1001', "
            "'01/02/25', '2025-01-20', '2025-01-21')",
        )  # fmt: skip
        self._grant()

    def inventory(self, name: str, first: str, second: str = "") -> Path:
        path = self.home / f"{name}.yaml"
        entries = []
        for server, parts in ((self.one, first), (self.other, second)):
            entry = server.entry("audit", "DB").strip("\n -{}") + "}"
            fields = entry.replace("id: db", f"id: {'pg' if server is self.one else 'my'}")
            head, _, access = fields.partition(", access: ")
            lines = "\n    ".join(head.split(", "))
            entries.append(f"  - {lines}\n    access: {access}\n{parts}")
        path.write_text("targets:\n" + "".join(entries))
        return path

    def _grant(self) -> None:
        path = self.inventory(
            "good",
            _part("complaints", "complaints", _complaints("crm.complaint"), "crm.complaint")
            + _part("risk", "risk", RISK, "crm.risk_event"),
            _part("complaints", "web", _complaints("complaint"), "complaint")
            + _part("actions", "actions", ACTIONS, "crm.actions", "crm"),
        )
        done = dengbao("plan", "smart-finance", "-i", path, "--grants", "audit", env=self.env)
        text = done.ended(0).stdout
        postgresql, _, mysql = text.partition("As an administrator")
        assert 'GRANT SELECT ON "crm"."complaint" TO "audit";' in postgresql, text
        assert "pg_read_all_data" not in postgresql
        assert "GRANT SELECT ON `bank`.`complaint` TO 'audit'@'%';" in mysql
        database = "postgres"
        for line in postgresql.splitlines():
            if line.startswith("\\connect"):
                database = line.split('"')[1]
            elif line.endswith(";"):
                self.one.sql(line, database=database)
        self.one.sql(f"ALTER ROLE audit PASSWORD '{PASSWORD}'")
        mariadb = mysql.partition("MySQL 8")[0]
        for line in mariadb.splitlines():
            if line.endswith(";"):
                self.other.sql(line.replace("'PASSWORD'", f"'{PASSWORD}'"))

    def findings(self, path: Path) -> dict[tuple[str, str], dict[str, Any]]:
        """What the run of an inventory finds in registers, by target and check."""
        store = self.home / path.stem
        done = dengbao("run", "smart-finance", "-i", path, "--store", store, "--format", "json",
                       "-o", f"{store}.zip", env=self.env)  # fmt: skip
        found = done.ended(0, 4).json["findings"]
        return {
            (f["target"], f["check"][9:]): f for f in found if f["check"].startswith("register.")
        }


def _complaints(table: str, where: str = "1 = 1") -> str:
    mark = "`" if table == "complaint" else '"'
    return COMPLAINTS.replace('"', mark).format(table=table, where=where)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    home = tmp_path_factory.mktemp("sql")
    with PostgresqlServer(HBA) as one, MysqlServer() as other:
        yield Servers(one, other, home)


def test_verdicts_masking_and_cells(servers: Servers) -> None:
    found = servers.findings(servers.home / "good.yaml")
    for id in ("pg/complaints", "my/web"):
        late = found[(id, "complaints-answered")]
        assert late["verdict"] == "fail", late  # the second is open since January 2026
        assert "row 2 (2): open for" in str(late["detail"])
        assert found[(id, "complaints-complete")]["verdict"] == "pass"
    alive = found[("pg/risk", "risk-engine-alive")]
    assert alive["verdict"] == "fail"
    assert "b: last event at" in alive["detail"]
    assert "a: last event at" not in alive["detail"]  # a minute ago, in the zone of the server
    wrong = found[("my/actions", "actions-in-time")]
    assert wrong["verdict"] == "fail"
    assert "due on 2025-02-01, still open" in str(wrong["detail"])
    assert "row 2 of the answer (Due on) holds “01/02/25”, not a date" in wrong["detail"], wrong[
        "detail"
    ]
    assert found[("my/actions", "actions-complete")]["verdict"] == "undetermined"
    stored = b"".join(p.read_bytes() for p in (servers.home / "good").rglob("*.bundle"))
    assert PHONE.encode() not in stored
    assert ID_CARD.encode() not in stored


BAD = {
    "columns": ("SELECT id AS complaint FROM crm.complaint", "crm.complaint",
                "the columns Received on, Source, Complex, Cause, Responsible, Measure, Result, "
                "Answered on are missing; there are complaint"),
    "grant": (_complaints("crm.secret"), "crm.secret",
              'it needs: GRANT CONNECT ON DATABASE "bank" TO audit; GRANT USAGE ON SCHEMA "crm" '
              'TO audit; GRANT SELECT ON "crm"."secret" TO audit'),
    "absent": (_complaints("crm.nothing"), "crm.nothing", 'relation "crm.nothing" does not exist'),
    "writing": (_complaints("crm.complaint", "crm.harm() = 1"), "crm.complaint",
                "cannot execute DELETE in a read-only transaction"),
    "unknown": (_complaints("crm.complaint", "complain = 1"), "crm.complaint",
             'column "complain" does not exist'),
    "many": ("SELECT n AS complaint, current_date AS received, n AS source, false AS complex, "
             "current_date AS answered, 1 AS cause, 1 AS responsible, 1 AS measure, 1 AS result "
             "FROM generate_series(1, 50001) n", "crm.complaint",
             "more than 50000 rows: select only the period that is audited"),
}  # fmt: skip


def test_what_is_not_a_register_is_one_message_and_no_pass(servers: Servers) -> None:
    parts = [
        f"      - {{id: {id}, database: bank, reads: [{reads}], query: '{query}'}}\n"
        for id, (query, reads, _) in BAD.items()
    ]
    parts.append("      - {id: gone, database: nowhere, reads: [x], query: SELECT 1}\n")
    path = servers.inventory("bad", "    complaints_register:\n" + "".join(parts))
    found = servers.findings(path)
    for id, (_, _, words) in BAD.items():
        for check in ("complaints-answered", "complaints-complete"):
            finding = found[(f"pg/{id}", check)]
            assert finding["verdict"] == "undetermined", (id, finding)
            assert words in finding["detail"], (id, finding["detail"])
    assert found[("pg/gone", "complaints-answered")]["verdict"] == "undetermined"
    (count,) = servers.one.sql("SELECT count(*) FROM crm.complaint", database="bank")[0]
    assert count == 2


def test_a_query_is_declared_in_full(servers: Servers) -> None:
    for part, words in (
        ("{id: x, query: SELECT 1}", "query, database and reads together"),
        ("{id: x, query: DELETE FROM t, database: d, reads: [t]}", "one SELECT statement"),
        ("{id: x, query: SELECT 1, database: d, reads: [a.b.c.d]}", "the name of a table or view"),
    ):
        path = servers.inventory("wrong", f"    complaints_register:\n      - {part}\n")
        done = dengbao("plan", "smart-finance", "-i", path, env=servers.env).ended(65)
        assert words in done.stderr, done.stderr
