"""The command `dengbao`: arguments, printing and exit codes; each command calls the stages in turn.

May import `views`, `pack`, `evaluate`, `collect`, `connectors`, `store`, `plan`, `inventory`,
`attest`, `policy`, `api`, `text` and `model`.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit_core.model.errors import DengbaoError


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns its exit code. Errors are one line on stderr."""
    from audit_core.cli.parser import language

    words = sys.argv[1:] if argv is None else argv
    lang = language(words)
    try:
        return _guarded(words, lang)
    except SystemExit as ended:
        return int(ended.code or 0)


def _guarded(words: list[str], lang: str) -> int:
    from audit_core.cli.output import complain
    from audit_core.model.errors import DengbaoError

    try:
        return _carried_out(words, lang)
    except DengbaoError as error:
        complain(_error_line(error, lang))
        return error.exit_code
    except KeyboardInterrupt:
        complain(_interrupted(words, lang))
        return 130
    except BrokenPipeError:
        _drop_stdout()
        return 141
    except OSError as error:
        from audit_core.text.system_errors import os_error
        from audit_core.text.translate import Translator

        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{Translator(lang).say(os_error(error))}")
        return 74


def _error_line(error: DengbaoError, lang: str) -> str:
    """The line of `error`; plugins bring the Chinese of their own messages."""
    from audit_core.text.translate import Translator

    if lang == "en":
        return Translator(lang).say(error.detail)
    from audit_core.api.plugins import load

    return Translator(lang, load().locales).say(error.detail)


def _carried_out(words: list[str], lang: str) -> int:
    from audit_core.cli.parser import parse

    if words in (["--version"], ["-V"]):  # --version imports nothing else
        from audit_core import __version__

        print(f"dengbao {__version__}", flush=True)
        return 0
    if (
        sys.flags.optimize > 1
    ):  # titles of checks are docstrings: without them no check could be offered
        from audit_core.model import msg
        from audit_core.model.errors import ConfigError

        raise ConfigError(msg("Python runs without docstrings (-OO): checks have no titles then"))
    try:
        args = parse(words, lang)
        from audit_core.cli.commands import dispatch

        return dispatch(args, lang)
    finally:
        sys.stdout.flush()  # here, so that a full disk or a closed pipe is reported as such


def _interrupted(words: list[str], lang: str) -> str:
    from audit_core.text.translate import Translator

    text = Translator(lang).text
    if {"run", "collect"} & set(words):
        return text("interrupted; the same command with --resume continues an interrupted run")
    return text("interrupted")


def _drop_stdout() -> None:
    """Discards buffered output that nobody reads; flushing it at exit would fail again."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)


def entry() -> None:
    """Runs the command line in `sys.argv` and exits with its exit code."""
    _ready()
    try:
        code = main()
    except KeyboardInterrupt:
        code = 130
    except Exception:  # noqa: BLE001 (Python would end with 1, and 1 is a verdict)
        code = _fault_lines()
    if code == 130:
        # A thread that waits for a target would keep the process alive for half a minute.
        with contextlib.suppress(OSError, AttributeError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _fault_lines() -> int:
    import traceback

    traceback.print_exc()
    return 70


def _ready() -> None:
    """Prepares the standard streams and the handling of signals."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except (
            OSError
        ):  # closed: otherwise a file of the store would get the descriptor, and stray output
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The terminal's encoding may lack characters of a target.
        sys.stdout.reconfigure(errors="backslashreplace")
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is signal.SIG_DFL:
            signal.signal(ending, signal.default_int_handler)
