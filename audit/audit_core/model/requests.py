"""Requests as data, and their identity. Pure."""

from __future__ import annotations

import enum
import functools
import hashlib
import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import msgspec
from msgspec import Struct, structs

from audit_core.model.files import timeless_digest
from audit_core.model.messages import Message, msg


class Privilege(enum.StrEnum):
    """With which rights a request runs."""

    USER = "user"
    ROOT = "root"


class Reason(enum.StrEnum):
    """Why a fact is absent. Only NOT_PRESENT is a statement about the target."""

    NOT_PRESENT = "not_present"
    NOT_PERMITTED = "not_permitted"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    TRUNCATED = "truncated"
    UNPARSABLE = "unparsable"
    NOT_COLLECTED = "not_collected"
    UNSUPPORTED = "unsupported"
    FAULT = "fault"


class Request(Struct, frozen=True, kw_only=True, tag_field="type"):
    """A question as data. A plugin adds a type by subclassing with a `tag` of its own.

    `timeout_s` and `limit` (bytes of the answer) bound the asking. `partial_ok`: a cut answer is
    still handed to the parser, which must check `Answer.truncated`. `bounds` names the fields of a
    type that bound the asking, `waiting` these and all others that say nothing about what is asked.
    Every other field identifies the question where it differs from its default. So the default of
    such a field is part of its meaning and never changes, and a field that is added later needs a
    default that means what was asked before.

    `aside`: the answer only helps to read others, so that a record does not name it.

    `evidence_kind` is a code for what it yields, `evidence_title` that code in words.
    """

    evidence_kind: ClassVar[str] = "answer"
    evidence_title: ClassVar[Message | None] = None
    bounds: ClassVar[tuple[str, ...]] = ("timeout_s", "limit")
    waiting: ClassVar[frozenset[str]] = frozenset({*bounds, "partial_ok", "aside"})
    has_times: ClassVar[bool] = False

    privilege: Privilege = Privilege.USER
    timeout_s: int = 20
    limit: int = 1 << 20
    partial_ok: bool = False
    aside: bool = False

    def describe(self) -> str:
        """The question as one line for people."""
        raise NotImplementedError

    def short(self) -> str | Message:
        """The file, program or interface that is looked at, as a record names it.

        A message where it has no name that every reader knows, but words.
        """
        return self.describe()

    def place(self) -> str:
        """What a record names as looked at; empty where that is the target itself, as a file is."""
        named = self.short()
        return named if isinstance(named, str) else ""

    def as_message(self) -> Message:
        """The question in the reader's language; by default the line of `describe`."""
        return msg("{asked}", asked=self.describe())

    def identity(self) -> str:
        """SHA-256 (hex) of what is asked: equal questions are asked once and found again."""
        try:
            return _known_identity(self)
        except TypeError:  # a field that cannot be hashed
            return _identity(self)

    def accepts(self, exit_code: int | None, *, truncated: bool) -> bool:
        """Whether `exit_code` means an answer; None where the kind of question has none."""
        return True

    def if_not_found(self) -> Reason:
        """The reason for absence where the requested thing does not exist."""
        return Reason.NOT_PRESENT

    def kept(self, stdout: bytes, *, truncated: bool) -> bytes:
        """What of the bytes of an answer is stored; a type that looks at values keeps counts only.

        Called where the session ends, before anything is stored. Must not raise.
        """
        return stdout

    def timeless_digest(self, stdout: bytes) -> str:
        """A digest of an answer but for times in it that few parsers look at; only `has_times`.

        Equal for two answers only where a parser that looks at no `FileEntry.modified` cannot tell
        them apart; empty where that is not known.
        """
        return ""


def _identity(request: Request) -> str:
    defaults = _defaults(type(request))
    asked = {
        name: value
        for name, value in msgspec.to_builtins(request).items()
        if name not in request.waiting and not (name in defaults and defaults[name] == value)
    }
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()


_known_identity = functools.lru_cache(maxsize=4096)(_identity)  # the same are asked of every host


def short_of(request: Request) -> str | Message:
    """`request.short()`, made once for each request."""
    try:
        return _known_short(request)
    except TypeError:  # a field that cannot be hashed
        return request.short()


