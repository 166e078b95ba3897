"""Secrets by reference: resolved late, held in memory only, never shown.

A reference is one of ``env:NAME``, ``file:PATH``, ``prompt:LABEL``, ``keyring:SERVICE/USER``.
"""

from __future__ import annotations

import getpass
import importlib
import importlib.util
import os
import shlex
import stat
import sys
import threading
from typing import NoReturn

from audit_core.model import msg
from audit_core.model.errors import ConfigError
from audit_core.text.system_errors import os_error

_SCHEMES = ("env", "file", "prompt", "keyring", "vault")
_FILE_LIMIT = 64 << 10


class Secret:
    """A value whose `repr` is `***`; `reveal()` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; the caller must not store, log or print it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


class Secrets:
    """Resolves references, each at most once in its life, from any thread.

    `known()` is every value that was resolved: the texts that must not reach a stored byte.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, Secret] = {}

    def resolve(self, reference: str) -> Secret:
        """The secret that `reference` names; raises ConfigError, which says why there is none."""
        with self._lock:  # one prompt at a time, and each only once
            if reference not in self._values:
                self._values[reference] = _resolve(reference)
            return self._values[reference]

    def known(self) -> tuple[Secret, ...]:
        """All secrets resolved so far, in no particular order."""
        with self._lock:
            return tuple(self._values.values())


def is_reference(text: str) -> bool:
    """Whether `text` is written as a reference (its secret may still not exist)."""
    return text.partition(":")[0] in _SCHEMES and ":" in text


def _resolve(reference: str) -> Secret:
    scheme, _, rest = reference.partition(":")
    if not is_reference(reference) or not rest:
        # The text is not repeated: it may be a secret written where a reference belongs.
        raise ConfigError(
            msg("a secret is given as env:NAME, file:PATH, prompt:LABEL or keyring:S/U")
        )
    match scheme:
        case "env":
            return Secret(_from_env(rest))
        case "file":
            return Secret(read_private_file(rest).removesuffix("\n").removesuffix("\r"))
        case "prompt":
            return Secret(_from_prompt(rest))
        case "keyring":
            return Secret(_from_keyring(rest))
    raise ConfigError(
        msg(
            "{reference}: vault references are not available in this version",
            reference=str(reference),
        )
    )


def _from_env(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ConfigError(
            msg("env:{name}: the environment variable is not set or is empty", name=str(name)),
            command=f"read -rs {name} && export {name}" if name.isidentifier() else "",
        )
    return value


def read_private_file(path: str, *, create: str = "install -m 600 /dev/stdin") -> str:
    """The text of a file that only its owner can read; raises ConfigError for any other file.

    `create` makes the file where there is none, with the path as its last word.
    """
    try:
        with open(os.path.expanduser(path), "rb", opener=_open_without_waiting) as file:
            _refuse_open_file(path, os.fstat(file.fileno()))
            raw = file.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(
            msg("{path}: cannot be read ({error})", path=str(path), error=os_error(error)),
            command=f"{create} {in_shell(path)}" if isinstance(error, FileNotFoundError) else "",
        ) from error
    if len(raw) > _FILE_LIMIT:
        raise ConfigError(
            msg(
                "{path}: larger than {file_limit} bytes, not a file with a secret",
                path=str(path),
                file_limit=str(_FILE_LIMIT),
            )
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(msg("{path}: the secret is not UTF-8 text", path=str(path))) from error


def in_shell(path: str) -> str:
    """`path` as one word of a POSIX shell, which puts the home directory for `~/`."""
    home = path.startswith("~/")
    return f"~/{shlex.quote(path[2:])}" if home else shlex.quote(path)


def _open_without_waiting(path: str, flags: int) -> int:
    # A fifo must not hang the run; it is refused once it is open.
    return os.open(path, flags | os.O_NONBLOCK)


def _refuse_open_file(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(msg("{path}: the secret is not in a regular file", path=str(path)))
    if status.st_uid not in (0, os.geteuid()):
        raise ConfigError(
            msg("{path}: the file with the secret belongs to another user", path=str(path)),
            command=f'sudo chown "$(id -un)" {in_shell(path)}',
        )
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigError(
            msg(
                "{path}: the secret is accessible to other users (mode {mode}); run chmod 600",
                path=path,
                mode=f"{mode:04o}",
            ),
            command=f"chmod 600 {in_shell(path)}",
        )


def _from_prompt(label: str) -> str:
    # getpass falls back to an echoing read of stdin without a terminal: never that.
    if not sys.stdin.isatty():
        raise ConfigError(msg("prompt:{label}: there is no terminal to ask on", label=str(label)))
    return getpass.getpass(f"{label}: ")


def _from_keyring(place: str) -> str:
    if importlib.util.find_spec("keyring") is None:
        raise ConfigError(
            msg(
                "keyring:{place}: not available, the Python library keyring is not installed",
                place=str(place),
            ),
            command="pip install keyring",
        )
    service, _, user = place.rpartition("/")
    value = importlib.import_module("keyring").get_password(service, user)
    if not value:
        raise ConfigError(
            msg("keyring:{place}: the keyring holds no such secret", place=str(place)),
            command=f"keyring set {shlex.quote(service)} {shlex.quote(user)}",
        )
    return str(value)
