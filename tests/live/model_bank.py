"""A model bank that runs: hosts behind sshd, PostgreSQL with customers, a web API, registers.

It is what `dengbao init smart-finance` writes, with targets of its own: `web1` in the zone
dmz, with a backup set and agents that are stand-ins (processes of their names, and the head of
signatures); `test1` in the zone test; `core-db` with production data and masked test data; the
entry `pay-web`.
"""

from __future__ import annotations

import datetime
import json
import re
import ssl
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from hostile.http_answers import HttpPeer, page
from live import customers
from live.database_ways import PASSWORD
from live.island import Island, need_namespaces
from live.postgresql_server import PostgresqlServer
from live.product import dengbao, environment
from live.sshd import program

_MANY = 40
_CLOSED = 5432
_HBA = "local all all scram-sha-256\nhostssl all all 127.0.0.0/8 scram-sha-256\n"
_SYSTEM = (
    "root", "daemon", "bin", "sys", "adm", "nobody", "nogroup", "sshd", "mail", "shadow", "utmp",
)  # fmt: skip
_FORWARD = b"*.* @@loghost.bank.example:6514\n"
_AGENTS = """
mount -t tmpfs none /opt
for name in clamd falco rsyslogd; do cp /bin/sleep /opt/$name; /opt/$name 9999 & done
mkdir -p /var/lib/clamav
mount -t tmpfs none /var/lib/clamav
now=$(date -u +'%d %b %Y %H-%M')
printf 'ClamAV-VDB:%s +0000:27000:2000000:90:0:0:builder:1' "$now" >/var/lib/clamav/daily.cvd
mkdir -p /srv/backup
mount -t tmpfs none /srv/backup
tar -czf /srv/backup/core-1.tar.gz -C / usr/share/doc/bash usr/share/doc/tar
touch -d '-2 days' /srv/backup/core-1.tar.gz
tar -czf /srv/backup/core-2.tar.gz -C / usr/share/doc/bash usr/share/doc/tar
chmod 600 /srv/backup/*
"""
_HOSTS = """\
  - id: web1
    address: {web1.host}
    access: {web1_access}
    business_system: core
    zone: dmz
    file_sweep: false
    endpoints: [{{port: {web}, server_name: localhost}}]
    backups:
      - {{id: core, path: /srv/backup, rpo_hours: 24, copies: 2, offsite: B, restore_tested: {day}}}
    paths: [{{reach: 127.0.0.1, port: {db}, to: core-db}}]
  - id: test1
    address: {test1.host}
    access: {test1_access}
    business_system: core
    zone: test
    file_sweep: false
    paths: [{{reach: 127.0.0.7, port: {closed}, to: core-db}}]
  - id: pay-web
    kind: web
    address: 127.0.0.9
    url: https://localhost:{web}/
    business_system: core
    zone: dmz
    privacy_notice: /privacy
    complaints: /complaints
    protected: [/api/accounts]
    calls: [{{path: /api/status, p95_ms: 2000, errors_percent: 1}}]
    samples: 5
    per_second: 10
    access: {{tls_ca: {ca}}}
"""
_DB = """\
  - id: core-db
    kind: postgresql
    address: 127.0.0.1
    access: {access}
"""
_DATA = """\
    business_system: core
    zone: lan
    data:
      - database: core
        environment: production
        columns:
          - {table: customer, column: id_no, data: id_card, protection: encrypted, element: id_no}
          - {table: customer, column: phone, data: phone, protection: masked}
        rules:
          - {rule: check, table: account, column: code, data: credit_code}
          - {rule: filled, table: account, column: owner}
          - {rule: reference, table: account, column: owner, of_table: customer, of_column: id}
          - {rule: fresh, table: account, column: changed, minutes: 600}
          - {rule: current, table: account, column: valid_until}
          - {rule: count, table: account, figure: accounts}
      - database: archive
        environment: production
        columns:
          - {table: customer, column: id_no, data: id_card, protection: encrypted, element: id_no}
        rules:
          - {rule: count, table: account, figure: accounts}
      - {database: core_test, environment: test}
"""
_PAGES = {
    "/": '<a href="/privacy">privacy</a> <a href="/complaints">complaints</a>',
    "/privacy": "privacy notice of 2026-03-01 " + "x" * 500,
    "/complaints": "how to complain " + "x" * 500,
    "/api/status": "{}",
}


