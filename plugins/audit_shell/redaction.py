"""Passwords that programs of a host take as arguments, as process lists and histories show them.

Every shell answer passes here, whichever plugin asks, and whether or not one is installed that
audits the program.
"""

from __future__ import annotations

import re

from audit_core.model.redaction import DONE, QUOTED, RedactionRule

_VALUE = rb"(" + QUOTED + rb"|[^\s\0]+)"
_BLANK = rb"[ \t]+"


def _rule(pattern: bytes, *signs: bytes) -> RedactionRule:
    return RedactionRule(name="command-line", signs=signs, pattern=re.compile(pattern))


def _until(option: bytes) -> bytes:
    """Other arguments, up to the one that begins with `option`."""
    return rb"(?:[ \t]+(?!" + option + rb")[^\s\0;|&]+){0,20}"


# How mysql(1) and what descends from it take a password.
_SQL = rb"(?:mysql\w*|mariadb[\w-]*|obclient|gccli|sshpass)"

RULES = (
    _rule(
        _SQL + rb"\b" + _until(b"-p") + _BLANK + rb"-p[ \t]?+" + DONE + rb"(?![ \t-])" + _VALUE,
        b"mysql", b"mariadb", b"obclient", b"gccli", b"sshpass",
    ),
    # /proc/PID/cmdline; there `-p` and a blank are not told from two arguments, so only one word
    _rule(
        _SQL + rb"(?:\0(?!-p)[^\s\0]+){0,20}\0-p" + DONE + _VALUE,
        b"mysql", b"mariadb", b"obclient", b"gccli", b"sshpass",
    ),
    _rule(
        rb"(?:curl|wget)\b" + _until(rb"-u|--user|--proxy-user") + _BLANK
        + rb"(?:-u|--user|--proxy-user)[ \t=]{0,4}[\"']?[^\s:\"'\0]{1,200}:" + DONE
        + rb"([^\s\0]+)",
        b"curl", b"wget",
    ),
    _rule(
        rb"(?:redis|valkey)-cli\b" + _until(b"-a") + _BLANK + rb"-a[ \t]{1,4}+" + DONE + _VALUE,
        b"redis-cli", b"valkey-cli",
    ),
    _rule(
        rb"(?:redis|valkey)-cli(?:\0(?!-a\0)[^\s\0]+){0,20}\0-a\0" + DONE + _VALUE,
        b"redis-cli", b"valkey-cli",
    ),
    _rule(
        rb"(?:sqlplus|disql)[ \t\0]+(?:-\w+[ \t\0]+){0,4}[^\s/\0]{1,100}/" + DONE
        + rb"([^\s\0]+)",
        b"sqlplus", b"disql",
    ),
    _rule(
        rb"ldap(?:search|add|modify|modrdn|delete|passwd|whoami|compare|exop)\b" + _until(b"-w")
        + _BLANK + rb"-w[ \t]{0,4}+" + DONE + _VALUE,
        b"ldapsearch", b"ldapadd", b"ldapmod", b"ldapdelete", b"ldappasswd", b"ldapwhoami",
        b"ldapcompare", b"ldapexop",
    ),
)  # fmt: skip
