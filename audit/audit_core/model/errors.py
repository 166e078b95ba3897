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

from typing import ClassVar

from audit_core.model.messages import Message, english


class DengbaoError(Exception):
    """An error that the user can fix, as a message of one line; `str()` is English."""

    exit_code: ClassVar[int] = 70

    def __init__(self, detail: Message, *, command: str = "") -> None:
        """`command` is what fixes it, for a POSIX shell; empty where no command does."""
        super().__init__(english(detail))
        self.detail = detail
        self.command = command


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
