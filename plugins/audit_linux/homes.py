"""Where the home directories of accounts lie: what requests for files of all accounts search."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from audit_core.api.sdk import Absent, Message, Target, capped, msg
from audit_linux.passwd import Accounts

# Each directory in these is searched as a home. Services have theirs in the last two.
_FOLDERS = ("/home", "/var/lib", "/opt")


class Homes(Struct, frozen=True, kw_only=True):
    """`folders`: each directory directly below is a home. `single`: is a home itself."""

    folders: tuple[str, ...] = _FOLDERS
    single: tuple[str, ...] = ("/root",)

    def holds(self, path: str) -> bool:
        """Whether the home directory at `path` is searched."""
        folder, _, name = path.rstrip("/").rpartition("/")
        return path.rstrip("/") in self.single or (
            folder in self.folders and not name.startswith(".")
        )

    def far(self, accounts: Accounts | Absent) -> tuple[str, ...]:
        """The homes of accounts with a shell that are not searched."""
        rows = accounts.rows if isinstance(accounts, Accounts) else ()
        return tuple(dict.fromkeys(a.home for a in rows if a.has_shell and not self.holds(a.home)))


def homes_of(target: Target) -> Homes:
    """The usual homes, and those that the inventory declares of a host."""
    declared = [path.rstrip("/") for path in target.settings.get("homes") or ()]
    folders = [path[:-2] for path in declared if path.endswith("/*")]
    single = [path for path in declared if not path.endswith("/*")]
    return Homes(folders=(*_FOLDERS, *folders), single=("/root", *single))


def not_searched(homes: Iterable[str]) -> Message:
    """That these homes were not looked into, and what makes the next run do so."""
    return msg(
        "Home directories that were not searched: {names}; declare them as settings.homes",
        names=capped(homes),
    )
