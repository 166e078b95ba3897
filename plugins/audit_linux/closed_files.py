"""Files of /etc/security and the PAM stacks: as the account reads them, else as root or the vendor.

Some hosts close them to all but root (`chmod 600 /etc/security`): one request each for
/etc/security and for the PAM stacks; their answers count only where the account of the audit was
refused. /etc/security/opasswd, with old hashes, is not read.

Linux-PAM that was built with a vendor's directory (openSUSE, Fedora, the default of 1.7) takes from
there what /etc/security does not have, file by file, drop-ins as well. Such a directory holds the
vendor's pam_env.conf; another one is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct, structs

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
    capped,
    known_or_absent,
    msg,
    not_present,
    optional,
    provider,
)
from audit_core.model import Provider
from audit_core.model.files import encode_files

_OWN = "/etc/security"
SECURITY = ReadFiles(paths=(_OWN,), names=("*.conf",), depth=2, privilege=Privilege.ROOT)
STACKS = ReadFiles(paths=("/etc/pam.d", "/etc/login.defs"), depth=1, privilege=Privilege.ROOT)
_VENDORS = ("/usr/etc/security", "/usr/share/security", "/usr/share/pam/security")
_VENDOR = ReadFiles(paths=_VENDORS, names=("*.conf",), depth=2)
_MISSING = (FileStatus.NOT_PRESENT, FileStatus.BROKEN_LINK)
_CLOSED = Absent(reason=Reason.UNSUPPORTED, detail=msg("Only root may read it"))
Parse = Callable[[Answer], Any]
Files = tuple[FileEntry, ...]


def also_as_root(
    plain: ReadFile | ReadFiles, closed: ReadFiles, parse: Parse, *, vendor: bool = False
) -> tuple[Provider, ...]:
    """Providers of what `parse` makes of `plain`: as the account, else with `closed`, as root.

    With `vendor`, what /etc/security does not have is taken from the vendor's directory.
    """
    reader = _Reader(plain=plain, parse=parse)
    more = {"vendor": known_or_absent(_VENDOR)} if vendor else {}
    # what was refused must not make the answer of root incomplete
    alone = isinstance(plain, ReadFile)
    own = {"plain": known_or_absent(optional(plain)) if alone else plain}
    return (
        provider(asks={**own, **more}, parse=reader.as_account),
        provider(asks={**({} if alone else own), "closed": closed, **more}, parse=reader.as_root),
    )


class _Reader(Struct, frozen=True):
    """Puts the answers together to that of `plain`, which `parse` reads."""

    plain: ReadFile | ReadFiles
    parse: Parse

    def as_account(self, answers: Answers) -> Any:
        got = answers["plain"]
        if isinstance(got, Absent):
            return _CLOSED if got.reason is Reason.NOT_PERMITTED else got
        if isinstance(self.plain, ReadFile):
            read = FileStatus.READ
            files = (FileEntry(path=self.plain.path, status=read, data=got.stdout),) if got else ()
        else:
            files = got.files
        return _CLOSED if _refused(files) else self._parsed(answers, files)

    def as_root(self, answers: Answers) -> Any:
        closed = answers["closed"].files
        alone = isinstance(self.plain, ReadFile)
        files = closed if alone else tuple(_merged(answers["plain"].files, closed))
        return self._parsed(answers, files)

    def _parsed(self, answers: Answers, own: Files) -> Any:
        vendor = answers.named.get("vendor")
        files = self._with(own, vendor.files) if isinstance(vendor, Answer) else own
        data = (
            [encode_files(files)]
            if isinstance(self.plain, ReadFiles)
            else [
                f.data for f in files if f.path == self.plain.path and f.status is FileStatus.READ
            ]
        )
        some = [answer for answer in answers.named.values() if isinstance(answer, Answer)]
        if not some or not data:
            named = capped(
                self.plain.paths if isinstance(self.plain, ReadFiles) else [self.plain.path]
            )
            return not_present(msg("{path} is not a file that can be read", path=named))
        return self.parse(structs.replace(some[0], stdout=data[0]))

    def _with(self, own: Files, vendor: Files) -> Files:
        """`own` with the vendor's files in the place of those that are missing."""
        there = {file.path: file for file in own if file.status not in _MISSING}
        more = {file.path: file for file in _of_vendor(vendor) if self._asks(file.path)}
        found = {file.path: file for file in own} | more | there
        return tuple(found[path] for path in sorted(found))

    def _asks(self, path: str) -> bool:
        """Whether `plain` asks for the file."""
        if isinstance(self.plain, ReadFile):
            return path == self.plain.path
        folder, _, name = path.rpartition("/")
        named = any(fnmatchcase(name, pattern) for pattern in self.plain.names or ("*",))
        return path in self.plain.paths or (folder in self.plain.paths and named)


def _of_vendor(files: Files) -> Iterator[FileEntry]:
    """The files of the vendor's directory under the names that they would have in /etc/security."""
    there = {file.path: file for file in files if file.status not in _MISSING}
    folder = next((one for one in _VENDORS if f"{one}/pam_env.conf" in there), None)
    for path, file in there.items() if folder else ():
        if path.startswith(f"{folder}/"):
            yield structs.replace(file, path=_OWN + path.removeprefix(str(folder)))


def _refused(files: Iterable[FileEntry]) -> bool:
    return any(f.status is FileStatus.NOT_PERMITTED and _covered(f.path) for f in files)


def _merged(plain: Files, closed: Files) -> Iterator[FileEntry]:
    """What the account read, with what root read in the place of what it was refused."""
    for file in plain:
        if _refused([file]):
            inside = f"{file.path}/"
            yield from (f for f in closed if f.path == file.path or f.path.startswith(inside))
        else:
            yield file


def _covered(path: str) -> bool:
    """Whether root was asked for the path."""
    return any(f"{path}/".startswith(f"{top}/") for top in (*SECURITY.paths, *STACKS.paths))
