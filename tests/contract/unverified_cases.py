"""Cases of databases that cannot run here: made-up servers in the form that is documented."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from contract.case import PASSWORD, Case
from hostile.tds_server import Answer as TdsAnswer
from hostile.tds_server import TdsServer, accepted
from hostile.tds_server import error as tds_error
from hostile.tns_server import Answer as TnsAnswer
from hostile.tns_server import TnsServer


class Sqlserver(Case):
    """The connector of audit_sqlserver with a made-up server: a real one cannot run here."""

    name = "sqlserver"

    def prepare(self) -> None:
        self._refused = 0
        self._server = TdsServer(self._log_in, self._answer)
        self._port = self.stack.enter_context(self._server.listening())
        self.source = """
from audit_database.query import Query
def asked(name, **more):
    return made(name, "sqlserver", Query(sql="SELECT '" + name + "'", **more))
plain = asked("plain")
echo = asked("echo")
error = asked("error")
slow = asked("slow", timeout_s=1)
big = asked("big", limit=1000)
"""

    def _log_in(self, user: str, password: str) -> bytes:
        if (user, password) == ("audit", PASSWORD):
            return accepted()
        self._refused += 1
        return tds_error(18456, "Login failed for user 'audit'.")

    def _answer(self, sql: str) -> TdsAnswer:
        match sql.split("'")[1:2]:
            case ["plain"]:
                return ["plain"], [["fine"]]
            case ["echo"]:
                return ["echo"], [[PASSWORD]]
            case ["big"]:
                return ["big"], [[n] for n in range(20_001)]  # SET ROWCOUNT keeps it to this
            case ["slow"]:
                return None
        return tds_error(50000, PASSWORD)

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return self._entry(id, address, self._port, secret)

    def _entry(self, id: str, address: str, port: int, secret: str) -> str:
        return (
            f"  - {{id: {id}, kind: sqlserver, address: {address}, access: "
            f"{{user: audit, port: {port}, tls: plain, password: 'env:{secret}'}}}}\n"
        )

    def asked(self) -> int:
        return self._server.asked.count("SELECT 'plain'")

    def contacts(self) -> int:
        return self._server.contacts

    def refused(self) -> int:
        return self._refused

    @contextlib.contextmanager
    def echoing(self) -> Iterator[str]:
        """Tells the password in its refusal."""
        teller = TdsServer(lambda user, password: tds_error(18456, password), self._answer)
        with teller.listening() as port:
            yield self._entry("echoing", "127.0.0.1", port, "GOOD")


class Oracle(Case):
    """The connector of audit_oracle with a made-up database: a real one cannot run here."""

    name = "oracle"

    def prepare(self) -> None:
        self._refused = 0
        self._server = TnsServer(PASSWORD, self._answer, self._refuse)
        self._port = self.stack.enter_context(self._server.listening())
        self.source = """
from audit_database.query import Query
def asked(name, **more):
    return made(name, "oracle", Query(sql="SELECT '" + name + "'", **more))
plain = asked("plain")
echo = asked("echo")
error = asked("error")
slow = asked("slow", timeout_s=1)
big = asked("big", limit=1000)
"""

    def _refuse(self) -> str:
        self._refused += 1
        return "invalid username/password"

    def _answer(self, sql: str) -> TnsAnswer:
        match sql.split("'")[1:2]:
            case ["plain"]:
                return ["plain"], [["fine"]]
            case ["echo"]:
                return ["echo"], [[PASSWORD]]
            case ["big"]:
                return ["big"], [[n] for n in range(20_001)]
            case ["slow"]:
                return None
        return 20000, PASSWORD

    def target(self, id: str, *, secret: str = "GOOD", address: str = "127.0.0.1") -> str:
        return self._entry(id, address, self._port, secret)

    def _entry(self, id: str, address: str, port: int, secret: str) -> str:
        return (
            f"  - {{id: {id}, kind: oracle, address: {address}, access: {{user: audit, "
            f"port: {port}, service: bank, tls: plain, password: 'env:{secret}'}}}}\n"
        )

    def asked(self) -> int:
        return self._server.asked.count("SELECT 'plain'")

    def contacts(self) -> int:
        return self._server.contacts

    def refused(self) -> int:
        return self._refused

    @contextlib.contextmanager
    def echoing(self) -> Iterator[str]:
        """Knows another password, and tells the right one in its refusal."""
        teller = TnsServer(PASSWORD + "x", self._answer, lambda: PASSWORD)
        with teller.listening() as port:
            yield self._entry("echoing", "127.0.0.1", port, "GOOD")
