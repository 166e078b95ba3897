"""Why a finding is what it is: its facts, requests and answers, and the code that read them."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from audit_core.cli.context import Context
from audit_core.cli.findings import Filter
from audit_core.cli.output import say
from audit_core.model import Check, Fact, Finding, facts_in
from audit_core.model.messages import shortened
from audit_core.model.results import Evidence, FactValue, ObjectEntry, Results, number_width
from audit_core.pack import evidence
from audit_core.pack.evidence import Stored
from audit_core.store.runs import Run
from audit_core.views.results_view import joined

_FINDINGS = 50
_LINES = 10
"""How many lines of each stream of an answer are printed."""
_WIDTH = 200

Numbered = Mapping[str, tuple[str, Evidence]]
"""The observations in one bundle by digest, each with its folder in a pack."""


def print_in_full(context: Context, run: Run, results: Results, wanted: Filter) -> None:
    """The findings that `wanted` leaves, each with all that it rests on."""
    count = 0
    for bundle, entries, folders in _bundles(results):
        found = [f for e in entries for f in results.findings_of(e) if wanted.finding(f)]
        if found and count < _FINDINGS:
            facts = {(v.target, v.fact): v for e in entries for v in results.facts_of(e)}
            with evidence.opened(run, bundle) as stored:
                for f in found[: _FINDINGS - count]:
                    for line in _finding(context, f, facts, folders, stored):
                        say(line)
                    say()
        count += len(found)
    if count > _FINDINGS:
        say(context.text("{count} more; --target and --check leave fewer", count=count - _FINDINGS))
    say(context.text("Findings: {count}", count=count))
    say(
        context.text(
            "Evidence folders are those of a pack; to write one: dengbao pack {run} -o pack.zip",
            run=run.id,
        )
    )


def code_place(function: Callable[..., Any]) -> str:
    """Where `function` is written, `PACKAGE/FILE.py:LINE`; empty for what Python cannot name."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return ""
    path = Path(code.co_filename)
    package = path.parent
    while (package.parent / "__init__.py").exists():
        package = package.parent
    return f"{path.relative_to(package.parent).as_posix()}:{code.co_firstlineno}"


def _bundles(results: Results) -> Iterator[tuple[str, tuple[ObjectEntry, ...], Numbered]]:
    """The objects of each bundle, and what was observed of them."""
    # numbered as the pack does it, over all objects
    numbers, width = itertools.count(1), number_width(results)
    for bundle, grouped in itertools.groupby(results.entries, results.bundle_of):
        entries = tuple(grouped)
        seen = (item for entry in entries for item in results.observations_of(entry))
        numbered = {o.digest: (evidence.folder(next(numbers), o, width), o) for o in seen}
        yield bundle, entries, numbered


def _finding(
    context: Context,
    f: Finding,
    facts: Mapping[tuple[str, str], FactValue],
    observed: Numbered,
    stored: Stored,
) -> Iterator[str]:
    yield from _judgement(context, f)
    check = context.registry.checks.get(f.check)
    needed = _needed(context, check) if check is not None else ()
    values = [(fact, facts.get((f.target, fact.id))) for fact in dict.fromkeys(needed)]
    # what is not known decided; where all is known, any of it may have
    values.sort(key=lambda pair: _known(pair[1]))
    in_full = all(_known(value) for _, value in values)
    left = dict.fromkeys(d for d in f.evidence if d in observed)
    for fact, value in values:
        yield from _fact(context, fact, value)
        for digest in [d for d in left if value is not None and d in value.evidence]:
            del left[digest]
            yield from _answer(context, *observed[digest])
            if in_full or not _known(value):
                yield from _streams(context, observed[digest][1], stored)
    for digest in left:
        yield from _answer(context, *observed[digest])


def _judgement(context: Context, f: Finding) -> Iterator[str]:
    text, say_ = context.text, context.translator.say
    why = f" ({context.code(f.why)})" if f.why else ""
    yield f"{f.check} @ {f.target}: {context.code(f.verdict.value)}{why}"
    check = context.registry.checks.get(f.check)
    if check is not None:
        yield _field(text("title"), say_(check.title))
    yield _field(text("detail"), joined(f.details, say_, context.lang))
    if f.expected is not None:
        yield _field(text("expected"), say_(f.expected))
    if f.remedy is not None:
        yield _field(text("what helps"), say_(f.remedy))
    if check is not None:
        yield _field(text("code"), code_place(check.judge))


def _field(name: str, value: object, indent: str = "  ") -> str:
    return f"{indent}{name}: {value}"


def _needed(context: Context, check: Check) -> Iterator[Fact]:
    for named in (fact for need in check.needs for fact in facts_in(need)):
        fact = named if isinstance(named, Fact) else context.registry.facts.get(named)
        if fact is not None:
            yield fact


def _known(value: FactValue | None) -> bool:
    return value is None or not (value.reason or value.incomplete)


def _fact(context: Context, fact: Fact, value: FactValue | None) -> Iterator[str]:
    text, say_ = context.text, context.translator.say
    if value is None:
        state = text("of another target, or not looked at")
    elif value.reason:
        state = context.code(value.reason)
    else:
        state = context.code("incomplete") if value.incomplete else text("known")
    yield _field(f"{text('fact')} {fact.id}", state)
    if value is not None and value.reason and value.detail is not None:
        yield _field(text("why"), say_(value.detail), "    ")
    for gap in value.incomplete if value is not None else ():
        yield _field(text("missing"), say_(gap), "    ")
    functions = [fact.make] if fact.make is not None else [p.parse for p in fact.providers]
    places = ", ".join(dict.fromkeys(filter(None, map(code_place, functions))))
    if places:  # none is known of a function of Python itself
        yield _field(text("code"), places, "    ")


def _answer(context: Context, folder: str, evidence: Evidence) -> Iterator[str]:
    text = context.text
    yield _field(f"{text('request')} ({context.code(evidence.privilege)})", evidence.asked, "    ")
    ended = "" if evidence.exit_code is None else f", {text('exit code')} {evidence.exit_code}"
    detail = "" if evidence.detail is None else f": {context.translator.say(evidence.detail)}"
    yield _field(text("status"), f"{context.code(evidence.status)}{ended}{detail}", "      ")
    yield _field(text("evidence"), folder, "      ")


def _streams(context: Context, evidence: Evidence, stored: Stored) -> Iterator[str]:
    if evidence.stderr_size:
        yield from _stream(context, "stderr", stored.get(evidence.stderr_sha256))
    if evidence.stdout_size:
        yield from _stream(context, "stdout", stored.get(evidence.stdout_sha256))


def _stream(context: Context, name: str, data: bytes) -> Iterator[str]:
    lines = data.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
    for line in lines[:_LINES]:
        yield f"      {name} | {shortened(line, _WIDTH)}"
    if len(lines) > _LINES:
        more = context.text("{count} more lines", count=len(lines) - _LINES)
        yield f"      {name} … {more}"
