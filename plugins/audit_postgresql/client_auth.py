"""Who may connect from where, and how he proves who he is: pg_hba_file_rules.

The first rule that fits a connection decides; so a rule behind others that are as wide together is
never reached. A row with an error and no type stands for a line that the server could not read; it
then goes on with the rules that it read before, and which those are is unknown. A row with both is
one that the server took, and that no connection can fit: `hostssl` while ssl is off
(src/backend/libpq/hba.c, parse_hba_line).

A user of a rule is a name, `all`, `+role` for members of a role, and since release 16 `/pattern`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from msgspec import Struct, structs

from audit_core.api.sdk import Partial, derive, fact, msg, verbatim
from audit_database.query import Query
from audit_database.rows import rows_as
from audit_postgresql.server import KIND

PASSWORDS = frozenset({"password", "md5", "scram-sha-256"})
ELSEWHERE = frozenset({"ldap", "radius", "pam", "bsd", "gss", "sspi", "cert", "oauth"})
IN_CLEAR = frozenset({"password", "ldap", "radius", "pam", "bsd"})
"""Those for which the client sends its password as it is, whoever verifies it then."""
_HERE = frozenset({
    "localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost",
    "ip6-loopback",
})  # fmt: skip
_WIDE = {4: 8, 6: 16}  # no network of private addresses is wider: 10.0.0.0/8
_KINDS = {
    "host": frozenset({"ssl", "plain", "gss"}), "hostssl": frozenset({"ssl"}),
    "hostnossl": frozenset({"plain", "gss"}), "hostgssenc": frozenset({"gss"}),
    "hostnogssenc": frozenset({"ssl", "plain"}), "local": frozenset({"socket"}),
}  # fmt: skip


class Rule(Struct, frozen=True, kw_only=True):
    """One rule. `address` is empty for sockets; options tell their names, and safe values only."""

    line_number: int | None = None
    type: str | None = None
    database: list[str] | None = None
    user_name: list[str] | None = None
    address: str | None = None
    netmask: str | None = None
    auth_method: str | None = None
    options: list[str] | None = None
    error: str | None = None
    file: str | None = None

    @property
    def ways(self) -> frozenset[str]:
        """The ways to connect that fit it: socket, plain, ssl, gss."""
        return _KINDS.get(self.type or "", frozenset())

    @property
    def admits(self) -> bool:
        """Whether somebody may be let in by it."""
        return self.auth_method != "reject"

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
        """The addresses that fit; None for names, samenet and all."""
        try:
            mask = int(ipaddress.ip_address(self.netmask or ""))
            return ipaddress.ip_network(f"{self.address}/{mask.bit_count()}", strict=False)
        except ValueError:
            return None

    @property
    def remote(self) -> bool:
        """Whether the rule may apply to connections from other machines."""
        network = self.network
        if self.type == "local" or self.address == "samehost":
            return False
        if (self.address or "").lower() in _HERE:
            return False
        return network is None or not network.is_loopback

    @property
    def everywhere(self) -> bool:
        """Whether connections from all addresses of IPv4 or IPv6 fit, or from a large part."""
        network = self.network
        if network is None:
            return self.address == "all"
        return network.prefixlen < _WIDE[network.version]

    @property
    def text(self) -> str:
        """The rule as in pg_hba.conf, behind its line number where that is known."""
        words = (
            self.type, ",".join(self.database or ()), ",".join(self.user_name or ()),
            self._where(), self.auth_method, *(self.options or ()),
        )  # fmt: skip
        line = " ".join(filter(None, words))
        if self.line_number is None:
            return line
        return f"{self.file or ''}{':' if self.file else ''}{self.line_number}: {line}"

    def _where(self) -> str:
        network = self.network
        return str(network) if network is not None else self.address or ""

    def covers(self, other: Rule) -> bool:
        """Whether every connection that fits `other`, and comes in its ways, fits this one."""
        return (
            bool(other.ways & self.ways)
            and _as_wide(self.database, other.database, besides=("replication",))
            and _as_wide(self.user_name, other.user_name)
            and self._holds(other)
        )

    def _holds(self, other: Rule) -> bool:
        mine, its = self.network, other.network
        if self.type == "local" or self.address == "all":
            return True
        if mine is None and its is None:
            return self.address == other.address
        if mine is None or its is None or mine.version != its.version:
            return False
        return its.subnet_of(mine)  # type: ignore[arg-type]


def _as_wide(
    mine: list[str] | None, its: list[str] | None, *, besides: tuple[str, ...] = ()
) -> bool:
    """Whether the names `mine` fit whatever `its` fit; `all` fits everything but `besides`."""
    names = set(its or ())
    if "all" in (mine or ()):
        return not names & set(besides) or set(besides) <= set(mine or ())
    # a name with + / @ or a pattern fits more than one; equal words fit the same
    return bool(names) and names <= set(mine or ())


class ClientAuth(Struct, frozen=True, kw_only=True):
    """The rules that a connection can reach, in order."""

    rules: tuple[Rule, ...]

    @property
    def admitting(self) -> tuple[Rule, ...]:
        """The rules that may let somebody in."""
        return tuple(rule for rule in self.rules if rule.admits)

    def by(self, methods: Iterable[str]) -> tuple[Rule, ...]:
        """The rules whose method is one of `methods`."""
        wanted = frozenset(methods)
        return tuple(rule for rule in self.rules if rule.auth_method in wanted)


def reachable(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules without those behind some that are as wide for each way to connect."""
    found: list[Rule] = []
    for rule in rules:
        taken = [before.ways for before in found if before.covers(rule)]
        if not rule.ways <= frozenset().union(*taken):
            found.append(rule)
    return tuple(found)


