"""Every exception that dengbao raises on purpose, and the exit code of each class.

    DengbaoError
    ├── UsageError           64  wrong use of the command
    ├── InputError           65  a file that was given is broken (inventory, pack, bundle, profile)
    ├── ToolMissing          69  a program or library that this needs is not installed
    ├── StoreError           74  cannot read or write the store
    └── ConfigError          78  configuration that is well formed but cannot be acted on

What can happen to a target is never an exception that leaves a stage: it is a value
(:class:`audit_core.model.Absent`).
"""

import re
from collections.abc import Callable
from typing import ClassVar

from audit_core.model import Message, Value

_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


class DengbaoError(Exception):
    """Something the user can put right; `str()` is one clear line in English.

    `said` is that line as a message, for the reader's language; plain text is a message of its own.
    `parts` are places of `said` that are words, too, and not values: each is said by itself.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, said: Message | str, /, **parts: Message) -> None:
        self._parts = parts
        line = Message(id=said) if isinstance(said, str) else said
        args = {**line.args, **{name: _english(part) for name, part in parts.items()}}
        self.said = Message(id=line.id, args=args)
        super().__init__(_english(self.said))

    def told(self, say: Callable[[Message], str]) -> str:
        """The line in the language of `say`, which renders one message."""
        parts = {name: say(part) for name, part in self._parts.items()}
        return say(Message(id=self.said.id, args={**self.said.args, **parts}))


def _english(said: Message) -> str:
    return _PLACE.sub(lambda hit: _shown(said.args.get(hit[1], hit[0])), said.id)


def _shown(value: Value) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


class UsageError(DengbaoError):
    """The command was used wrongly."""

    exit_code = 64


class InputError(DengbaoError):
    """A file that was given is broken; the line names file, place and what was expected."""

    exit_code = 65


class ToolMissing(DengbaoError):
    """A program or library that is needed is not installed."""

    exit_code = 69


class StoreError(DengbaoError):
    """The store cannot be read or written."""

    exit_code = 74


class ConfigError(DengbaoError):
    """Configuration that is well formed but cannot be acted on."""

    exit_code = 78