def place_of(request: Request) -> str:
    """`request.place()`, made once for each request: every finding on every host asks for it."""
    try:
        return _known_place(request)
    except TypeError:  # a field that cannot be hashed
        return request.place()


def described(request: Request) -> str:
    """`request.describe()`, made once for each request: every answer of every host holds it."""
    try:
        return _known_description(request)
    except TypeError:  # a field that cannot be hashed
        return request.describe()


@functools.lru_cache(maxsize=4096)
def _known_description(request: Request) -> str:
    return request.describe()


@functools.lru_cache(maxsize=4096)
def _known_short(request: Request) -> str | Message:
    return request.short()


@functools.lru_cache(maxsize=4096)
def _known_place(request: Request) -> str:
    return request.place()


@functools.cache
def _defaults(type_: type[Request]) -> dict[str, Any]:
    """The defaults of the fields of `type_`, as plain data."""
    found = {}
    for field in structs.fields(type_):
        if field.default is not msgspec.NODEFAULT:
            found[field.encode_name] = msgspec.to_builtins(field.default)
        elif field.default_factory is not msgspec.NODEFAULT:
            found[field.encode_name] = msgspec.to_builtins(field.default_factory())
    return found


def stored(request: Request) -> dict[str, Any]:
    """`request` as plain data with its type tag, as a bundle keeps it."""
    plain: dict[str, Any] = msgspec.to_builtins(request)
    return plain


_SHORT = 20
"""Characters of a command line that a record names whole."""

_PLAIN = re.compile(r"[A-Za-z0-9 _./:=@%+,-]+")
_PATH = re.compile(r"/|(/[A-Za-z0-9_.@+*-]+)+/?")
_WORD = re.compile(r"[a-z][a-z-]+")
_MODES = frozenset({"--verify", "-V"})
_AROUND = frozenset({"timeout", "nice", "ionice", "env"})
_READERS = frozenset({"cat", "sed", "grep", "head", "tail", "find", "stat", "ls"})


def _limited(argv: tuple[str, ...]) -> tuple[str, ...]:
    """`argv` without the programs that only limit the command behind them."""
    while posixpath.basename(argv[0]) in _AROUND:
        inner = next((n for n, word in enumerate(argv[1:], 1) if word.startswith("/")), 0)
        if not inner:
            return argv
        argv = argv[inner:]
    return argv


def _first_of(places: Sequence[str]) -> str:
    return places[0] + (" …" if len(places) > 1 else "")


def _subcommand(words: Sequence[str]) -> list[str]:
    """The first of `words` that is neither an option nor the value of one; none where unclear.

    Of a program that does one of several things by an option, that option.
    """
    if words and words[0] in _MODES:
        return [words[0]]
    before = ""
    for word in words:
        if _WORD.fullmatch(word) and not before.startswith("-"):
            return [word]
        before = word
    return []


_SIGPIPE = 141  # as a shell tells it: the reader closed the pipe


class Command(Request, frozen=True, kw_only=True, tag="command"):
    """A program with its exact argv, run on the target.

    `ok` lists the exit statuses that mean an answer. `not_found` is what exit status 127 (no such
    program) means: UNSUPPORTED unless its absence says something of the target (NOT_PRESENT).
    """

    evidence_kind: ClassVar[str] = "command"
    evidence_title: ClassVar[Message] = msg("command")
    waiting: ClassVar[frozenset[str]] = Request.waiting | {"ok", "not_found"}

    argv: tuple[str, ...]
    ok: tuple[int, ...] = (0,)
    not_found: Reason = Reason.UNSUPPORTED

    def describe(self) -> str:
        """The argv, its words joined by blanks."""
        return " ".join(self.argv)

    def short(self) -> str:
        """The command line where it is short and plain; else the program, or the files it reads.

        Programs around the command that only limit it are left out.
        """
        program, *words = _limited(self.argv)
        name = posixpath.basename(program)
        pairs = zip(("", *words), words, strict=False)
        paths = [w for before, w in pairs if _PATH.fullmatch(w) and before != "-e"]
        if name in _READERS and paths and paths[0] != "/":
            return _first_of(paths)
        whole = " ".join((name, *words))
        options = sum(word.startswith("-") for word in words)
        if len(whole) <= _SHORT and options < 2 and _PLAIN.fullmatch(whole):
            return whole
        if paths:
            return f"{name} {_first_of(paths)}"
        return " ".join((name, *_subcommand(words)))

    def accepts(self, exit_code: int | None, *, truncated: bool) -> bool:
        """Whether `exit_code` means an answer; an answer that was cut ends with SIGPIPE."""
        return exit_code in self.ok or (truncated and exit_code == _SIGPIPE)

    def if_not_found(self) -> Reason:
        """The reason for absence where the program does not exist."""
        return self.not_found


