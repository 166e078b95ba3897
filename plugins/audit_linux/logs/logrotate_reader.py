"""The stanzas of logrotate's configuration, as logrotate 3.21 reads it (its config.c).

It reads character by character: a switch ends a keyword, not the line, so `compress rotate 4` sets
both; a value is the rest of its line. A value that is refused drops the stanza: what follows up to
a `}` at the start of a line is passed over. Outside of a stanza it drops the rest of the file, and
so does `weekly x` everywhere. Unknown keywords are passed over. Versions since 2025 take a day
behind `monthly`; 3.21 refuses it, and so does this.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping

from msgspec import Struct, structs

PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")
SCRIPTS = ("prerotate", "postrotate", "firstaction", "lastaction", "preremove")
TABOO = (
    ",v", ".bak", ".cfsaved", ".disabled", ".dpkg-bak", ".dpkg-del", ".dpkg-dist", ".dpkg-new",
    ".dpkg-old", ".dpkg-tmp", ".rhn-cfg-tmp-*", ".rpmnew", ".rpmorig", ".rpmsave", ".swp",
    ".ucf-dist", ".ucf-new", ".ucf-old", "~",
)  # fmt: skip
_SWITCHES = frozenset({
    "compress", "nocompress", "delaycompress", "nodelaycompress", "shred", "noshred",
    "allowhardlink", "noallowhardlink", "sharedscripts", "nosharedscripts", "copytruncate",
    "nocopytruncate", "renamecopy", "norenamecopy", "copy", "nocopy", "ifempty", "notifempty",
    "dateext", "nodateext", "dateyesterday", "nodateyesterday", "datehourago", "nodatehourago",
    "noolddir", "mailfirst", "maillast", "nocreateolddir", "nocreate", "errors", "nomail",
    "missingok", "nomissingok", "ignoreduplicates", "hourly", "daily", "monthly", "yearly",
})  # fmt: skip
_REST = ("su", "create", "createolddir", "compressoptions")  # these know no `=`
_NUMBERS = ("rotate", "start", "minage", "maxage", "shredcycles")
_PATHS = ("olddir", "compresscmd", "uncompresscmd", "compressext", "mail")
_LETTERS = re.compile(r"[ \t]*([A-Za-z]*)")
_SPACE = " \t\n\v\f\r"
_DEEPEST = 16


class Settings(Struct, frozen=True, kw_only=True):
    """What holds for one stanza; `period` is `size` where the size of the log decides."""

    rotate: int = 0
    period: str = "size"
    maxsize: int = 0
    maxage: int = 0
    olddir: str = ""
    ignoreduplicates: bool = False
    su: bool = False


class Stanza(Struct, frozen=True, kw_only=True):
    """One stanza: the patterns of its logs, and its settings.

    `refused` are the file, line and text because of which logrotate drops it. `unread` is the path
    of an include that was not read and may hold stanzas for any log.
    """

    patterns: tuple[str, ...]
    settings: Settings = Settings()
    refused: str = ""
    unread: str = ""


def read_stanzas(
    files: Mapping[str, str], main: str, folders: tuple[str, ...], ignored: Mapping[str, str]
) -> tuple[Stanza, ...]:
    """The stanzas of the file `main` and of what it includes, in order, with the refused ones.

    `files` are the texts of the files that were read, by path: `main` and those in `folders`;
    `ignored` tells why logrotate passes over some of them.
    """
    run = _Run(files, folders, ignored)
    run.read(main, Settings())
    return tuple(run.found)


class _RefusedError(Exception):
    """A value that drops the stanza."""


class _FileRefusedError(Exception):
    """An error after which nothing more of the file is read."""


class _Run:
    """One run of logrotate over its files: stanzas found so far, and names that are passed over."""

    def __init__(
        self, files: Mapping[str, str], folders: tuple[str, ...], ignored: Mapping[str, str]
    ) -> None:
        self.files, self.folders, self.ignored = files, folders, ignored
        self.found: list[Stanza] = []
        self.taboo = [f"*{end}" for end in TABOO]
        self.deep = 0

    def include(self, path: str, defaults: Settings) -> Settings:
        """The settings after reading the file or folder `path`."""
        place = path.rstrip("/") or "/"
        if self.deep >= _DEEPEST:
            return defaults
        self.deep += 1
        for name in self._files_of(place):
            defaults = self.read(name, defaults)
        self.deep -= 1
        known = place in self.folders or place.startswith(tuple(f"{d}/" for d in self.folders))
        if place not in self.files and not known:
            self.found.append(Stanza(patterns=("/var/log/*",), unread=path[:200]))
        return defaults

    def _files_of(self, place: str) -> list[str]:
        """The file, or those of the folder that are not passed over, in their order."""
        if place not in self.folders:
            return [place] if place in self.files else []
        rows = [name.rpartition("/") for name in sorted(self.files)]
        return [f"{folder}/{base}" for folder, _, base in rows
                if folder == place and not any(_is_taboo(base, p) for p in self.taboo)]  # fmt: skip

    def read(self, path: str, defaults: Settings) -> Settings:
        """The settings that hold after the file; those before it where it is refused."""
        begun = len(self.found)
        file = _File(self, path, self.files.get(path, ""), defaults)
        whole = file.read()
        if why := self.ignored.get(path):
            named = self.found[begun:]
            self.found[begun:] = [structs.replace(one, refused=f"{path} {why}") for one in named]
        return file.defaults if whole and not why else defaults


def _is_taboo(name: str, pattern: str) -> bool:
    """Whether the pattern stands for the name; for a dot in front only a dot does."""
    hidden = name.startswith(".") and not pattern.startswith(".")
    return not hidden and fnmatch.fnmatchcase(name, pattern)


class _File:
    """Reads one file: `at` is the position in the text, `step` what the next character is for."""

    def __init__(self, run: _Run, path: str, text: str, defaults: Settings) -> None:
        self.run, self.path, self.text, self.defaults = run, path, text, defaults
        self.at, self.step = 0, self._default
        self.open: Settings | None = None  # of the stanza that is read
        self.place = -1  # of that stanza among those found
        self.why = ""

    # --- state ---

    def read(self) -> bool:
        """Whether logrotate takes the file without dropping its rest."""
        try:
            while self.at < len(self.text):
                self._next()
                self.at += 1
            if self.step == self._script:
                raise _FileRefusedError("endscript")
        except _FileRefusedError as error:
            self._drop(str(error))
            return False
        return not self.why

    def _next(self) -> None:
        try:
            self.step()
        except _RefusedError as error:
            if self.open is None:
                raise _FileRefusedError(str(error)) from None
            self.why, self.step = str(error), self._error

    def _drop(self, why: str) -> None:
        """The stanza that is read is dropped; what it was for is kept with the reason."""
        if self.open is not None:
            line = self.text.count("\n", 0, self.at) + 1
            self.run.found[self.place] = structs.replace(
                self.run.found[self.place], refused=f"{self.path}:{line} {why}"[:200]
            )
        self.open = None

    @property
    def _settings(self) -> Settings:
        return self.open if self.open is not None else self.defaults

    def _set(self, **values: object) -> None:
        changed = structs.replace(self._settings, **values)
        if self.open is None:
            self.defaults = changed
        else:
            self.open = changed
            stanza = self.run.found[self.place]
            self.run.found[self.place] = structs.replace(stanza, settings=changed)

    # --- what a character is for ---

    def _default(self) -> None:
        char = self.text[self.at]
        if char in " \t\n":
            return
        if char == "#":
            self.step = self._skip_line
        elif char.isascii() and char.isalpha():
            self._keyword(self._word())
        elif char in "/\"'~":
            self._logs()
        elif char == "}" and self.open is not None:
            self.open, self.step = None, self._after_stanza
        elif char == "}":
            raise _FileRefusedError("}")
        else:
            raise _RefusedError(self._line()[:80])

    def _skip_line(self) -> None:
        if self.text[self.at] == "\n":
            self.step = self._default

    def _after_stanza(self) -> None:
        if self.text[self.at] == "\n":
            self.step = self._default
        elif self.text[self.at] not in " \t":
            self.step = self._skip_line

    def _error(self) -> None:
        """The character after the error is lost."""
        self.step = self._skip_stanza

    def _skip_stanza(self) -> None:
        if self.text[self.at] == "}":
            self._drop(self.why)
            self.step = self._default
        elif self._word() in SCRIPTS:
            self.step = self._skip_script
        elif self._here() != "\n":
            self._to_end_of_line()

    def _skip_script(self) -> None:
        self._script_line(self._skip_stanza)

    def _script(self) -> None:
        self._script_line(self._default)

    def _script_line(self, after: Callable[[], None]) -> None:
        if self._word() == "endscript":
            self.step = after
        elif self._here() != "\n":
            self._to_end_of_line()

    # --- words ---

    def _here(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else "\n"

    def _line(self) -> str:
        return self.text[self.at : self._end()]

    def _end(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end

    def _word(self) -> str:
        """The letters after blanks; the position is behind them."""
        found = _LETTERS.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found[1] if found else ""

    def _to_end_of_line(self) -> None:
        """Leaves the position at the end of the line."""
        self.at = self._end()

    def _rest(self) -> str:
        """The rest of the line without white space behind; the position is its last character."""
        rest = self._line()
        self.at += len(rest) - 1
        return rest.rstrip(_SPACE)

    def _value(self, name: str) -> str | None:
        """The rest of the line behind blanks and one `=`; None where the line ends there."""
        rest = self._line()
        value = rest.lstrip(" \t")
        value = value[1:].lstrip(" \t") if value.startswith("=") else value
        if not value and self._end() < len(self.text):
            if name in (*_NUMBERS, *_PATHS, "include", "extension", "addextension"):
                raise _RefusedError(name)
            return None
        self.at += len(rest) - len(value)
        return self._rest()

    # --- keywords ---

    def _keyword(self, name: str) -> None:
        if self._here() not in f"{_SPACE}=":
            raise _RefusedError(f"{name}{self._line()[:80]}")
        if name in SCRIPTS:
            self.step = self._script
        elif name in _SWITCHES:
            self._switch(name)
        elif name == "weekly":
            self._weekly(self._rest())
        elif name in _REST:
            self._check_rest(name, self._rest())
            if name == "su":
                self._set(su=True)
        elif name in _VALUES:
            self._check_value(name, self._value(name))
        elif self._here() != "\n":
            self.step = self._skip_line

    def _switch(self, name: str) -> None:
        if name in PERIODS:
            self._set(period=name)
        elif name == "noolddir":
            self._set(olddir="")
        elif name == "ignoreduplicates":
            self._set(ignoreduplicates=True)

    def _weekly(self, day: str) -> None:
        self._set(period="weekly")
        if day and not re.fullmatch(r"\s*\+?0*[0-7]", day, re.ASCII):
            raise _FileRefusedError(f"weekly{day}")

    def _check_rest(self, name: str, rest: str) -> None:
        words = rest.split()
        if len(words) > 3 - (name == "su") and name != "compressoptions":
            raise _RefusedError(f"{name}{rest}")
        if name == "su" and len(words) < 2:
            raise _RefusedError(f"{name}{rest}")
        mode = words[0] if name != "su" and len(words) in (1, 3) else "0"
        if name.startswith("create") and not re.fullmatch(r"\+?[0-7]{1,9}", mode, re.ASCII):
            raise _RefusedError(f"{name}{rest}")

    def _check_value(self, name: str, value: str | None) -> None:
        if value is None:
            return
        if name in _NUMBERS:
            self._number(name, value)
        elif name in _PATHS:
            self._path(name, value)
        elif name.endswith("size"):
            self._size(name, value)
        elif name in ("tabooext", "taboopat"):
            self._taboo(name, value)
        elif name == "include":
            self._include(value)

    def _number(self, name: str, value: str) -> None:
        number = _number(value)
        # it is stored before it is refused, and holds where nothing closes the stanza
        begun = number if number is not None else _number(value.partition(" ")[0])
        if name in ("rotate", "maxage"):
            self._set(**{name: begun or 0})
        if number is None or number < (-1 if name == "rotate" else 0):
            raise _RefusedError(f"{name} {value}")

    def _size(self, name: str, value: str) -> None:
        if not value:
            return
        number = _number(value[:-1] if value[-1] in "kKMG" else value)
        if number is None:
            raise _RefusedError(f"{name} {value}")
        if name == "size":
            self._set(period="size")
        elif name == "maxsize":
            self._set(maxsize=number)

    def _path(self, name: str, value: str) -> None:
        if re.search(r"[\s\x00-\x1f\x7f]", value):
            raise _RefusedError(f"{name} {value}")
        if name == "olddir":
            self._set(olddir=value)

    def _taboo(self, name: str, value: str) -> None:
        if self.open is not None:
            raise _RefusedError(f"{name} {value}")
        if not value.startswith("+"):
            self.run.taboo = []
        ends = [end for end in re.split(r"[\s,]+", value.removeprefix("+")) if end]
        self.run.taboo += [f"*{end}" if name == "tabooext" else end for end in ends]

    def _include(self, value: str) -> None:
        settings = self.run.include(value, self._settings)
        if self.open is None:
            self.defaults = settings

    # --- the names of a stanza ---

    def _logs(self) -> None:
        if self.open is not None:
            raise _RefusedError(self._line()[:80])
        names = self._without_comments()
        patterns = split_words(names)
        self.open, self.place = self.defaults, len(self.run.found)
        self.run.found.append(Stanza(patterns=patterns or (), settings=self.defaults))
        if self._here() != "{":
            raise _FileRefusedError("{")
        if patterns is None:
            raise _FileRefusedError(names[:80])

    def _without_comments(self) -> str:
        """The text up to the next bracket, lines that begin with `#` left out."""
        head: list[str] = []
        begun = True
        while self.at < len(self.text) and self.text[self.at] not in "{}":
            if begun and self.text[self.at] == "#":
                self._to_end_of_line()
                continue
            char = self.text[self.at]
            begun = char == "\n" or (begun and char in _SPACE)
            head.append(char)
            self.at += 1
        return "".join(head)


_VALUES = frozenset(
    (*_NUMBERS, *_PATHS, "size", "minsize", "maxsize", "tabooext", "taboopat", "include",
     "extension", "addextension", "dateformat")
)  # fmt: skip


def _number(text: str) -> int | None:
    """A whole number as strtol takes it with base 0: also hexadecimal and octal; None: none."""
    match = re.fullmatch(r"\s*([+-]?)(?:0[xX]([0-9a-fA-F]{1,8})|0([0-7]{0,9})|([1-9]\d{0,8}))",
                         text, re.ASCII)  # fmt: skip
    if match is None:
        return None
    sign, sixteen, eight, ten = match.groups()
    value = int(sixteen, 16) if sixteen else int(ten) if ten else int(eight or "0", 8)
    return -value if sign == "-" else value


_WORD = re.compile(r"""(?:\\.|"(?:\\.|[^"\\])*(?:"|$)|'(?:\\.|[^'\\])*(?:'|$)|[^\s"'\\])+""",
                   re.DOTALL)  # fmt: skip
_PIECE = re.compile(r"""\\(.)|(["'])((?:\\.|(?!\2)[^\\])*)(?:\2|$)|([^\s"'\\])""", re.DOTALL)


def split_words(text: str) -> tuple[str, ...] | None:
    """The words of popt's poptParseArgvString; None where a backslash ends the text.

    A quote that is open reaches to the end. Within quotes a backslash stands before the quote only.
    """
    if (len(text) - len(text.rstrip("\\"))) % 2:
        return None
    return tuple(_PIECE.sub(_piece, found[0]) for found in _WORD.finditer(text))


def _piece(found: re.Match[str]) -> str:
    escaped, quote, inner, plain = found.groups()
    return escaped or plain or (inner or "").replace(f"\\{quote}", quote or "")
