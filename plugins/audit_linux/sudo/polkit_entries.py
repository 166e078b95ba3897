"""Entries of .pkla files, pklocalauthority(8): of polkit 0.105, and of what reads them today.

They are key files of GLib: `[group]`, `name=value`, `#` at the start of a line is a comment. Blanks
stand in front of lines and values; behind a value they belong to it, a carriage return does not. A
line of any other form, or of another value than a known result, leaves nothing of a file, or of a
group. Groups of one name are one, the last value of a name holds. Identities and actions are
patterns with `*` and `?`. Compared with polkit 0.105 (Debian 11) and polkitd-pkla 122 (Debian 12).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from audit_core.api.sdk import FileEntry

TOPS = ("/etc/polkit-1/localauthority", "/var/lib/polkit-1/localauthority")
CONF = "/etc/polkit-1/localauthority.conf.d"
COMPAT = "/usr/share/polkit-1/rules.d/49-polkit-pkla-compat.rules"
_DEFAULT = "50-default.rules"
_RESULTS = frozenset({"no", "yes", "auth_self", "auth_self_keep", "auth_admin", "auth_admin_keep"})


class Entry(Struct, frozen=True, kw_only=True):
    """An entry of a .pkla file: for whom, which actions (patterns), and the results it gives."""

    path: str
    identities: tuple[str, ...]
    actions: tuple[str, ...]
    results: tuple[str, ...]

    def is_for(self, names: Sequence[str]) -> bool:
        """Whether it is for one of `names` (`unix-user:x`, `unix-group:x`)."""
        return any(_matches(name, pattern) for name in names for pattern in self.identities)

    def concerns(self, action: str, names: Sequence[str]) -> bool:
        """Whether it is for an action, and for one of `names` (`unix-user:x`, `unix-group:x`)."""
        return self.is_for(names) and any(_matches(action, pattern) for pattern in self.actions)


def _matches(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def is_old(files: Sequence[FileEntry]) -> bool:
    """Whether these are the files of polkit 0.105, which reads no rules."""
    names = {f.path.rpartition("/")[2] for f in files}
    return any(f.path.startswith(f"{CONF}/") for f in files) and _DEFAULT not in names


def entries(files: Sequence[FileEntry]) -> Iterator[Entry]:
    """The entries of .pkla files in the order in which they count: the last that fits holds.

    Folders go by name, those in /var/lib before those in /etc. Of the files of one folder polkit
    0.105 takes the first by name, its successor the last.
    """
    old = is_old(files)
    if not old and all(f.path != COMPAT for f in files):
        return
    named = [f for f in files if _is_entry_file(f.path)]
    named.sort(key=lambda f: f.path.rpartition("/")[2], reverse=old)
    for file in sorted(named, key=lambda f: (f.path.split("/")[-2], f.path.startswith(TOPS[0]))):
        for group in _groups(file.text).values():
            yield from _entry(file.path, group)


def _is_entry_file(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    hidden = name.startswith(".") or not name.endswith(".pkla")
    return not hidden and folder.rpartition("/")[0] in TOPS


def _entry(path: str, group: dict[str, str]) -> Iterator[Entry]:
    results = tuple(v for k, v in group.items() if re.fullmatch("Result(?:Any|Inactive|Active)", k))
    if "Identity" in group and "Action" in group and results and _RESULTS.issuperset(results):
        yield Entry(
            path=path, identities=_list(group["Identity"]), actions=_list(group["Action"]),
            results=results,
        )  # fmt: skip


def _list(value: str) -> tuple[str, ...]:
    return tuple(part for part in value.split(";") if part)


def _groups(text: str) -> dict[str, dict[str, str]]:
    """The groups of a key file by name; none where GLib refuses it."""
    groups: dict[str, dict[str, str]] = {}
    name = None
    for raw in text.split("\n"):
        line = raw.removesuffix("\r").lstrip()
        key, equals, value = line.partition("=")
        if not line or line.startswith("#"):
            continue
        if head := re.fullmatch(r"\[([^\[\]]+)\]\s*", line):
            name = head[1]
            groups.setdefault(name, {})
        elif name is None or not equals or not key.strip() or line.startswith("["):
            return {}
        else:
            groups[name][key.rstrip()] = value.lstrip()
    return groups


def admin_script(files: Sequence[FileEntry]) -> str:
    """The administrators whom localauthority.conf.d names, as a rule; empty where it names none."""
    found = ""
    for file in sorted(files, key=lambda f: f.path):
        if file.path.startswith(f"{CONF}/") and file.path.endswith(".conf"):
            found = _groups(file.text).get("Configuration", {}).get("AdminIdentities", found)
    named = json.dumps(_list(found))
    return f"polkit.addAdminRule(function(action, subject) {{ return {named}; }});" if found else ""
