"""The command `dengbao`: parses its words, calls one stage after another, ends with one code."""

from __future__ import annotations

import argparse
import os
import sys


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns its exit code. What goes wrong is one line on stderr."""
    from audit_core.cli.parser import language, parse

    words = sys.argv[1:] if argv is None else argv
    if words in (["--version"], ["-V"]):
        from audit_core import __version__

        print(f"dengbao {__version__}")
        return 0
    lang = language(words)
    try:
        args = parse(words, lang)
    except SystemExit as ended:
        return int(ended.code or 0)
    return _guarded(args, lang)


def _guarded(args: argparse.Namespace, lang: str) -> int:
    from audit_core.cli.output import complain
    from audit_core.errors import DengbaoError

    try:
        from audit_core.cli.commands import dispatch

        return dispatch(args, lang)
    except DengbaoError as error:
        from audit_core.i18n import Translator

        complain(error.told(Translator(lang).say))
        return error.exit_code
    except KeyboardInterrupt:
        from audit_core.i18n import Translator

        line = "interrupted; dengbao run --resume goes on from here"
        complain(Translator(lang).text(line))
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{error.strerror or error}")
        return 74


def entry() -> None:
    """The console script."""
    try:
        code = main()
    except KeyboardInterrupt:
        code = 130
    if code == 130:
        # A thread that waits for a target to speak would hold the process for half a minute.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
