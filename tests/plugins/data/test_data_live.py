"""Verdicts on data in a real PostgreSQL: protected, in clear, for tests, and not to be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from live import customers
from live.database_ways import PASSWORD
from live.postgresql_server import PostgresqlServer
from live.product import Done, dengbao, environment

pytestmark = pytest.mark.live

HBA = "local all all scram-sha-256\nhostssl all all 127.0.0.0/8 scram-sha-256\n"
MANY = 40
CUSTOMER = "CREATE TABLE customer (id int PRIMARY KEY, {columns})"
COLUMNS = """\
          - {table: customer, column: id_no, data: id_card, protection: encrypted, element: id_no}
          - {table: customer, column: phone, data: phone, protection: masked}
"""
RULES = """\
        rules:
          - {rule: filled, table: account, column: owner}
          - {rule: format, table: account, column: kind, pattern: "[A-Z]+"}
          - {rule: codes, table: account, column: kind, codes: [A, B], at_most: 0.1}
          - {rule: check, table: account, column: code, data: credit_code}
          - {rule: unique, table: account, column: code}
          - {rule: gaps, table: account, column: id}
          - {rule: reference, table: account, column: owner, of_table: customer, of_column: id}
          - {rule: fresh, table: account, column: changed, minutes: 60}
          - {rule: current, table: account, column: valid_until}
          - {rule: sum, table: account, column: balance, figure: balances}
          - {rule: sql, name: debts, about: accuracy, sql: SELECT count(*) FROM public.account WHERE
             balance < 0}
