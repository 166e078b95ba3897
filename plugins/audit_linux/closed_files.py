"""Settings that some hosts close to all but root (`chmod 600 /etc/security`): read as root there.

One request each for /etc/security and for the PAM stacks; their answers count only where the
account of the audit was refused. /etc/security/opasswd, with old hashes, is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import structs

from audit_core.api.sdk import (
    Absent,
    Answer,
    Answers,
    FileEntry,
    FileStatus,
    Privilege,
    ReadFile,
    ReadFiles,
    Reason,
    known_or_absent,
    msg,
    not_present,
    provider,
)
from audit_core.model import Provider
from audit_core.model.files import encode_files

SECURITY = ReadFiles(
    paths=("/etc/security",), names=("*.conf",), depth=2, privilege=Privilege.ROOT
)  # fmt: skip
STACKS = ReadFiles(paths=("/etc/pam.d", "/etc/login.defs"), depth=1, privilege=Privilege.ROOT)
_CLOSED = Absent(reason=Reason.UNSUPPORTED, detail=msg("Only root may read it"))
Parse = Callable[[Answer], Any]


def also_as_root(
    plain: ReadFile | ReadFiles, closed: ReadFiles, parse: Parse
) -> tuple[Provider, ...]:
    """Providers of what `parse` makes of `plain`: as the account, else with `closed`, as root."""
    return _of_file(plain.path, parse, plain, closed) if isinstance(plain, ReadFile) else (
        provider(plain, lambda answer: _CLOSED if _refused(answer.files) else parse(answer)),
        provider(asks={"plain": plain, "closed": closed}, parse=lambda both: parse(_opened(both))),
    )  # fmt: skip


def _of_file(path: str, parse: Parse, plain: ReadFile, closed: ReadFiles) -> tuple[Provider, ...]:
    def as_account(answers: Answers) -> Any:
        got = answers["plain"]
        if isinstance(got, Absent):
            return _CLOSED if got.reason is Reason.NOT_PERMITTED else got
        return parse(got)

    def as_root(answer: Answer) -> Any:
        files = [f for f in answer.files if f.path == path and f.status is FileStatus.READ]
        if not files:
            return not_present(msg("{path} is not a file that can be read", path=path))
        return parse(structs.replace(answer, stdout=files[0].data))

    return (
        provider(asks={"plain": known_or_absent(plain)}, parse=as_account),
        provider(closed, as_root),
    )


def _refused(files: Iterable[FileEntry]) -> bool:
    return any(f.status is FileStatus.NOT_PERMITTED and _covered(f.path) for f in files)


def _opened(answers: Answers) -> Answer:
    """What the account read, with what root read in the place of what it was refused."""
    plain: Answer = answers["plain"]
    return structs.replace(
        plain, stdout=encode_files(_merged(plain.files, answers["closed"].files))
    )


def _merged(plain: Iterable[FileEntry], closed: tuple[FileEntry, ...]) -> Iterator[FileEntry]:
    for file in plain:
        if _refused([file]):
            inside = f"{file.path}/"
            yield from (f for f in closed if f.path == file.path or f.path.startswith(inside))
        else:
            yield file


def _covered(path: str) -> bool:
    """Whether root was asked for the path."""
    return any(f"{path}/".startswith(f"{top}/") for top in (*SECURITY.paths, *STACKS.paths))