class ReadFile(Request, frozen=True, kw_only=True, tag="file"):
    """The bytes of one regular file of the target; a missing file is NOT_PRESENT."""

    evidence_kind: ClassVar[str] = "file"
    evidence_title: ClassVar[Message] = msg("file")

    path: str

    def describe(self) -> str:
        """The path of the file, as one line for people."""
        return self.path


class ReadFiles(Request, frozen=True, kw_only=True, tag="files"):
    """Several regular files in one answer, `Answer.files`, in the order of their paths.

        ReadFiles(paths=("/etc/sudoers", "/etc/sudoers.d"), depth=1, privilege=Privilege.ROOT)
        ReadFiles(globs=("/home/*/.ssh/authorized_keys",))
        ReadFiles(paths=("/var/cache/dnf",), names=("repomd.xml",), depth=5)

    `paths` are absolute. A path that is a file is read; of one that is a directory the files up to
    `depth` levels below are read, with `names` only those whose name matches one of these patterns
    (as `find -name`: `*` also stands for a leading dot). `globs` are absolute patterns of files, as
    of sh: `*`, `?` and `[...]` never stand for a slash, nor for a leading dot. Symbolic links are
    followed everywhere. Patterns are matched on the target, by find(1).

    Each file has an entry, read or not: see `FileStatus`. A path that is not there is an entry
    NOT_PRESENT; a glob that nothing matches, and a directory without files, have none. A directory
    that cannot be looked into is an entry NOT_PERMITTED under its own path. So an answer is
    complete where every entry is READ or NOT_PRESENT. Files above `file_limit` bytes are
    TOO_BIG. An answer of more than `limit` bytes or `max_files` entries is cut: `truncated`.

    As root each search is one exact argv of find(1), which itself runs base64(1) and sha256sum(1)
    on the files: nothing of it depends on what is found, and no shell runs as root.
    """

    evidence_kind: ClassVar[str] = "files"
    evidence_title: ClassVar[Message] = msg("several files")
    bounds: ClassVar[tuple[str, ...]] = (*Request.bounds, "file_limit", "max_files")
    has_times: ClassVar[bool] = True
    waiting: ClassVar[frozenset[str]] = Request.waiting | {*bounds}

    paths: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    depth: int = 0
    names: tuple[str, ...] = ()
    limit: int = 4 << 20
    file_limit: int = 1 << 20
    max_files: int = 5000

    def __post_init__(self) -> None:
        if not (self.paths or self.globs):
            raise ValueError("paths or globs are needed")
        for place in (*self.paths, *self.globs):
            if not place.startswith("/") or "\0" in place:
                raise ValueError(f"not an absolute path: {place!r}")

    def describe(self) -> str:
        """The paths, each with the names and the depth to which files below are read; the globs."""
        below = " or ".join(self.names) or "*"
        under = f" ({below}, {self.depth} deep)" if self.depth else ""
        return " ".join((*(path + under for path in self.paths), *self.globs))

    def short(self) -> str:
        """The first path, and that there are more."""
        return _first_of([*self.paths, *self.globs])

    def timeless_digest(self, stdout: bytes) -> str:
        """The digest of all but the times of the files."""
        return timeless_digest(stdout)


def merged(requests: Iterable[Request]) -> dict[str, Request]:
    """`requests` by identity, each once; of equal questions the longest time and size hold."""
    found: dict[str, Request] = {}
    for request in requests:
        key = request.identity()
        before = found.get(key)
        found[key] = request if before is None else _longer(before, request)
    return found


def _longer(one: Request, other: Request) -> Request:
    widest = {name: max(getattr(one, name), getattr(other, name)) for name in one.bounds}
    return structs.replace(one, **widest)
