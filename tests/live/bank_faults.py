"""Single faults of the model bank that runs: what is done to it, and which clauses turn."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from hostile.http_answers import page
from live import customers
from live.model_bank import ModelBank, day


class Fault(Struct, frozen=True, kw_only=True):
    """`findings` fail then, of the targets named; `clauses` are those that turn, and no others."""

    name: str
    make: Callable[[ModelBank], object]
    findings: str
    clauses: str


def _on(host: str, script: str) -> Callable[[ModelBank], object]:
    return lambda bank: getattr(bank, host).do(script)


def _sql(*statements: str, database: str = "core") -> Callable[[ModelBank], object]:
    return lambda bank: bank.db.sql(*statements, database=database)


def _page(path: str, answer: bytes) -> Callable[[ModelBank], object]:
    return lambda bank: bank.pages.__setitem__(path, answer)


def _declared(old: str, new: str) -> Callable[[ModelBank], object]:
    """Writes `new` into the inventory, in place of the text that matches `old`."""
    return lambda bank: bank.file.write_text(re.sub(old, new, bank.file.read_text()))


def _account(name: str) -> str:
    return (f"echo '{name}:x:5005:5005::/home/{name}:/bin/sh' >>/etc/passwd; "
            f"echo '{name}:$6$x$x:20000:0:99999:7:::' >>/etc/shadow")  # fmt: skip


_DB = "core-db/data:core"
FAULTS = (
    Fault(name="an account of somebody who left", make=_on("web1", _account("sunqi")),
          findings="register.leavers-have-no-account@web1", clauses="6.2.2"),
    Fault(name="an account that nobody owns", make=_on("test1", _account("ghost")),
          findings="register.accounts-have-owner@test1", clauses="6.2.2"),
    Fault(name="sudo without limits",
          make=_on("test1", "echo 'audit ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/all"),
          findings="linux.sudo-scope@test1", clauses="6.2.2"),
    Fault(name="a private key that everybody reads",
          make=_on("web1", "mkdir /home/audit/.ssh; ssh-keygen -q -t ed25519 -N '' -f "
                   "/home/audit/.ssh/id_ed25519; chmod -R a+rX /home/audit"),
          findings="linux.private-files@web1", clauses="6.2.1"),
    Fault(name="a host key that everybody reads",
          make=_on("test1", "ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_x_key; "
                   "chmod 644 /etc/ssh/ssh_host_x_key"),
          findings="linux.file-modes@test1", clauses="6.2.2"),
    Fault(name="a host without anti-virus", make=_on("test1", "kill $(pidof clamd); rm /opt/clamd"),
          findings="linux.malware-agent@test1", clauses="7.2.5"),
    Fault(name="signatures of long ago",
          make=_on("web1", "sed -i 's/VDB:.. ... ..../VDB:01 Jan 2020/' /var/lib/clamav/daily.cvd"),
          findings="linux.malware-signatures@web1", clauses="7.2.5"),
    Fault(name="logs that are neither kept nor sent",
          make=_on("web1", "rm /etc/rsyslog.d/loghost.conf"),
          findings="linux.log-kept-or-sent@web1", clauses="6.2.2"),
    Fault(name="the newest backup is old",
          make=_on("web1", "touch -d '-5 days' /srv/backup/core-2.tar.gz"),
          findings="backup.fresh@web1/backup:core", clauses="6.2.3"),
    Fault(name="a restore that was never tried again",
          make=_declared("restore_tested: [-0-9]+", f"restore_tested: {day(800)}"),
          findings="backup.restore-tested@web1/backup:core", clauses="6.2.3"),
    Fault(name="no privacy notice", make=_page("/privacy", page("", "404 Not Found")),
          findings="http.privacy-notice@pay-web", clauses="6.3.2 7.1.4"),
    Fault(name="no page for complaints", make=_page("/complaints", page("", "410 Gone")),
          findings="http.complaints-page@pay-web", clauses="8.2"),
    Fault(name="accounts without a login",
          make=_page("/api/accounts", page('[{"name": "x"}]', "200 OK",
                                           "Content-Type: application/json")),
          findings="http.login-asked@pay-web", clauses="6.4.3"),
    Fault(name="calls that fail", make=_page("/api/status", page("", "503 Busy")),
          findings="http.error-rate@pay-web", clauses="4.2"),
    Fault(name="phones in clear",
          make=lambda bank: bank.db.sql(
              *(f"UPDATE customer SET phone = '{p}' WHERE id = {n}"
                for n, p in enumerate(customers.phones(40))), database="core"),
          findings=f"data.protected@{_DB}", clauses="4.1 6.2.1 7.1.6"),
    Fault(name="real numbers in test data",
          make=lambda bank: bank.db.sql(
              *(f"UPDATE customer SET id_no = '{p}' WHERE id = {n}"
                for n, p in enumerate(customers.id_cards(40))), database="core_test"),
          findings="data.no-real-values@core-db/data:core_test", clauses="6.2.4"),
    Fault(name="codes that cannot be right",
          make=_sql("UPDATE account SET code = '911101050000000000' WHERE id < 9"),
          findings=f"data.accurate@{_DB}", clauses="6.1a"),
    Fault(name="accounts of nobody", make=_sql("UPDATE account SET owner = NULL WHERE id = 1"),
          findings=f"data.filled@{_DB}", clauses="6.1b"),
    Fault(name="accounts of customers who are not there",
          make=_sql("UPDATE account SET owner = 999 WHERE id = 2"),
          findings=f"data.linked@{_DB}", clauses="6.1b"),
    Fault(name="one thing with two types",
          make=_sql("ALTER TABLE customer ALTER id_no TYPE text USING encode(id_no, 'base64')",
                    database="archive"),
          findings=f"data.same-definitions@{_DB} "
          "data.same-definitions@core-db/data:archive", clauses="6.1c"),
    Fault(name="data of yesterday",
          make=_sql("UPDATE account SET changed = now() - interval '1 day'"),
          findings=f"data.fresh@{_DB}", clauses="6.1d"),
    Fault(name="documents that ended",
          make=_sql("UPDATE account SET valid_until = '2020-01-01' WHERE id = 3"),
          findings=f"data.current@{_DB}", clauses="6.1d"),
    Fault(name="stripes of cards that are kept",
          make=lambda bank: bank.db.sql(
              "CREATE TABLE pay (track2 text)",
              *(f"INSERT INTO pay VALUES ('{c}=25121011234')" for c in customers.bank_cards(40)),
              "GRANT SELECT ON pay TO audit", database="core"),
          findings=f"data.forbidden@{_DB} data.undeclared@{_DB}", clauses="6.2.1 7.1.6"),
    Fault(name="passwords with a fast hash",
          make=_sql("CREATE TABLE member (login text, password text)",
                    "INSERT INTO member SELECT n, md5('123456') FROM generate_series(1, 9) n",
                    "GRANT SELECT ON member TO audit"),
          findings=f"data.passwords@{_DB}", clauses="6.2.1"),
    Fault(name="a role of nobody", make=_sql("CREATE ROLE app LOGIN"),
          findings="register.postgresql-owners@core-db", clauses="6.2.2"),
    Fault(name="a role of somebody who left", make=_sql("CREATE ROLE sunqi LOGIN CREATEDB"),
          findings="register.postgresql-leavers@core-db register.postgresql-rights@core-db",
          clauses="6.2.2"),
    Fault(name="a table for everybody", make=_sql("GRANT SELECT ON account TO PUBLIC"),
          findings="postgresql.public-tables@core-db", clauses="6.2.2"),
    Fault(name="logins that are not logged",
          make=_sql("ALTER SYSTEM SET log_connections = off", "SELECT pg_reload_conf()"),
          findings="postgresql.connection-log@core-db", clauses="6.2.2"),
)  # fmt: skip
