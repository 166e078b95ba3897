"""One fact and two checks about the roles of a server."""

from __future__ import annotations

import json

from msgspec import Struct

from audit_core.api.sdk import (
    Answer,
    Judgement,
    ParseError,
    Severity,
    check,
    expect,
    fact,
    listed,
    msg,
)
from postgres_plugin.query import Query


class Role(Struct, frozen=True, kw_only=True):
    """A role that may log in."""

    name: str
    superuser: bool


def parse_roles(answer: Answer) -> tuple[Role, ...]:
    """The roles that may log in."""
    try:
        rows = [json.loads(line) for line in answer.lines]
        return tuple(Role(name=str(r["rolname"]), superuser=bool(r["rolsuper"])) for r in rows)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ParseError(msg("not the rows that were asked for")) from error


ROLES = fact(
    "postgres_plugin.roles",
    tuple[Role, ...],
    kind="example_db",
    ask=Query(sql="SELECT rolname, rolsuper FROM pg_roles WHERE rolcanlogin ORDER BY 1"),
    parse=parse_roles,
)


@check("postgres_plugin.superusers", needs=ROLES, severity=Severity.HIGH)
def superusers(roles: tuple[Role, ...], *, most: int = 1) -> Judgement:
    """Few roles may do everything."""
    found = [role.name for role in roles if role.superuser]
    return expect(
        len(found) <= most,
        detail=msg("superusers: {names}", names=listed(found)),
        expected=msg("at most {most}", most=most),
    )


REMARKS = fact(
    "postgres_plugin.remarks",
    str,
    kind="example_db",
    ask=Query(sql="SELECT shobj_description(oid, 'pg_authid') AS remark FROM pg_roles"),
    parse=lambda answer: answer.text,
)


@check("postgres_plugin.remarks", needs=REMARKS, severity=Severity.LOW)
def remarks(seen: str) -> Judgement:
    """Somebody wrote remarks on roles."""
    return expect(bool(seen), detail=msg("{seen}", seen=seen))


FACTS = (ROLES, REMARKS)
CHECKS = (superusers, remarks)
