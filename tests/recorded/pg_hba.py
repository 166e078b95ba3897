"""Asks PostgreSQL what it makes of lines of pg_hba.conf.

`PYTHONPATH=tests python -m recorded.pg_hba SOCKETS PORT DATA …` writes `pg_hba.json` from servers
that run with their data in DATA, one set of three words for each: what `pg_hba_file_rules` shows of
each of `LINES`, a list of rules, or `refused` for one that the server does not accept.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

RULES = Path(__file__).with_name("pg_hba.json")
# Beside pg_hba.conf.
BESIDE = {"x.conf": "local a a trust\n", "d/z.conf": "local z z md5\n", "admins": "bob, joe\n"}
LINES = (
    "host all all 0.0.0.0/0 trust",
    "host all all 0.0.0.0/0 TRUST",
    "host all all 0.0.0.0/33 trust",
    "host all all 10.0.0.1 trust",
    "host all all 10.0.0.1 255.255.255.255 trust",
    "host all all 10.0.0.1 255.255.255.0 trust # x",
    "local all all trust",
    "local all all peer map=x",
    "local all all md5 map=x",
    "host all all all peer",
    "host all all samehost trust",
    "host all all samenet trust",
    'host all all "samenet" trust',
    'host all all "all" trust',
    'host "all" "all" all trust',
    "hostssl all all all trust clientcert=verify-full",
    "hostssl all all all trust clientcert=1",
    "host all all all trust clientcert=verify-full",
    "hostssl all all all cert",
    "host all all all cert",
    "hostssl all all all cert clientcert=verify-ca",
    "hostssl all all all cert map=m",
    "host all all all ident map=m",
    "local all all ident",
    "local all all gss",
    "hostgssenc all all all gss",
    "hostgssenc all all all md5",
    "hostnogssenc all all all md5",
    "host all all all sspi",
    "host all all all bsd",
    "host all all all pam",
    "host all all all pam pamservice=x",
    "host all all all ldap",
    "host all all all ldap ldapserver=a",
    "host all all all ldap ldapserver=a ldapprefix=x",
    "host all all all ldap ldapurl=ldap://a/dc=x?uid?sub",
    'host all all all ldap ldapserver=a ldapbasedn="dc=x"',
    "host all all all radius",
    'host all all all radius radiusservers="1.2.3.4" radiussecrets="x"',
    "host all all all md5 foo=bar",
    "host all all all md5 foo",
    "host a,b c,+d 10.0.0.0/8 md5",
    "host a, b all all trust",
    "host all all example.com trust",
    "host all all .example.com trust",
    "host all all example.com/24 trust",
    "host all all ::1/128 trust",
    "host all all ::/0 trust",
    "host all all [::1]/128 trust",
    "host all all 10.0.0.0/8,11.0.0.0/8 trust",
    "host,local all all all trust",
    "Host all all all trust",
    '"host" all all all "trust"',
    "host all all all trust,md5",
    "host all all",
    "local all",
    "local all all",
    "@x",
    "host @admins all all trust",
    "host all @nofile all trust",
    "host all all all scram-sha-256",
    "host all all all password",
    "host all all all reject",
    "host all all all krb5",
    "host all all 10/8 trust",
    "host all all 010.0.0.1/32 trust",
    "host all all 1.2.3.4/ trust",
    "host all all 1.2.3.4/abc trust",
    "host all all 1.2.3.4/+8 trust",
    "host all all 1.2.3.4 1.2.3.4/8 trust",
    "host all all fe80::1%lo/128 trust",
    "host all all ::ffff:10.0.0.1/128 trust",
    "host all all 10.0.0.1 ffff:: trust",
    "host all all 10.0.0.1 255.0.255.0 trust",
    "include x.conf",
    "include_if_exists nofile",
    "include_dir d",
    "include x.conf y",
    '"include" x.conf',
    "host all /^a trust",
    "host all /^a all trust",
    'host all "/^a(" all trust',
    "host all /^a( all trust",
    "host all all all trust#c",
    'host all all all "tr"ust',
    'host all "a""b" all trust',
    "host all 'a b' all trust",
    ",host all all all trust",
    "host ,all all all trust",
    "host all, all all trust",
    'host all all all md5 "map"=x',
    "host all all all trust map=x",
    "host\tall\tall\tall\ttrust",
    "\ufeffhost all all all trust",
    "\xa0host all all all trust",
    "host all all all tru\\\nst",
    "local all all peer \\\n# x\nhost all all all trust",
    "# x \\\nhost all all all trust",
    "host all all all trust\\",
    "hostssl all all all md5 clientname=DN",
    "hostssl all all all cert clientname=DN",
    "hostssl all all all cert clientname=XX",
    'host all all "" trust',
    "host all all 127.0.0.1 trust",
    "host all all 127.0.0.1 255.255.255.255",
    "local all all md5 x=y z",
    "host all all all pam pam_use_hostname=1",
    "host all all all gss include_realm=0 krb_realm=X",
    "host all all all gss include_realm=1 map=x",
    "local replication all peer",
    "host replication all 10.0.0.1/32 trust",
    'host "replication" all 10.0.0.1/32 trust',
    "host sameuser all all trust",
    "host samerole all all trust",
    "host all all all ident,peer",
    "host all all all oauth issuer=x scope=y",
    'host all all all ""',
    "host all all all md5 =x",
    'host "unclosed all all trust',
    "host all all 0.0.0.0/0 trust extra",
    "host all all 0.0.0.0/0 md5 # ldapx",
)


def table_text(found: Mapping[str, Mapping[str, object]]) -> str:
    """`found` as JSON with a line for each inner entry."""
    parts = []
    for name, rows in found.items():
        inner = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in rows.items())
        parts.append(f" {json.dumps(name)}: {{\n{inner}\n }}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


_ASK = (
    "select json_agg(json_build_array(type, database, user_name, address, auth_method, error)"
    " order by line_number) from pg_hba_file_rules"
)


def _ask(sockets: str, port: str, sql: str) -> str:
    argv = ("psql", "-X", "-h", sockets, "-p", port, "-U", "chief", "-d", "postgres", "-Atc", sql)
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def _rules(sockets: str, port: str, data: Path, line: str) -> list[object]:
    (data / "pg_hba.conf").write_text(line + "\n")
    rows = json.loads(_ask(sockets, port, _ASK) or "null") or []
    return ["refused" if row[0] is None else row[:5] for row in rows]


def _recorded(sockets: str, port: str, data: Path) -> dict[str, list[object]]:
    for name, text in BESIDE.items():
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).write_text(text)
        (data / name).chmod(0o644)
        (data / name).parent.chmod(0o755 if "/" in name else 0o700)
    return {line: _rules(sockets, port, data, line) for line in LINES}


if __name__ == "__main__":
    words = sys.argv[1:]
    found = {}
    for sockets, port, data in zip(words[::3], words[1::3], words[2::3], strict=True):
        found[_ask(sockets, port, "show server_version")] = _recorded(sockets, port, Path(data))
    RULES.write_text(table_text(found))
