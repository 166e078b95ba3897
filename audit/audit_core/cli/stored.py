"""The commands about a stored run: evaluate, results, pack, verify."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from audit_core import evaluate as evaluation
from audit_core.api.hooks import Exporter
from audit_core.cli import answers, explain, fail_on, findings, progress, summary
from audit_core.cli.context import Context
from audit_core.cli.output import note, print_json, print_pieces, print_table, say
from audit_core.cli.parser import NOT_IN_FULL
from audit_core.evaluate.previous_issues import is_comparable
from audit_core.model import msg
from audit_core.model.errors import InputError, StoreError, ToolMissing, UsageError
from audit_core.model.results import Results
from audit_core.policy import Profile
from audit_core.store.results import ResultsFolder
from audit_core.store.runs import Run
from audit_core.views.results_view import json_pieces

if TYPE_CHECKING:
    from audit_core.pack.keys import SigningKey
    from audit_core.pack.writer import Packed


_SHOWN = 30  # problems of a pack that are printed: a zip made anew by another program has hundreds


def profile_of(context: Context, run: Run) -> Profile:
    """The profile that `run` is evaluated with: the one that was named, else its own."""
    file = run.file
    return context.profile(getattr(context.args, "profile", None) or file.profile, file.extensions)


def take_answers(context: Context, run: Run, given: answers.GivenStatements) -> None:
    """What `--answers`, `--waivers` and `--as-of` say counts for `run`."""
    answers.take(context, run, profile_of(context, run), given)


def evaluated(context: Context, run: Run) -> Results:
    """The results of `run`, evaluated now and stored; raises StoreError where they cannot be."""
    work = context.work(profile_of(context, run))
    folder = ResultsFolder(run.results_path(work.profile.id))
    before = folder.stored()
    found = _with_progress(context, run, work, folder)
    if before is not None and before.index != found.index:
        note(
            context.text(
                "The results differ from those of the last evaluation: program, policy or answers "
                "changed, or the collection was continued"
            )
        )
    _warn_incomplete(context, found)
    return found


def _with_progress(
    context: Context, run: Run, work: evaluation.Work, folder: ResultsFolder
) -> Results:
    with progress.counted(context, context.text("evaluating")) as on_done:
        return evaluation.evaluate(run, work, folder, on_done=on_done)


def read_results(context: Context, run: Run) -> Results:
    """The stored results of `run`; evaluated now where none are stored or others would come out.

    If they cannot be stored, that is reported, and they are made in a temporary directory, so that
    a store on a read-only medium can be read.
    """
    work = context.work(profile_of(context, run))
    folder = ResultsFolder(run.results_path(work.profile.id))
    found = folder.stored()
    if found is not None and found.run.sealed and found.run == evaluation.stamp(run, work):
        return found
    if found is not None and found.run.sealed:
        note(
            context.text(
                "The stored results come from other code, another policy or other answers: "
                "evaluated again"
            )
        )
    try:
        found = _with_progress(context, run, work, folder)
    except StoreError as error:
        detail = msg("The results are not stored: {error}", error=error.detail)
        note(context.translator.say(detail))
        found = evaluation.evaluate(run, work, ResultsFolder(context.temporary_folder()))
    _warn_incomplete(context, found)
    return found


def _warn_incomplete(context: Context, found: Results) -> None:
    if not found.run.sealed:
        note(
            context.text(
                "The collection of this run is incomplete; dengbao run --resume continues the "
                "newest incomplete run"
            )
        )


def exit_code(context: Context, run: Run, results: Results) -> int:
    """0 carried out in full, 4 not, else 1 where what `--fail-on` asks for holds."""
    words = getattr(context.args, "fail_on", ())
    asked = fail_on.read(words, profile_of(context, run)) if words else None
    if not results.complete:
        return NOT_IN_FULL
    if asked is None:
        return 0
    return int(fail_on.holds(asked, results, lambda: _before(context, run)))


def _before(context: Context, run: Run) -> Results | None:
    """The results of the run before `run` under the same profile; None where there is none."""
    before = context.store.before(run)
    if before is None:
        note(context.text("There is no earlier run to compare with: every failed finding is new"))
        return None
    if not getattr(context.args, "quiet", False):
        note(context.text("Compared with {id}", id=before.id))
    return read_results(context, before)


def conclude(context: Context, run: Run, *, output: Path | None) -> int:
    """Evaluates `run`, prints the results, and writes the pack to `output` if given."""
    results = evaluated(context, run)
    packed = None
    if output is not None:
        check_output(output)
        exporters = context.registry.exporters
        packed = _packed(context, run, results, output, _key(context), exporters)
    return _printed(context, run, results, packed)


def _printed(context: Context, run: Run, results: Results, packed: Packed | None) -> int:
    """Prints the results of `run`; returns the exit code. With `--quiet` 0 says enough."""
    code = exit_code(context, run, results)
    if packed is not None and packed.faults:  # a pack without its workbook, whatever the verdicts
        code = ToolMissing.exit_code
    if code == 0 and getattr(context.args, "quiet", False) and context.args.format != "json":
        return code
    if context.args.format == "json":
        print_pieces(json_pieces(results, context.translator))
    else:
        summary.print_summary(context, results, run, lambda: summary.print_worst(context, results))
        if packed is not None:
            say(context.text("Evidence pack: {path}", path=packed.path))
    return code


def evaluate(context: Context) -> int:
    """Evaluates a stored run and prints the results."""
    run = context.store.find(context.args.run)
    take_answers(context, run, answers.given(context))
    return conclude(context, run, output=None)


def results(context: Context) -> int:
    """Prints all findings of a stored run, or those that the options leave."""
    run = context.store.find(context.args.run)
    found = read_results(context, run)
    wanted = findings.filter_of(context.args, found, profile_of(context, run).bindings)
    if context.args.format == "json":
        translator = context.translator
        print_pieces(
            json_pieces(found, translator, finding=wanted.finding, conclusion=wanted.conclusion)
        )
    elif context.args.verbose:
        explain.print_in_full(context, run, found, wanted)
    else:
        summary.print_summary(
            context,
            found,
            run,
            lambda: findings.print_findings(context, found, wanted),
            filtered=wanted != findings.Filter(),
        )
    return exit_code(context, run, found)


def check_output(output: Path) -> None:
    """Nothing, where a pack can be written to `output`; raises UsageError or StoreError."""
    if output.is_dir():
        raise UsageError(
            msg("{output} is a directory; give the file name of the pack", output=str(output))
        )
    if output.exists() and not output.is_file():
        raise UsageError(msg("{output} is not a regular file", output=str(output)))
    if not output.parent.is_dir():
        raise StoreError(
            msg(
                "{output}: there is no directory {parent}",
                output=str(output),
                parent=str(output.parent),
            )
        )
    if not os.access(output.parent, os.W_OK):
        raise StoreError(
            msg(
                "{output}: the directory {parent} is not writable",
                output=str(output),
                parent=str(output.parent),
            )
        )


def _packed(
    context: Context, run: Run, results: Results, output: Path, key: SigningKey,
    exporters: Mapping[str, Exporter],
) -> Packed:  # fmt: skip
    from audit_core.pack import writer

    with progress.counted(context, context.text("packing")):
        packed = writer.write_pack(
            run,
            results,
            exporters=exporters,
            lang=context.lang,
            translator=context.translator,
            out=output,
            key=key,
            before=_last_time(context, run, results),
        )
    for fault in packed.faults:
        note(context.translator.say(fault))
    return packed


def _last_time(context: Context, run: Run, results: Results) -> Results | None:
    """The stored results of the run before of the same objects, as they were concluded then."""
    before = context.store.before(run)
    if before is None:
        return None
    found = ResultsFolder(before.results_path(results.run.profile)).stored()
    return found if found is not None and is_comparable(found, results) else None


def _key(context: Context) -> SigningKey:
    """The key that was given, else that of the store, made on first use."""
    from audit_core.pack import keys

    given = context.args.key
    return _signing(context, given) if given is not None else keys.of_store(context.store.root)


def _any_key(context: Context) -> SigningKey:
    """As `_key`; where the store has none and cannot be written to, one for this pack alone."""
    from audit_core.pack import keys

    try:
        return _key(context)
    except StoreError as error:
        detail = msg(
            "The store holds no signing key and none can be created in it: {error}; this pack "
            "is signed with a temporary key, --key FILE signs with your own",
            error=error.detail,
        )
        note(context.translator.say(detail))
        return keys.passing()


def _signing(context: Context, path: Path) -> SigningKey:
    from audit_core.pack import keys

    phrase = None
    if b"ENCRYPTED" in path.read_bytes()[:4096]:
        asked = context.secrets.resolve(f"prompt:{context.text('Passphrase of the signing key')}")
        phrase = asked.reveal().encode()
    return keys.load(path, phrase)


def pack(context: Context) -> int:
    """Writes the evidence pack of a stored run."""
    run = context.store.find(context.args.run)
    check_output(context.args.output)
    exporters = context.registry.exporters | _template(context)
    take_answers(context, run, answers.given(context))
    results = read_results(context, run)
    key = _any_key(context)
    packed = _packed(context, run, results, context.args.output, key, exporters)
    say(context.text("Evidence pack: {path}", path=packed.path))
    return ToolMissing.exit_code if packed.faults else 0


def _template(context: Context) -> dict[str, Exporter]:
    """An exporter that fills the template that was given, by name; none where none was."""
    path, map_path = context.args.template, context.args.map
    if path is None and map_path is None:
        return {}
    if path is None or map_path is None:
        raise UsageError(msg("--template and --map are given together"))
    known: set[str] = set()
    for exporter in context.registry.exporters.values():
        if exporter.template is None:
            continue
        known.update(exporter.suffixes)
        if path.suffix.lower() in exporter.suffixes:
            opened = exporter.template(path, map_path)
            for template_note in opened.notes:
                note(context.translator.say(template_note))
            name = f"{exporter.name} {path.name}"
            return {name: Exporter(name=name, write=opened.write)}
    raise InputError(
        msg("{path}: no installed plugin fills such files; there are: {known}",
            path=str(path), known=tuple(sorted(known)))
    )  # fmt: skip


def verify(context: Context) -> int:
    """Checks a pack or a run; 0 where everything agrees, else 65."""
    from audit_core.pack import verify as verifying
    from audit_core.pack.report import report_view

    name = context.args.run
    path = Path(name)
    if not path.is_file() and (path.suffix == ".zip" or path.name != name):
        raise InputError(msg("{name}: there is no such file", name=name))
    thing = path if path.is_file() else context.store.find(name)
    key, fingerprint = context.args.key, context.args.fingerprint
    if isinstance(thing, Run) and (key is not None or fingerprint is not None):
        raise UsageError(
            msg("a stored run carries no signature; --key and --fingerprint are for packs")
        )
    report = verifying.verify(thing, trusted_key=key, fingerprint=fingerprint)
    if context.args.format == "json":
        print_json(report_view(report, context.translator))
    else:
        say_ = context.translator.say
        # The list of checked items would suggest that they are in order.
        state = context.text("checked") if report.problems else context.code("ok")
        rows = [(state, say_(m)) for m in report.checked]
        rows += [(context.text("note"), say_(m)) for m in report.notes]
        rows += [
            (context.text("ERROR"), f"{p.where} {say_(p.detail)}".strip())
            for p in report.problems[:_SHOWN]
        ]
        if (more := len(report.problems) - _SHOWN) > 0:
            rows.append(("", context.text("{count} more with --format json", count=more)))
        print_table(context.text("Verification of {name}", name=name), ["", ""], rows)
    if report.problems:
        note(context.text("Do not rely on it; problems: {count}", count=len(report.problems)))
        return InputError.exit_code
    return 0
