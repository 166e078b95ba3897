"""The programs that packages brought, to tell what came otherwise.

dpkg(1) keeps the paths of each package in /var/lib/dpkg/info/PACKAGE.list, one a line, as the
package names them: `/bin/su`, also where /bin is a link to /usr/bin.
Of rpm(8) the owner of each setuid program is asked: `file PATH is not owned by any package`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from audit_core.api.sdk import Absent, Answer, Command, ParseError, fact, msg, not_present

_FOLDERS = r"^(/usr)?/(s?bin|games|libexec)/|^/opt/"
_ASKED = re.compile(_FOLDERS + "|^/usr/local/")
# Names that dpkg-divert(1) gives to files of packages, which then stand in no list.
_DIVERTED = re.compile(r"\.(?:distrib|diverted|orig|real|divert|dpkg-\w+)\b|\.usr-is-merged$")


def parse_lists(answer: Answer) -> frozenset[str] | Absent:
    """The paths of all packages below the folders of programs, as the packages name them."""
    if not answer.stdout:
        return not_present(msg("dpkg has no file lists on this host"))
    paths = frozenset(line for line in answer.lines if line.startswith("/"))
    if paths.isdisjoint(("/bin/dpkg", "/usr/bin/dpkg")):
        raise ParseError(msg("the file lists of dpkg do not contain dpkg itself"))
    return paths


_BESIDE_USR = re.compile(r"/s?bin/")


def beside_usr(paths: Iterable[str]) -> frozenset[str]:
    """Of `/bin/` and `/sbin/`, those that are no link to their like in /usr.

    `paths` are files that a search found which does not follow links.
    """
    return frozenset(hit[0] for hit in map(_BESIDE_USR.match, paths) if hit)


def of_no_package(path: str, owned: frozenset[str], beside: frozenset[str]) -> bool:
    """Whether `path` lies where packages put programs, and surely comes from none.

    Where /usr is merged, a package's /bin/su is /usr/bin/su; `beside`: where these are two files.
    """
    if not _ASKED.search(path) or _DIVERTED.search(path) or path in owned:
        return False
    short = path.removeprefix("/usr")
    if any(map(short.startswith, beside)):
        return True
    return short not in owned and f"/usr{short}" not in owned


PACKAGED = fact(
    "linux.packaged-programs",
    frozenset[str],
    kind="host",
    ask=Command(
        argv=("grep", "-rhsE", "--include=*.list", _FOLDERS, "/var/lib/dpkg/info"),
        ok=(0, 1, 2),
        limit=8 << 20,
    ),
    parse=parse_lists,
)

_ALIEN = re.compile(r"file (/.*) is not owned by any package")
_NO_RPM = re.compile(rb"find: .{1,6}rpm.{1,6}: No such file or directory")


def parse_alien(answer: Answer) -> frozenset[str] | Absent:
    """The setuid programs that no package of rpm brought; NOT_PRESENT where rpm is missing."""
    if _NO_RPM.search(answer.stderr):
        return not_present(msg("There is no rpm"))
    if b"error: " in answer.stderr or answer.truncated:
        raise ParseError(msg("rpm could not tell to which packages files belong"))
    found = (_ALIEN.fullmatch(line) for line in answer.lines if line)
    return frozenset(hit[1] for hit in found if hit)


# One call of rpm for all of them; it ends with the number of files that no package has.
ALIEN = fact(
    "linux.setuid-of-no-package",
    frozenset[str],
    kind="host",
    ask=Command(
        argv=(
            "find", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/libexec", "/usr/games",
            "/usr/local", "/opt", "-xdev", "-type", "f", "-perm", "/6000",
            "-exec", "rpm", "-qf", "--qf", "", "{}", "+",
        ),
        ok=(0, 1),
        timeout_s=60,
    ),
    parse=parse_alien,
)  # fmt: skip

FACTS = (PACKAGED, ALIEN)
