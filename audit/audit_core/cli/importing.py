"""The command `import`: what people filled in in a document of a pack goes into its run.

It tells what differs and stores nothing; with `--yes` it does.
"""

from __future__ import annotations

from pathlib import Path

from audit_core.attest.importing import Change, Imported, Source, imported
from audit_core.cli import answers
from audit_core.cli.context import Context
from audit_core.cli.output import print_table, say
from audit_core.cli.stored import evaluated, read_results
from audit_core.model import msg
from audit_core.model.errors import InputError, ToolMissing
from audit_core.model.forms import Form
from audit_core.store.answers import AnswersFolder
from audit_core.store.runs import Run
from audit_core.text.system_errors import os_error
from audit_core.views.results_view import joined

MAX_BYTES = 64 << 20
_CODED = frozenset({"answer", "status", "retest", "risk"})
"""Fields whose values are codes; the others are what a person wrote."""


def import_document(context: Context) -> int:
    """Prints what a document changes of its run; `--yes` stores it and evaluates the run."""
    path: Path = context.args.document
    raw = _bytes(path)
    form = _form(context, path, raw)
    run = _run(context, path, form)
    folder = AnswersFolder(run)
    in_use = folder.in_use()
    source = Source(path=path, raw=raw, by=context.args.by, today=answers.today())
    found = imported(
        form, source, folder.load(in_use.answers), read_results(context, run), context.policy,
        answers.redacting(context),
    )  # fmt: skip
    _show(context, run, found)
    if found.changes and context.args.yes:
        folder.use(found.answers, found.blobs, in_use.judged)
        evaluated(context, run)  # here, so that the same import once more changes no byte
        say(context.text("Stored. dengbao pack {run} -o FILE writes the pack anew", run=run.id))
    elif found.changes:
        say(context.text("Nothing was stored; the same command with --yes does"))
    return 0


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(MAX_BYTES + 1)
    except OSError as error:
        detail = msg("{path}: cannot be read: {error}", path=str(path), error=os_error(error))
        raise InputError(detail) from error


def _form(context: Context, path: Path, raw: bytes) -> Form:
    importers = context.registry.importers.values()
    for importer in importers:
        if path.suffix.lower() in importer.suffixes:
            return importer.read(path, raw)
    known = tuple(sorted({suffix for i in importers for suffix in i.suffixes}))
    if not known:
        raise ToolMissing(msg("no installed plugin reads documents back"))
    raise InputError(
        msg("{path}: no installed plugin reads such files; there are: {known}",
            path=str(path), known=known)
    )  # fmt: skip


def _run(context: Context, path: Path, form: Form) -> Run:
    """The run of the document; raises InputError where it is another than the one named."""
    named = context.args.run
    if named is not None and (found := context.store.find(named)).id != form.run:
        raise InputError(
            msg("{path}: it is of the run {run}, not of {named}",
                path=str(path), run=form.run, named=found.id)
        )  # fmt: skip
    if form.run not in context.store.ids():
        raise InputError(
            msg("{path}: it is of the run {run}, which this store does not hold",
                path=str(path), run=form.run)
        )  # fmt: skip
    return context.store.find(form.run)


def _show(context: Context, run: Run, found: Imported) -> None:
    text = context.text
    if not found.changes:
        say(text("Nothing differs from what run {run} holds", run=run.id))
        return
    rows = [(change.where, change.key, _difference(context, change)) for change in found.changes]
    heads = (text("row"), text("about"), text("changes"))
    print_table(text("Changes for run {run}: {count}", run=run.id, count=len(rows)), heads, rows)


def _difference(context: Context, change: Change) -> str:
    notes = []
    for name in dict.fromkeys((*change.after, *change.before)):
        before, after = change.before.get(name, ""), change.after.get(name, "")
        if before != after:
            was = f"{_word(context, name, before)} → " if before else ""
            now = _word(context, name, after) or "–"
            notes.append(msg("{name}: {change}", name=_title(context, name), change=was + now))
    return joined((*notes, *change.notes), context.translator.say, context.lang)


_OF_ISSUES = {("status", "open"): msg("open"), ("risk", "none"): msg("no risk left")}
"""Codes that are other words elsewhere, by their field."""


def _title(context: Context, name: str) -> str:
    return context.text("status") if name == "status" else context.code(name)


def _word(context: Context, name: str, value: str) -> str:
    if (name, value) in _OF_ISSUES:
        return context.translator.say(_OF_ISSUES[name, value])
    return context.code(value) if name in _CODED else value
