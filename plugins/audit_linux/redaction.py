"""Secrets in the configuration files of network services, which the rules of the core do not know.

They are cut from every answer, whichever plugin asks.
"""

from __future__ import annotations

import re

from audit_core.model.redaction import DONE, QUOTED, RedactionRule

_VALUE = rb"(" + QUOTED + rb"|[^\s\0]+)"


def _rule(name: str, pattern: bytes, *signs: bytes) -> RedactionRule:
    return RedactionRule(name=name, signs=signs, pattern=re.compile(pattern))


RULES = (
    # `user NAME on >password #hash ~* +@all` of an ACL of Redis: from the first one to the last,
    # but for the sign in front, which says that there is one.
    _rule(
        "assigned-secret",
        rb"(?im)^[ \t]*user[ \t]+[^\s\0]+(?:[ \t]+(?![><#!])[^\s\0]+)*[ \t]+[><#!]" + DONE
        + rb"([^\s\0]+(?:[ \t]+(?:[^\s\0]+[ \t]+)*[><#!][^\s\0]+)?)",
        b"user",
    ),
    # Another name for a command of Redis is kept secret instead of a password.
    _rule(
        "assigned-secret",
        rb"(?im)^[ \t]*(?:rename-command[ \t]+\S+|tls-(?:client-)?key-file-pass)[ \t]+" + DONE
        + rb"(?![\"']{2}[ \t\r]*$)" + _VALUE,
        b"rename-command", b"key-file-pass",
    ),
    # RADIUS in pg_hba.conf: the core knows names that end in `secret`
    _rule("assigned-secret", rb"(?i)radiussecrets[ \t]*=[ \t]*" + DONE + _VALUE, b"radiussecrets"),
    # proftpd: SQLConnectInfo database@host user password; LDAPBindDN dn password
    _rule(
        "assigned-secret",
        rb"(?i)SQL(?:Named)?ConnectInfo[ \t]+" + DONE + rb"([^\r\n\0]+)",
        b"connectinfo",
    ),
    _rule(
        "assigned-secret",
        rb"(?i)LDAPBindDN[ \t]+(?>" + QUOTED + rb"|\S+)[ \t]+" + DONE + _VALUE,
        b"ldapbinddn",
    ),
    # MariaDB Galera: user and password of state transfers
    _rule("assigned-secret", rb"(?i)wsrep_sst_auth[ \t]*=[ \t]*" + DONE + _VALUE, b"wsrep_sst"),
    # snmpd.conf, the whole line: `proxy -v 2c -c NAME`, `trapsess … -A phrase -X phrase`,
    # `com2secunix NAME SOCKET COMMUNITY`
    _rule(
        "snmp-community",
        rb"(?im)^[ \t]*(?:proxy(?=[ \t]+-)|trapsess|com2secunix)[ \t]+" + DONE + rb"([^\r\n\0]+)",
        b"proxy", b"trapsess", b"com2secunix",
    ),
)  # fmt: skip
