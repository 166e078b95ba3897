"""The command that looks for what a reviewer would reject in the records of a run."""

from __future__ import annotations

import datetime
from collections import Counter
from pathlib import Path

from audit_core.cli import stored
from audit_core.cli.context import Context
from audit_core.cli.output import print_json, print_table, say
from audit_core.cli.parser import LINT_FOUND
from audit_core.evaluate.record_lint import record_problems
from audit_core.model import msg
from audit_core.model.errors import InputError
from audit_core.model.review import RecordProblem
from audit_core.policy.strict_yaml import MAX_BYTES, read_bytes
from audit_core.text.translate import Translator
from audit_core.views.cli_views import RECORD_LINT_VIEW, RecordLintView, RecordProblemRow


def lint(context: Context) -> int:
    """The problems in the records of a stored run, a row each; 1 where there are some."""
    run = context.store.find(context.args.run)
    names = read_names(context.args.names) if context.args.names is not None else ()
    results = stored.read_results(context, run)
    say_ = tuple(Translator(lang, context.registry.locales).say for lang in ("en", "zh"))
    today = context.args.as_of or datetime.datetime.now(datetime.UTC).date()
    found = record_problems(results, today, names, say_)
    rows = tuple(dict.fromkeys(_row(context, problem) for problem in found))
    if context.args.format == "json":
        print_json(RecordLintView(schema=RECORD_LINT_VIEW, run=run.id, as_of=today.isoformat(),
                                  problems=rows))  # fmt: skip
    else:
        _print(context, rows)
    return LINT_FOUND if rows else 0


def read_names(path: Path) -> tuple[str, ...]:
    """The names in a text file, one a line; raises InputError with file and line."""
    raw = read_bytes(path)
    if len(raw) > MAX_BYTES:
        raise InputError(msg("{path}: larger than {most} bytes", path=str(path), most=MAX_BYTES))
    found = []
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            found.append(line.decode("utf-8").strip())
        except UnicodeDecodeError as error:
            detail = msg("{file}:{line}: expected text in UTF-8", file=str(path), line=number)
            raise InputError(detail) from error
    return tuple(dict.fromkeys(filter(None, found)))


def _row(context: Context, problem: RecordProblem) -> RecordProblemRow:
    return RecordProblemRow(
        kind=problem.kind.value,
        target=problem.target,
        catalog=problem.catalog,
        clause=problem.clause,
        detail=context.translator.say(problem.detail),
    )


def _print(context: Context, rows: tuple[RecordProblemRow, ...]) -> None:
    text = context.text
    if not rows:
        say(text("No problems"))
        return
    heads = [text("kind"), text("target"), text("clause"), text("detail")]
    cells = [(context.code(r.kind), _target(context, r), r.clause, r.detail) for r in rows]
    print_table(text("Problems of the records: {count}", count=len(rows)), heads, cells)
    counts = Counter(context.code(row.kind) for row in rows)
    say(context.listed(f"{kind} {count}" for kind, count in counts.items()))


def _target(context: Context, row: RecordProblemRow) -> str:
    if not row.catalog:
        return row.target
    return context.target_names((row.target,), row.catalog)[0]
