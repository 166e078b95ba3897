"""Asks exportfs what it makes of /etc/exports.

`PYTHONPATH=tests python -m recorded.nfs_exports ROOT` writes `nfs_exports.json`. ROOT is a root
directory with nfs-kernel-server that may be written to; what exportfs exports of each of `FILES`
is the directory, the client and the options of its table. No server runs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from recorded.pg_hba import table_text

TABLES = Path(__file__).with_name("nfs_exports.json")
FILES = (
    "/srv *(rw)",
    "/srv 10.0.0.1(rw,no_root_squash)",
    "/srv 10.0.0.1 (rw)",
    "/srv *(ro)",
    "/srv -rw 10.0.0.1 *",
    "/srv -rw,no_root_squash 10.0.0.1(ro)",
    '"/srv" *(rw)',
    "/srv *(rw",
    "/srv *( rw )",
    "/srv *(rw, sync)",
    "/srv\t*(rw)",
    "/srv *(rw) # x",
    "/srv *(rw)#x",
    "# /srv *(rw)",
    "/srv \\\n *(rw)",
    "/srv *(rw)\r\n",
    "\ufeff/srv *(rw)",
    "/srv @group(rw)",
    "/srv *.bank.example(rw)",
    "/srv 0.0.0.0/0(rw)",
    "/srv 10.0.0.0/8(rw)",
    "/srv gss/krb5(rw)",
    "/srv *(rw,sec=krb5)",
    "/srv *(sec=krb5,rw,sec=sys,ro)",
    "/srv *(ro,sec=krb5,rw)",
    "/srv *(RW)",
    "/srv *(rw,foo)",
    "/srv",
    "/srv (rw)",
    "/srv *(rw,all_squash)",
    "/srv *(all_squash,no_root_squash,rw)",
    "/srv *(no_root_squash,all_squash,rw)",
    "/srv *(rw,root_squash,no_root_squash)",
    "/srv 10.0.0.1(rw) 10.0.0.1(ro)",
    "/srv *(ro) 10.0.0.1(rw)",
    "srv *(rw)",
    "/sr\\040v *(rw)",
    "/srv '10.0.0.1'(rw)",
    "/srv ::/0(rw)",
    "/srv fe80::/10(rw)",
    "/srv *(rw)\n/srv *(ro)",
    "/srv *(ro)\n/srv *(rw)",
    "/srv 10.0.0.1(rw) \\\n# x\n/tmp *(rw)",
    "/srv =public(rw)",
    "/srv 10.0.0.1(rw,sec=sys:krb5p)",
    "/srv 10.0.0.?(rw)",
    "/srv ?*(rw)",
    "/srv *(rw,insecure)",
    "/srv *(rw)/tmp *(rw)",
    "/srv 0.0.0.0/0.0.0.0(rw)",
    "/srv 0/0(rw)",
    "/srv 127.0.0.1(rw,no_root_squash)",
    "/srv localhost(rw)",
    "/srv 10.0.0.1(no_root_squash)",
    "/srv 10.0.0.1(async)",
    "/srv **(rw)",
    "/srv *(rw,anonuid=0)",
    "/srv 10.0.0.1(rw,all_squash,anonuid=0)",
    "/srv * (rw)",
    "/srv 0.0.0.0/1(rw)",
    "/srv *(sec=none,rw)",
    "/srv anonymous(rw)",
    "/srv -sync 10.0.0.1 -rw *",
    "/srv -ro *(rw)",
    "/srv 10.0.0.1(rw)\n/tmp *(foo)\n/opt *(rw)",
    "/srv 10.0.0.1(rw)\n/tmp *(rw, ro)\n/opt *(rw)",
    "/srv 10.0.0.1(foo) 10.0.0.2(rw)\n/opt *(rw)",
    '"/srv#x" *(rw)',
    "/srv#x *(rw)",
    '/srv "*"(rw)',
    "/srv *(rw) 10.0.0.9(ro)",
    "/srv 10.0.0.1(sec=sys,rw,sec=krb5,ro)",
    "/srv *(rw,sec=sys:none)",
    "/srv *(rw,,ro)",
    "/srv *(rw,)",
    "/srv *()",
    "/srv *(anonuid=0,rw)  ",
    "/srv -rw *()",
    "/srv *.*(rw)",
    "/srv -no_root_squash,rw @ng",
    "/srv *(rw) \\",
    "  /srv *(rw)",
    "/srv\xa0*(rw)",
    "/srv *(rw,xprtsec=mtls)",
    "/srv *(rw,squash_uids=0-99)",
    "/srv *(rw,fsid=0,crossmnt)",
)
_SHOWN = re.compile(r"r[ow]|(no_)?(root|all)_squash|anonuid=.*|sec=.*")


def _exported(root: Path, text: str) -> dict[str, object]:
    """The rows of the table, and whether exportfs complains of the form of a line."""
    (root / "etc/exports").write_text(text + "\n")
    table = root / "var/lib/nfs/etab"
    table.write_text("")
    ran = subprocess.run(
        ["chroot", str(root), "exportfs", "-ra"], capture_output=True, text=True, check=False
    )
    rows = [
        row.groups() for row in re.finditer(r"(?m)^([^\t\n]+)\t(.*?)\((.*)\)$", table.read_text())
    ]
    return {
        "refused": "syntax error" in ran.stderr or "unknown keyword" in ran.stderr,
        "table": [[path, client, [o for o in options.split(",") if _SHOWN.fullmatch(o)]]
                  for path, client, options in rows],
    }  # fmt: skip


if __name__ == "__main__":
    there = Path(sys.argv[1])
    asked = ["chroot", str(there), "dpkg-query", "-W", "-f", "${Version}", "nfs-kernel-server"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    TABLES.write_text(table_text({version: {text: _exported(there, text) for text in FILES}}))
