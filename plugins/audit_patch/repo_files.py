"""The files of repositories as dnf, yum and zypper read them, without addresses and passwords.

sed on the host keeps of each line what it is: a section, a key (with its value for the few
switches), a line that goes on with the value above, a comment or a blank.

libdnf (IniParser): keys have their case and begin a line; what is indented belongs to the value
above; the last value holds; `#` within a value is part of it; a line without `=` makes dnf pass
over the file. A repository that stands in several files is that of the first. yum 3 (iniparse):
keys in any case, `:` too, ` ;` begins a comment. libzypp: blanks around a line do not matter, and
no line goes on with another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from posixpath import normpath
from typing import NamedTuple

from audit_core.api.sdk import Absent, Answer, Command, Message, ParseError, Reason, msg, verbatim

YES = frozenset({"1", "yes", "true", "on"})
_NO = frozenset({"0", "no", "false", "off"})

# Their value keeps its case; the last two are those of zypper.
_PATHS = ("reposdir", "cachedir", "system_cachedir", "metadatadir", "configdir")
_SWITCHES = f"(enabled|gpgcheck|pkg_gpgcheck|repo_gpgcheck|{'|'.join(_PATHS)})"
_ADDRESS = (
    r"^(baseurl|mirrorlist|metalink)[ \t]*=.*[/]((rhel[0-9]*|rocky|almalinux)[/][0-9]+[.][0-9]+)[/]"
)
# One mark for each line: what is left of a line is never more than a name or a switch.
_SKELETON = ";".join(
    (
        r"1F",
        r"1s/^\xef\xbb\xbf//",
        r"/^[#;]/{s/.*/#/p;d}",
        r"/^$/{s/.*/-/p;d}",
        r"/^[ \t\r]*$/{s/.*/~/p;d}",
        r"/^[ \t\r]*\[/{s/^[ \t\r]*//p;d}",
        rf"/^[ \t\r]+{_SWITCHES}[ \t]*[=:]/I{{s/^[ \t\r]+/+/p;d}}",
        r"/^[ \t\r]/{s/.*/+/p;d}",
        rf"/^{_SWITCHES}[ \t]*[=:]/I{{s/^/=/p;d}}",
        rf"/{_ADDRESS}/{{s/{_ADDRESS}.*/@\2/p;d}}",
        r"/^[^=]+=/{s/.*/k/p;d}",
        r"/:/{s/.*/:/p;d}",
        r"s/.*/?/p",
    )
)


def skeleton(*arguments: str) -> Command:
    """The question for the files that `find ARGUMENTS` names: their paths, and marks of lines."""
    argv = ("find", *arguments, "-exec", "sed", "-n", "-s", "-E", "-e", _SKELETON, "{}", "+")
    return Command(argv=argv, ok=(0, 1), limit=4 << 20)


Settings = dict[str, str]


class File(NamedTuple):
    """A file, and the marks of its lines."""

    path: str
    lines: tuple[str, ...]


class Section(NamedTuple):
    """A section of a file, with the switches in it; the key `@` is the release of an address."""

    path: str
    name: str
    settings: Settings


class Reading(NamedTuple):
    """How a program reads a file.

    `folded`: keys in any case, and `:` (yum 3); `trimmed`: blanks around lines do not matter
    (zypper); otherwise as libdnf. `alias`: pkg_gpgcheck is another name of gpgcheck (dnf 5).
    """

    folded: bool = False
    trimmed: bool = False
    alias: bool = False


DNF_4, DNF_5 = Reading(), Reading(alias=True)
YUM_3, ZYPP = Reading(folded=True), Reading(trimmed=True)


class _BrokenError(Exception):
    """The program passes over the file."""


def refused_by(answer: Answer) -> Absent | None:
    """NOT_PERMITTED if find or grep was refused; a path that is not there is no matter."""
    for line in answer.stderr.decode("utf-8", "replace").splitlines():
        if line.endswith("Permission denied"):
            detail = msg("The host refused to show it: {error}", error=verbatim(line))
            return Absent(reason=Reason.NOT_PERMITTED, detail=detail)
        if not line.endswith("No such file or directory"):
            raise ParseError(msg("error output: {detail}", detail=verbatim(line)))
    return None


def files_of(answer: Answer) -> list[File]:
    """The files of the answer by path, without hidden ones."""
    found: dict[str, list[str]] = {}
    path = ""
    for line in answer.lines:
        if line.startswith("/"):
            path = line
            found[path] = []
        elif path and line:
            found[path].append(line)
        else:
            raise ParseError(msg("not a line of a repository file: {line}", line=verbatim(line)))
    return [File(p, tuple(lines)) for p, lines in sorted(found.items()) if "/." not in p]


def read_sections(files: Iterable[File], how: Reading) -> tuple[list[Section], list[Message]]:
    """The sections of each file in its order, and the files that the program passes over."""
    found: list[Section] = []
    problems: list[Message] = []
    for file in files:
        try:
            sections = _sections(file, how)
        except _BrokenError:
            problems.append(msg("A line of this file is no setting, so that none of it counts: "
                                "{path}", path=file.path))  # fmt: skip
            continue
        found += [Section(file.path, name, settings) for name, settings in sections.items()]
    return found, problems


def _sections(file: File, how: Reading) -> dict[str, Settings]:
    found: dict[str, Settings] = {}
    section = ""
    for line, continued in _logical(file.lines, how):
        if line.startswith("["):
            section = _section(line)
            found.setdefault(section, {})
            continue
        key, value = _setting(line, how)
        if not section:
            raise _BrokenError
        # A value that goes on in the next line is none of the words for yes and no.
        written = value if key in _PATHS else value.lower()
        found.setdefault(section, {})[key] = "\n" if continued else written
    return found


def _logical(lines: tuple[str, ...], how: Reading) -> Iterator[tuple[str, bool]]:
    """Each line that is a section or a setting, and whether its value goes on below."""
    held, continued = "", False
    for line in (*lines, "-"):
        if line == "~" or (line.startswith("+") and how.trimmed and len(line) == 1):
            continue
        if line.startswith("+") and not how.trimmed:
            if not held or held.startswith("["):
                raise _BrokenError
            continued = True
            continue
        if held:
            yield held, continued
        held, continued = "" if line in ("#", "-") else line, False


def _section(line: str) -> str:
    name, bracket, _ = line[1:].partition("]")
    if not bracket or not name:
        raise _BrokenError
    return name


def _setting(line: str, how: Reading) -> tuple[str, str]:
    """Key and value of a line; key `k` for what is no switch."""
    mark, text = line[:1], line[1:]
    if mark == "?" or (mark == ":" and not how.folded):
        raise _BrokenError
    if mark in "k:":
        return "k", ""
    if mark == "@":
        return "@", text
    sign = ":" if how.folded and "=" not in text.partition(":")[0] else "="
    key, found, value = text.partition(sign)
    if not found:
        raise _BrokenError
    if how.folded:
        return key.strip().lower(), value.partition(" ;")[0].strip(_BLANKS)
    key = key.rstrip(" \t")
    return "gpgcheck" if how.alias and key == "pkg_gpgcheck" else key, _unquoted(value, how)


_BLANKS = " \t\r"


def _unquoted(value: str, how: Reading) -> str:
    value = value.strip(_BLANKS)
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted and not how.trimmed else value


def elsewhere(name: str, settings: Settings, usual: dict[str, str]) -> Absent | None:
    """Why the metadata were not found: a directory of the section is not the `usual` one."""
    for key, path in usual.items():
        if normpath(settings.get(key, path)) != path:
            setting = verbatim(f"[{name}] {key}={settings[key].strip()}")
            detail = msg("The package metadata are in a directory that was not read: {setting}",
                         setting=setting)  # fmt: skip
            return Absent(reason=Reason.NOT_COLLECTED, detail=detail)
    return None


def is_on(text: str | None, default: bool) -> bool:
    """The switch `text` as libdnf reads it: what is no word for yes or no leaves the default."""
    return text in YES or (text not in _NO and default)


def unique(sections: Iterable[Section]) -> list[Section]:
    """`sections` without those whose name stood in a file before: the program passes over them."""
    found: dict[str, Section] = {}
    for section in sections:
        found.setdefault(section.name, section)
    return list(found.values())


def overridden(section: Section, overrides: Iterable[Section]) -> Section:
    """`section` with the settings of each override whose name, a pattern, it fits (dnf 5)."""
    settings = dict(section.settings)
    for override in overrides:
        if fnmatchcase(section.name, override.name):
            settings |= override.settings
    return section._replace(settings=settings)


def main_of(sections: Iterable[Section]) -> Settings:
    """The settings of [main]; the last of several values holds."""
    main: Settings = {}
    for section in sections:
        main |= section.settings if section.name == "main" else {}
    return main