def _rows(table: str, *columns: Any) -> str:
    rows = (", ".join(f"'{value}'" for value in row) for row in zip(*columns, strict=True))
    return f"INSERT INTO {table} VALUES " + ", ".join(f"({row})" for row in rows)


class ModelBank:
    """`with ModelBank(folder) as bank`: all servers run; `bank.run()` audits it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = environment(folder, DB_PASSWORD=PASSWORD)
        self.pages: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        need_namespaces()
        with ExitStack() as stack:
            logged = {"log_connections": "on", "log_disconnections": "on"}
            self.db = stack.enter_context(PostgresqlServer(_HBA, **logged))
            self.web1 = stack.enter_context(_Host("127.0.0.9"))
            self.test1 = stack.enter_context(_Host("127.0.2.5"))
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.minimum_version = ssl.TLSVersion.TLSv1_2
            tls.set_ciphers("ECDHE+AESGCM")
            tls.load_cert_chain(self.db.folder / "server.pem")
            self.web = stack.enter_context(HttpPeer(self._answer, tls).listening())
            self._fill()
            self._write()
            self._grant()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _answer(self, method: str, path: str, headers: dict[str, str]) -> bytes:
        if path in self.pages:
            return self.pages[path]
        if path == "/api/accounts":
            return page("", "401 Unauthorized")
        kind = "application/json" if path.startswith("/api") else "text/html"
        secure = "Strict-Transport-Security: max-age=31536000"
        return page(_PAGES[path], "200 OK", f"Content-Type: {kind}", secure)

    def _fill(self) -> None:
        ids = customers.id_cards(_MANY)
        phones = [p[:3] + "****" + p[7:] for p in customers.phones(_MANY)]
        codes = customers.credit_codes(_MANY)
        for name in ("core", "archive", "core_test"):
            self.db.sql(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        for name in ("core", "archive"):
            self.db.sql(
                "CREATE EXTENSION pgcrypto",
                "CREATE TABLE customer (id int PRIMARY KEY, id_no bytea, phone text)",
                _rows("customer", range(_MANY), ids, phones),
                "UPDATE customer SET id_no = encrypt_iv(id_no, digest('key', 'sha256'), "
                "gen_random_bytes(16), 'aes')",
                "CREATE TABLE account (id int, owner int, code text, changed timestamptz, "
                "valid_until date)",
                "INSERT INTO account SELECT n, n, c, now(), now() + interval '1 year' FROM "
                f"unnest(ARRAY{codes}) WITH ORDINALITY AS c (c, n) WHERE n < {_MANY}",
                database=name,
            )  # fmt: skip
        self.db.sql("CREATE TABLE customer (id int, id_no text)",
                    _rows("customer", range(_MANY), [f"made-up-{n}" for n in range(_MANY)]),
                    database="core_test")  # fmt: skip

    def _write(self) -> None:
        bank = self.folder / "bank"
        dengbao("--lang", "en", "init", "smart-finance", bank, env=self.env).ended(0)
        self.file = bank / "inventory.yaml"
        self.file.write_text(self._inventory(self.file.read_text()))
        for name, old, new in (
            ("staff", ",zhangsan,core,", ',"root, core-db:audit, audit",all,'),
            ("interfaces", "payment,core,,", f"payment,core,web1/tls:{self.web},"),
        ):  # fmt: skip
            path = bank / f"registers/{name}.csv"
            path.write_text(path.read_text().replace(old, new, 1))

    def _inventory(self, text: str) -> str:
        """The inventory of the starter files, with what runs here."""
        for old, new in (("10.1.0.0/16", "127.0.0.8/29"), ("10.2.0.0/16", "127.0.0.0/29"),
                         ("10.3.0.0/16", "127.0.2.0/24"), ("[5432]", f"[{self.db.port}]"),
                         ("kind: data_set,", "kind: data_set, stored_in: [core-db],")):  # fmt: skip
            text = text.replace(old, new)
        entered = rf"\1entries: [pay-web, 'web1/tls:{self.web}']"
        text = re.sub(r"(service: mobile_payment.*?)no_entry: [^}]*", entered, text)
        text += _HOSTS.format(
            web1=self.web1, test1=self.test1, db=self.db.port, web=self.web, closed=_CLOSED,
            ca=self.db.ca, day=day(30), web1_access=_access(self.web1),
            test1_access=_access(self.test1),
        )  # fmt: skip
        access = self.db.entry("audit", "DB_PASSWORD").partition("access: ")[2].rstrip()
        return text + _DB.format(access=access.removesuffix("}")) + _DATA

    def _grant(self) -> None:
        done = dengbao("plan", "smart-finance", "-i", self.file, "-t", "core-db",
                       "--grants", "audit", env=self.env).ended(0)  # fmt: skip
        database = "postgres"
        for line in done.stdout.splitlines():
            if found := re.fullmatch(r'\\connect "(.*)"', line):
                database = found[1]
            elif line.endswith(";"):
                self.db.sql(line, database=database)
        self.db.sql(f"ALTER ROLE audit PASSWORD '{PASSWORD}'")

    def run(self, *words: object) -> Any:
        """What `dengbao run` prints as JSON."""
        done = dengbao("run", "smart-finance", "-i", self.file, "--store",
                       self.folder / "store", "--format", "json", *words, env=self.env)  # fmt: skip
        return done.ended(0, 4).json

    def answer_all(self) -> Path:
        """The YAML file in which people affirm every question that is open after a run."""
        done = dengbao("questions", "smart-finance", "latest", "-i", self.file, "--store",
                       self.folder / "store", "--format", "json", env=self.env)  # fmt: skip
        answers = [
            {"question": one["id"], "verdict": "affirmed", "text": "examined", "by": "Wang Wu",
             "date": day(0), "entered": day(0), **_dates(one["limit"])}
            for one in done.ended(0).json["questions"]
        ]  # fmt: skip
        path = self.folder / "bank/answers.yaml"
        path.write_text(json.dumps({"answers": answers}))
        return path


def day(ago: int) -> str:
    """A day before now."""
    now = datetime.datetime.now(datetime.UTC).date()
    return str(now - datetime.timedelta(days=ago))


def _access(host: _Host) -> str:
    return (f"{{user: root, port: {host.port}, key: {host.client_key}, "
            f"known_hosts: {host.known_hosts}}}")  # fmt: skip


def _dates(limit: str) -> dict[str, str]:
    """The value of an answer whose dates keep `limit`."""
    ago = (0, 80, 160, 240) if limit.startswith("gaps") else (0,)
    if limit.startswith("reach"):
        ago = (200,)
    return {"value": ", ".join(map(day, ago))} if limit else {}


class _Host(Island):
    """An island at an address of its own, with the accounts of a host that holds nothing else."""

    def __init__(self, address: str) -> None:
        super().__init__(setup=_AGENTS, files={"/etc/rsyslog.d/loghost.conf": _FORWARD})
        self.host = address

    def _account(self, etc: Path) -> None:
        for name in ("passwd", "shadow", "group"):
            kept = [line for line in (etc / name).read_text().splitlines(keepends=True)
                    if line.partition(":")[0] in _SYSTEM]  # fmt: skip
            (etc / name).write_text("".join(kept))
        super()._account(etc)

    def do(self, script: str) -> None:
        """Runs `script` on the host, as root."""
        login = [program("ssh"), "-i", str(self.client_key), "-p", str(self.port), "-o",
                 f"UserKnownHostsFile={self.known_hosts}", f"{self.user}@{self.host}"]  # fmt: skip
        subprocess.run([*login, script], check=True, capture_output=True)
