"""PostgreSQL that lets people in without a password: pg_hba.conf, pg_ident.conf.

The first line that fits a connection decides, so a line after one that is as wide is never reached.
`trust` requires nothing; a map that makes everybody one account of the database does not either.
"""

from __future__ import annotations

import posixpath
import re

from audit_core.api.sdk import Message, capped, msg
from audit_linux.open_services.pg_hba import (
    Missing,
    Refused,
    Rule,
    maps_of_everybody,
    rules,
)
from audit_linux.open_services.service import (
    Running,
    Service,
    ServiceState,
    about,
    not_read,
    options,
    service_check,
)
from audit_linux.open_services.service_files import ServiceFile, ServiceFiles

_HBA = r"/etc/postgresql/.*/pg_hba\.conf|/var/lib/pgsql/.*/?pg_hba\.conf"


def _reached(every: list[Rule]) -> list[Rule]:
    """The lines that no earlier one takes all connections from."""
    return [r for at, r in enumerate(every) if not any(e.covers(r) for e in every[:at])]


def _free(rule: Rule, maps: set[str]) -> bool:
    """Whether a line requires no password, certificate or account of its own."""
    if rule.method == "trust":
        return rule.options.get("clientcert") in (None, "0")
    return rule.method in ("peer", "ident") and rule.options.get("map") in maps


def _to_ask(rule: Rule) -> bool:
    """Whether the host of the client, or any certificate of an authority, says who somebody is."""
    by_host = rule.method == "ident" and not rule.loopback
    return by_host or (
        rule.method == "trust" and rule.options.get("clientcert") in ("1", "verify-ca")
    )


def _folder(process: Running) -> str:
    """The directory in which a server looks for its files; empty where it is no server."""
    words = process.words
    for value in options(words, "-c", "--config-file", "--config_file"):
        name, _, path = value.partition("=")
        if name in ("config_file", "config-file"):
            return posixpath.dirname(path)
    named = options(words, "--config-file", "--config_file")
    data = options(words, "-D", "--pgdata")
    return posixpath.dirname(named[-1]) if named else (data[-1].rstrip("/") if data else "")


def _in_use(
    own: tuple[ServiceFile, ...], service: Service
) -> tuple[tuple[ServiceFile, ...], list[str]]:
    """The files of the servers that run, and those of them that were not read."""
    # the processes of a server are called `postgres: …`, but for the first
    first = [p for p in service.processes or () if not p.arguments.startswith("postgres:")]
    folders = {folder for p in first if (folder := _folder(p))}
    unknown = [f"PGDATA (pid {p.pid})" for p in first if not _folder(p)]
    if not folders:
        return own, unknown
    used = tuple(f for f in own if posixpath.dirname(f.path) in folders or f.lines is None)
    closed = [f.path for f in used if f.lines is None]
    lacking = [f"{folder}/pg_hba.conf" for folder in sorted(folders)
               if not any(posixpath.dirname(f.path) == folder for f in used)
               and not any(folder.startswith(path) for path in closed)]  # fmt: skip
    return used, [*lacking, *unknown]


def _moved(files: ServiceFiles, file: ServiceFile) -> list[str]:
    """Another pg_hba.conf that postgresql.conf beside it names."""
    conf = files.at(posixpath.join(posixpath.dirname(file.path), "postgresql.conf"))
    named = [
        hit[1]
        for line in (conf.lines if conf else None) or ()
        if (hit := re.match(r"\s*hba_file\s*=?\s*'([^']*)'", line, re.IGNORECASE))
    ]
    return [path for path in named[-1:] if path != file.path]


@service_check(
    "linux.postgresql-trust",
    names=("postgres", "postmaster"),
    ports=("5432/tcp",),
    places=("/etc/postgresql", "/var/lib/pgsql"),
    expected=msg("no line with the method trust in pg_hba.conf"),
    version=5,
    remedy=msg("Replace trust by scram-sha-256, or by peer on local lines; then reload the server"),
)
def postgresql_trust(files: ServiceFiles, service: Service) -> ServiceState:
    """PostgreSQL does not use the method trust, which requires no password."""
    own, lacking = _in_use(files.matching(_HBA), service)
    free: list[str] = []
    asked: list[str] = []
    refused: list[str] = []
    for file in own:
        every = list(rules(files, file)) if file.lines is not None else []
        ident = files.at(posixpath.join(posixpath.dirname(file.path), "pg_ident.conf"))
        maps = maps_of_everybody(files, ident) if ident else set()
        reached = _reached([row for row in every if isinstance(row, Rule)])
        free += [f"{file.path}: {rule.text}" for rule in reached if _free(rule, maps)]
        asked += [f"{file.path}: {rule.text}" for rule in reached if _to_ask(rule)]
        refused += [f"{file.path}: {row.text}" for row in every if isinstance(row, Refused)]
        lacking += [row.path for row in every if isinstance(row, Missing)]
        lacking += _moved(files, file)
    certain = about((free, msg("Lines that require no password: {names}", names=capped(free))))
    fine = msg("No trust in {paths}", paths=capped(f.path for f in own)) if own else None
    return ServiceState(
        open=certain, overrides=(*_refused(refused), *not_read(lacking)), doubts=_asked(asked),
        files=own, fine=fine,
    )  # fmt: skip


def _refused(lines: list[str]) -> tuple[Message, ...]:
    return (
        (
            msg(
                "PostgreSQL refuses lines: it keeps the earlier rules, and does not start with"
                " these: {names}",
                names=capped(lines),
            ),
        )
        if lines
        else ()
    )


def _asked(lines: list[str]) -> tuple[Message, ...]:
    text = msg("Only the host of the client, or any certificate of an authority, says who "
               "somebody is: {names}", names=capped(lines))  # fmt: skip
    return (text,) if lines else ()


READERS = (postgresql_trust,)