def open_to(
    rules: tuple[Rule, ...], name: str, groups: frozenset[str]
) -> tuple[Rule | None, Rule | None]:
    """The rule that lets `name` in from everywhere, and one that may, since it has a pattern.

    `groups` are the roles that it is a member of, directly or through others: a superuser is no
    member by being one.
    """
    words = {"all", name, *(f"+{group}" for group in (*groups, name))}
    mine = [rule for rule in rules if words & set(rule.user_name or ())]
    alone = [structs.replace(rule, user_name=[name]) for rule in mine]
    patterns = [r for r in rules if any(u.startswith("/") for u in r.user_name or ())]
    return _first_wide(reachable(alone)), _first_wide(patterns)


def _first_wide(rules: Iterable[Rule]) -> Rule | None:
    return next((rule for rule in rules if rule.admits and rule.everywhere), None)


# Options may hold passwords (ldapbindpasswd, radiussecrets): of others only the name is told.
_SAFE = "^(clientcert|clientname|map|pamservice|ldaptls|ldapscheme|krb_realm|include_realm)="
HBA_GRANTS = (
    "GRANT SELECT ON pg_catalog.pg_hba_file_rules TO {user}",
    "GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO {user}",
)
_ROWS = fact(
    "postgresql.hba-rows", tuple[Rule, ...], kind=KIND,
    ask=Query(
        sql="SELECT line_number, type, database, user_name, address, netmask, auth_method, "
            f"ARRAY(SELECT CASE WHEN o ~ '{_SAFE}' THEN o ELSE split_part(o, '=', 1) END "
            "FROM unnest(options) o) AS options, error, "
            # since release 16; pg_hba.conf itself needs no name
            "nullif(regexp_replace(to_jsonb(h) ->> 'file_name', '^.*/', ''), 'pg_hba.conf') "
            "AS file FROM pg_catalog.pg_hba_file_rules h",
        label="pg_hba_file_rules", grants=HBA_GRANTS,
    ),
    parse=rows_as(Rule),
)  # fmt: skip


def _made(rows: tuple[Rule, ...]) -> ClientAuth | Partial:
    found = ClientAuth(rules=reachable(row for row in rows if row.error is None))
    problems = tuple(
        msg("the server cannot read line {line} of pg_hba.conf, so earlier rules may still be "
            "in force: {error}", line=row.line_number or 0, error=verbatim(row.error))
        for row in rows if row.error is not None and row.type is None
    )  # fmt: skip
    return Partial(value=found, problems=problems) if problems else found


CLIENT_AUTH = derive("postgresql.client-auth", ClientAuth, needs=_ROWS, make=_made)

FACTS = (_ROWS, CLIENT_AUTH)
