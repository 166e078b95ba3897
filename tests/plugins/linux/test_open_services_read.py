"""Lines of pg_hba.conf and exports, as PostgreSQL 15 and 17 and exportfs 2.6.2 read them.

`recorded/pg_hba.json` and `recorded/nfs_exports.json` are what the programs answered.
"""

from __future__ import annotations

import json
import re
from typing import Any

from audit_linux.open_services import nfs
from audit_linux.open_services.pg_hba import Missing, Refused, Rule, rules
from audit_linux.open_services.service_files import ServiceFile, ServiceFiles
from recorded.nfs_exports import TABLES
from recorded.pg_hba import BESIDE, RULES

# `@name` stands for the words of a file, whoever they are; numbers as inet_aton(3) reads them.
_OURS_OWN = re.compile(r".*(@|\b10/8|\b010\.|%lo|include_if_exists nofile).*")


def _file(path: str, text: str) -> ServiceFile:
    lines = text.split("\n")
    return ServiceFile(path=path, lines=tuple(line.removesuffix("\r") for line in lines))


def _shown(row: Rule | Missing | Refused) -> Any:
    """A row as pg_hba_file_rules shows it."""
    if not isinstance(row, Rule):
        return "refused" if isinstance(row, Refused) else f"missing {row.path}"
    local = row.type == "local"
    address = row.address if row.network is None else re.split("[/ ]", row.address)[0]
    method = "peer" if local and row.method == "ident" else row.method
    names = [[t.text for t in row.databases], [t.text for t in row.users]]
    return [row.type, *names, None if local else address, method]


def test_pg_hba(subtests: Any) -> None:
    compared = 0
    for version, lines in json.loads(RULES.read_text()).items():
        folder = f"/etc/postgresql/{version.split('.')[0]}/main"
        beside = [_file(f"{folder}/{name}", text) for name, text in BESIDE.items()]
        for text, found in lines.items():
            if _OURS_OWN.fullmatch(text):
                continue
            compared += 1
            hba = _file(f"{folder}/pg_hba.conf", text)
            with subtests.test(f"{version[:2]} {text}"):
                ours = rules(ServiceFiles(files=(hba, *beside)), hba)
                assert [_shown(row) for row in ours] == found
    assert compared > 220


# exportfs looks names up, and does not let a directory out that is not there.
_NOT_RESOLVED = ("'10.0.0.1'", "=public", "anonymous", "0/0")


def test_exports(subtests: Any) -> None:
    (files,) = json.loads(TABLES.read_text()).values()
    for text, found in files.items():
        rows = list(nfs._exports(_file("/etc/exports", text)))
        ours = {
            (row.path.lstrip("/"), row.client or "*", row.writable, row.root_is_root)
            for row in rows
            if isinstance(row, nfs.Export) and row.client not in _NOT_RESOLVED
        }
        real = {(path.replace("\\043", "#").lstrip("/"), client or "*", *_allowed(client, options))
                for path, client, options in found["table"]}  # fmt: skip
        with subtests.test(text):
            assert any(isinstance(row, str) for row in rows) is found["refused"]
            assert ours == real


def _allowed(client: str, options: list[str]) -> tuple[bool, bool]:
    """Whether a row of the table lets write, and root be root, without a ticket."""
    write = root = False
    at = [i for i, o in enumerate(options) if o.startswith("sec=")]
    uid = next(o for o in options if o.startswith("anonuid="))
    for first, last in zip(at, [*at[1:], None], strict=True):
        flavours, *own = options[first:last]
        if client.startswith("gss/") or set(flavours.removeprefix("sec=").split(":")) <= {
            "krb5", "krb5i", "krb5p",
        }:  # fmt: skip
            continue
        write |= "rw" in own
        root |= uid == "anonuid=0" or ("no_root_squash" in own and "all_squash" not in own)
    return write, root
