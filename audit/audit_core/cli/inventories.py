"""The commands `inventory check` and `inventory suggest`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from audit_core.cli.context import Context
from audit_core.cli.lists import listed
from audit_core.cli.output import note, print_json, print_table, say
from audit_core.cli.stored import read_results
from audit_core.evaluate.stored_facts import StoredFacts
from audit_core.inventory import Inventory, read_inventory
from audit_core.inventory.inserting import Parts, fragment, inserted
from audit_core.inventory.suggest import Suggestion, suggestions
from audit_core.model import Target, msg
from audit_core.model.errors import DengbaoError, StoreError, UsageError
from audit_core.policy.strict_yaml import load_bytes, read_bytes
from audit_core.store.frames import write_whole
from audit_core.views.cli_views import SUGGEST_VIEW, SuggestedPart, SuggestView, TargetRow


def check(context: Context) -> int:
    """What the inventory declares, a target a line; what is wrong with it is an error."""
    inventory = context.inventory()
    kind = str if context.args.format == "json" else context.code
    rows = [_row(inventory, target, kind(target.kind)) for target in inventory.targets]
    return listed(context, context.text("Targets"), rows)


def _row(inventory: Inventory, target: Target, kind: str) -> TargetRow:
    access = inventory.access_of(target)
    return TargetRow(
        id=target.id,
        kind=kind,
        object_type=target.object_type,
        address=target.address or "",
        access=access.via if access is not None else "",
    )


def suggest(context: Context) -> int:
    """The parts that what a run learned suggests, and the YAML that declares them."""
    run = context.store.find(context.args.run)
    results = read_results(context, run)
    path: Path | None = context.args.inventory
    inventory = context.inventory() if path is not None else None
    targets = inventory.targets if inventory is not None else run.file.targets
    access = inventory.access if inventory is not None else None
    found = suggestions(targets, context.registry, StoredFacts(results), access)
    output: Path | None = context.args.output
    if output is not None:
        _write(context, path, output, found)
    if context.args.format == "json":
        print_json(_view(context, run.id, found))
        return 0
    _print(context, found)
    if output is None:
        for line in _fragments(context, found).splitlines():
            say(line)
    return 0


def _view(context: Context, run: str, found: Iterable[Suggestion]) -> SuggestView:
    parts = tuple(
        SuggestedPart(
            target=s.target, kind=s.kind, id=s.id, key=s.key, written=s.written,
            why=context.translator.say(s.why),
        )
        for s in found
    )  # fmt: skip
    return SuggestView(schema=SUGGEST_VIEW, run=run, parts=parts)


def _print(context: Context, found: tuple[Suggestion, ...]) -> None:
    text = context.text
    if not found:
        say(text("Nothing to add: the facts of the run suggest no further parts"))
        return
    heads = [text("target"), text("kind"), text("id"), text("why")]
    rows = [(s.target, context.code(s.kind), s.id, context.translator.say(s.why)) for s in found]
    print_table(text("Suggested parts"), heads, rows)


def _grouped(context: Context, found: Iterable[Suggestion]) -> dict[str, Parts]:
    grouped: dict[str, dict[str, list[tuple[dict[str, object], str]]]] = {}
    for s in found:
        items = grouped.setdefault(s.target, {}).setdefault(s.key, [])
        items.append((s.written, context.translator.say(s.why)))
    return {target: dict(parts) for target, parts in grouped.items()}


def _fragments(context: Context, found: Iterable[Suggestion]) -> str:
    grouped = _grouped(context, found)
    return "".join(fragment(target, parts) for target, parts in grouped.items())


def _write(
    context: Context, path: Path | None, output: Path, found: tuple[Suggestion, ...]
) -> None:
    """Writes the inventory `path` with the parts that were `found` to `output`."""
    if path is None:
        raise UsageError(
            msg("-o writes a changed copy of the inventory: give the inventory with -i")
        )
    if output.exists():
        raise StoreError(msg("{path} exists already", path=str(output)))
    text = read_bytes(path).decode("utf-8-sig")
    written = inserted(text, _grouped(context, found))
    _read_again(context, written, output, found)
    write_whole(output, written.encode())
    note(context.text("Written: {path}", path=output))


def _read_again(
    context: Context, written: str, output: Path, found: tuple[Suggestion, ...]
) -> None:
    """Raises StoreError unless `written` is an inventory that declares all that was `found`."""
    try:
        read = read_inventory(load_bytes(written.encode(), str(output)), context.registry)
    except DengbaoError as error:
        detail = msg("The parts cannot be inserted into this file ({error}); paste them instead",
                   error=error.detail)  # fmt: skip
        raise StoreError(detail) from error
    missing = {s.id for s in found} - {target.id for target in read.targets}
    if missing:
        detail = msg("The parts cannot be inserted into this file ({error}); paste them instead",
                   error=", ".join(sorted(missing)))  # fmt: skip
        raise StoreError(detail)


COMMANDS: dict[str, Callable[[Context], int]] = {"check": check, "suggest": suggest}