"""
ACCOUNT = (
    "CREATE TABLE account (id int, owner int, kind text, code text, changed timestamptz, "
    "valid_until date, balance numeric(12,2))"
)


def _rows(table: str, *columns: Iterable[object]) -> str:
    rows = (", ".join(f"'{value}'" for value in row) for row in zip(*columns, strict=True))
    return f"INSERT INTO {table} VALUES " + ", ".join(f"({row})" for row in rows)


class Bank:
    """One server with databases of each sort; the account is the one that `plan --grants` tells."""

    def __init__(self, server: PostgresqlServer, home: Path) -> None:
        self.server, self.home = server, home
        self.env = environment(home, GOOD=PASSWORD)
        for name in ("good", "bad", "dev", "masked"):
            server.sql(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        self._fill()
        self._grant()

    def _fill(self) -> None:
        number = range(MANY)
        ids, cards = customers.id_cards(MANY), customers.bank_cards(MANY)
        phones = customers.phones(MANY)
        self.server.sql(
            "CREATE EXTENSION pgcrypto", CUSTOMER.format(columns="id_no bytea, phone text"),
            _rows("customer", number, ids, [p[:3] + "****" + p[7:] for p in phones]),
            "UPDATE customer SET id_no = encrypt_iv(id_no, digest('key', 'sha256'), "
            "gen_random_bytes(16), 'aes')",
            "CREATE TABLE staff (login text, password text)",
            "INSERT INTO staff SELECT n, crypt(n::text, gen_salt('bf', 4)) "
            "FROM generate_series(1, 3) n",
            "CREATE TABLE app_log (at timestamptz, line text)",
            "INSERT INTO app_log SELECT now(), 'paid ' || n FROM generate_series(1, 9) n",
            ACCOUNT, "INSERT INTO account SELECT n, n, 'A', c, now(), now() + interval '1 y', 10 "
            f"FROM unnest(ARRAY{customers.credit_codes(MANY)}) WITH ORDINALITY AS c (c, n) "
            f"WHERE n < {MANY}",
            "CREATE VIEW clear AS SELECT 1/0 AS harm", "CREATE TABLE nothing (a text)",
            database="good",
        )  # fmt: skip
        self.server.sql(
            CUSTOMER.format(columns="id_no varchar(18), phone text, note text"),
            _rows("customer", number, ids, phones, cards),
            "CREATE TABLE staff (login text, password text)",
            "INSERT INTO staff SELECT n, md5('123456') FROM generate_series(1, 3) n",
            ACCOUNT, "INSERT INTO account SELECT 2 * n, NULL, 'x', '6222020000000000000', "
            "now() - interval '1 day', '2020-01-01', -1 FROM generate_series(1, 3) n",
            "INSERT INTO account (owner, changed) VALUES (999, now() - interval '2 days')",
            "CREATE TABLE oper_log (line text)",
            _rows("oper_log", [f"user {i} logged in" for i in ids]),
            "CREATE TABLE pay (track2 text)", _rows("pay", [f"{c}=25121011234" for c in cards]),
            database="bad",
        )  # fmt: skip
        self.server.sql("CREATE TABLE t (a text)", _rows("t", cards), database="dev")
        self.server.sql("CREATE TABLE t (a text)", _rows("t", number), database="masked")

    def inventory(self, user: str) -> Path:
        path = self.home / f"{user}.yaml"
        entry = self.server.entry(user, "GOOD").replace("  - {", "  - ", 1)
        path.write_text(
            "targets:\n  - id: db\n    kind: postgresql\n    address: 127.0.0.1\n    access: "
            + re.search(r"access: (\{.*\})\}", entry)[1]  # type: ignore[index]
            + "\n    data:\n"
            + "".join(
                f"      - database: {name}\n        environment: production\n"
                f"        columns:\n{COLUMNS}{RULES}"
                for name in ("good", "bad")
            )
            + "      - {database: dev, environment: test, schemas: [public]}\n"
            + "      - {database: masked, environment: development}\n"
        )
        return path

    def _grant(self) -> None:
        done = dengbao("plan", "smart-finance", "-i", self.inventory("audit"), "--grants", "audit",
                       env=self.env).ended(0)  # fmt: skip
        database = "postgres"
        for line in done.stdout.splitlines():
            if found := re.fullmatch(r'\\connect "(.*)"', line):
                database = found[1]
            elif line.endswith(";"):
                self.server.sql(line, database=database)
        self.server.sql(f"ALTER ROLE audit PASSWORD '{PASSWORD}'",
                        f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'")  # fmt: skip

    def run(self, user: str) -> Done:
        return dengbao("run", "smart-finance", "-i", self.inventory(user), "--store",
                       self.home / user, "-o", self.home / f"{user}.zip", "--format", "json",
                       env=self.env).ended(0)  # fmt: skip


def _verdicts(done: Done) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for finding in done.json["findings"]:
        if finding["check"].startswith("data."):
            name = finding["target"].partition("data:")[2]
            found.setdefault(name, {})[finding["check"][5:]] = finding["verdict"]
    return found


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    logged = {"log_connections": "on", "log_disconnections": "on"}
    with PostgresqlServer(HBA, **logged) as server:
        yield Bank(server, tmp_path_factory.mktemp("data"))


def test_verdicts(bank: Bank) -> None:
    done = bank.run("audit")
    found = _verdicts(done)
    rules = ("accurate", "filled", "linked", "fresh", "current")
    assert {found["good"].pop(name) for name in rules} == {"pass"}, done.stdout
    assert {found["bad"].pop(name) for name in rules} == {"fail"}
    assert found["good"].pop("same-figures") == found["bad"].pop("same-figures") == "fail"
    fine = {"passwords": "pass", "forbidden": "pass", "logs": "pass", "undeclared": "pass",
            "protected": "pass", "no-real-values": "not_applicable"}  # fmt: skip
    assert found["good"] == fine | {"same-definitions": "fail"}  # bytea there, varchar(18) here
    assert found["bad"] == dict.fromkeys(fine, "fail") | {
        "no-real-values": "not_applicable", "same-definitions": "fail",
    }  # fmt: skip
    assert found["dev"]["no-real-values"] == "fail"
    assert found["dev"]["filled"] == "undetermined"  # no rule is declared
    assert found["masked"]["no-real-values"] == "pass"
    values = (*customers.id_cards(MANY), *customers.bank_cards(MANY), *customers.phones(MANY))
    stored = b"".join(path.read_bytes() for path in (bank.home / "audit").rglob("*.bundle"))
    assert not [value for value in values if value[4:-1].encode() in stored]


def test_an_account_that_may_not_read_passes_nothing(bank: Bank) -> None:
    done = bank.run("plain")
    every = {name: set(found.values()) for name, found in _verdicts(done).items()}
    assert not [name for name, verdicts in every.items() if "pass" in verdicts]
    details = [f["detail"] for f in done.json["findings"] if f["check"] == "data.protected"]
    assert "GRANT SELECT on: public.customer" in str(details)
