"""Which sources apt takes packages from without a signature, by options and by settings.

A line of sources.list: options stand in brackets after `deb`, names have their case, the last of
several values holds, quotes do not matter. A file of .sources: stanzas with fields in any case, a
value may stand in the next line, which begins with a blank; the last of several holds. Only files
with names of letters, digits, `-`, `_` and `.` in the directory itself count. The settings of
apt.conf are those that apt-config tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from audit_core.api.sdk import (
    Answer,
    Answers,
    Command,
    Message,
    ParseError,
    Partial,
    msg,
    partial,
    read_rows,
)
from audit_core.model import NamedAsk
from audit_patch.model import Signatures
from audit_patch.repo_files import File, files_of, refused_by

_LIST, _PARTS = "/etc/apt/sources.list", "/etc/apt/sources.list.d"
_FIELDS = "(types|enabled|trusted)"
_WORDS = "(yes|no|true|false|on|off|with|without|enable|disable|[01]|deb|deb-src)"
# One mark for each line. An address in a source may carry a password: no more than options and
# the values of these fields is left of a line.
_SKELETON = ";".join(
    (
        r"1F",
        r"/^[ \t]*deb[ \t]+\[[^]]*\][ \t]/{s/^[ \t]*deb[ \t]+(\[[^]]*\]).*/d\1/p;d}",
        r"/^[ \t]*deb[ \t]/{s/.*/d/p;d}",
        r"/^#/{s/.*/#/p;d}",
        r"/^\r?$/{s/.*/-/p;d}",
        rf"/^[ \t]+{_WORDS}[ \t\r]*$/I{{s/^[ \t]+/+/p;d}}",
        rf"/^{_FIELDS}[ \t]*:/I{{s/^/=/p;d}}",
        r"s/.*/k/p",
    )
)
OPTIONS: dict[str, NamedAsk] = {
    "sources": Command(
        argv=(
            "find", _LIST, _PARTS, "-maxdepth", "1", "(", "-name", "*.list", "-o", "-name",
            "*.sources", ")", "-exec", "sed", "-n", "-s", "-E", "-e", _SKELETON, "{}", "+",
        ),
        ok=(0, 1),
    ),
    "settings": Command(
        argv=(
            "apt-config", "shell",
            "APT__Get__AllowUnauthenticated", "APT::Get::AllowUnauthenticated",
            "Acquire__AllowInsecureRepositories", "Acquire::AllowInsecureRepositories",
            "Acquire__AllowDowngradeToInsecureRepositories",
            "Acquire::AllowDowngradeToInsecureRepositories",
            "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d",
        ),
    ),
}  # fmt: skip

# apt-pkg/contrib/strutl.cc, StringToBool
_YES = frozenset({"yes", "true", "1", "on", "with", "enable"})
_NO = frozenset({"no", "false", "0", "off", "without", "disable"})
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


class _Entry(NamedTuple):
    """One line of sources.list or one stanza, with its options."""

    path: str
    options: dict[str, str]


def parse_options(answers: Answers) -> Signatures | Partial:
    """The sources and settings of apt that take packages without a signature check."""
    settings, problems = _settings(answers["settings"])
    refused = refused_by(answers["sources"])
    entries = list(_entries(answers["sources"]))
    found = [f"{e.path}: {name}={value}" for e in entries for name, value in _loose(e)]
    found += [f"apt.conf: {key.replace('__', '::')} {value}" for key, value in settings.items()
              if value.lower() in _YES]  # fmt: skip
    problems += [] if refused is None else [refused.detail]
    if (settings.get("LIST", _LIST), settings.get("PARTS", f"{_PARTS}/").rstrip("/")) != (
        _LIST, _PARTS,
    ):  # fmt: skip
        problems.append(msg("apt takes its sources from files that were not read (Dir::Etc)"))
    return partial(Signatures(sources=len(entries), unverified=tuple(found)), problems)


_SETTING = re.compile(r"(?P<key>\w+)='(?P<value>.*)'")


def _settings(answer: Answer) -> tuple[dict[str, str], list[Message]]:
    """The settings by their names, and the lines that are none."""

    def read(line: str) -> tuple[str, str]:
        row = _SETTING.fullmatch(line)
        if row is None:
            raise ParseError(msg("not the output of apt-config shell"))
        return row["key"], row["value"]

    rows, problems = read_rows(enumerate(answer.lines, 1), read)
    return dict(rows), problems


def _loose(entry: _Entry) -> list[tuple[str, str]]:
    """The options that switch the check off. Allow-Insecure has no effect in a stanza."""
    names = ("trusted", "allow-insecure", "allow-downgrade-to-insecure")
    rows = ((name, entry.options.get(name, "")) for name in names)
    return [(name, value) for name, value in rows if value.lower() in _YES]


def _entries(answer: Answer) -> Iterator[_Entry]:
    for file in files_of(answer):
        name = file.path.rpartition("/")[2]
        if not _NAME.fullmatch(name):
            continue
        if name.endswith(".list"):
            yield from _lines(file)
        else:
            yield from _stanzas(file)


def _lines(file: File) -> Iterator[_Entry]:
    for line in file.lines:
        if line.startswith("d"):
            words = line[1:].replace('"', "").strip("[]").split()
            rows = (word.partition("=") for word in words)
            yield _Entry(file.path, {key: value for key, _, value in rows})


def _stanzas(file: File) -> Iterator[_Entry]:
    """The enabled stanzas of packages, by lower-case names of their fields."""
    fields: dict[str, str] = {}
    key = ""
    for line in (*file.lines, "-"):
        if line == "-":
            if _counts(fields):
                yield _Entry(file.path, fields)
            fields = {}
        elif line.startswith("="):
            key, _, value = line[1:].partition(":")
            key = key.strip().lower()
            fields[key] = value.strip()
        elif line.startswith("+") and key:
            fields[key] = f"{fields[key]} {line[1:].strip()}".strip()
        elif line == "k":
            key = ""


def _counts(fields: dict[str, str]) -> bool:
    types = fields.get("types", "").lower().split()
    return "deb" in types and fields.get("enabled", "yes").lower() not in _NO
