"""PostgreSQL that lets people in by `trust`: pg_hba.conf.

A line is `type database user [address [mask]] method [options]`; quotes hold blanks, `#` begins a
comment, a backslash at the end continues it (since 14), a list goes on behind a comma and blanks.
The first line that fits a connection decides, so a line after one for all that is as wide is never
reached. Includes exist since 16.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from audit_core.api.sdk import Message, capped, msg
from audit_linux.open_services.service_files import (
    Service,
    ServiceFile,
    ServiceFiles,
    ServiceState,
    service_check,
    unread,
)

_PIECE = r'(?:"[^"]*"|[^ \t\r"#,])+'
_FIELD = re.compile(rf"{_PIECE}(?:,[ \t\r,]*{_PIECE})*")
_MASK = re.compile(r"\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]*::[0-9a-fA-F:]*|(?:[0-9a-fA-F]+:){7}\S+")


class Rule(Struct, frozen=True, kw_only=True):
    """One line: for local sockets the address is empty."""

    type: str
    database: str
    user: str
    address: str
    method: str

    @property
    def text(self) -> str:
        """The line with one blank between its words."""
        words = (self.type, self.database, self.user, self.address, self.method)
        return " ".join(filter(None, words))

    def covers(self, other: Rule) -> bool:
        """Whether every connection that fits `other` fits this one."""
        types = {self.type} if self.type != "host" else {
            "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"
        }  # fmt: skip
        wide = self.database == other.database or (
            # `all` is no replication
            self.database == "all" and "replication" not in other.database.split(",")
        )
        wide = wide and self.user in ("all", other.user)
        same = self.address in ("all", other.address) or (
            self.address == "0.0.0.0/0" and "." in other.address and "/" in other.address
        )
        return other.type in types and wide and same


def _fields(line: str) -> list[str]:
    """The fields of a line; a blank behind a comma does not end one."""
    return [re.sub(r",[ \t\r,]*", ",", field) for field in _FIELD.findall(line)]


def _method(word: str) -> str:
    return word.strip('"').lower()


def _rules(file: ServiceFile) -> Iterator[Rule | str]:
    """The lines; text for one that reads another file."""
    text = re.sub(r"\\\n", " ", "\n".join(file.lines or ()))
    for line in text.split("\n"):
        words = _fields(re.sub(r'#(?=(?:[^"]*"[^"]*")*[^"]*$).*', "", line))
        if not words:
            continue
        words[0] = words[0].strip('"')  # elsewhere, quotes make a name of a keyword
        if words[0] in ("include", "include_if_exists", "include_dir"):
            yield " ".join(words[:2])
        elif words[0] == "local" and len(words) > 3:
            yield Rule(type=words[0], database=words[1], user=words[2], address="",
                       method=_method(words[3]))  # fmt: skip
        elif words[0].startswith("host") and len(words) > 4:
            masked = len(words) > 5 and _MASK.fullmatch(words[4])
            yield Rule(type=words[0], database=words[1], user=words[2], address=words[3],
                       method=_method(words[5 if masked else 4]))  # fmt: skip


def _trusting(rules: list[Rule]) -> list[Rule]:
    """The lines that require no password and can be reached."""
    return [
        rule for at, rule in enumerate(rules)
        if rule.method == "trust" and not any(before.covers(rule) for before in rules[:at])
    ]  # fmt: skip


@service_check(
    "linux.postgresql-trust",
    names=("postgres", "postmaster"),
    ports=("5432/tcp",),
    expected=msg("no line with the method trust in pg_hba.conf"),
    version=3,
    remedy=msg("Replace trust by scram-sha-256, or by peer on local lines; then reload the server"),
)
def postgresql_trust(files: ServiceFiles, service: Service) -> ServiceState:
    """PostgreSQL does not use the method trust, which requires no password."""
    own = files.matching(r"/etc/postgresql/.*/pg_hba\.conf|/var/lib/pgsql/.*/?pg_hba\.conf")
    bad: list[str] = []
    elsewhere: list[str] = []
    for file in own:
        rows = list(_rules(file))
        bad += [f"{file.path}: {rule.text}"
                for rule in _trusting([r for r in rows if isinstance(r, Rule)])]  # fmt: skip
        elsewhere += [row for row in rows if isinstance(row, str)]
    certain: tuple[Message, ...] = ()
    if bad:
        certain = (msg("Lines that require no password: {names}", names=capped(bad)),)
    doubts = unread(own)
    if elsewhere:
        doubts += (msg("Files that were not read: {names}", names=capped(elsewhere)),)
        certain, doubts = (), certain + doubts  # an earlier line may take them away
    fine = msg("No trust in {paths}", paths=capped(f.path for f in own)) if own else None
    return ServiceState(open=certain, doubts=doubts, fine=fine)


CHECKS = (postgresql_trust,)
