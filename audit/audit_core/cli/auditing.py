"""The commands that prepare or make a run: plan, collect, run."""

from __future__ import annotations

import re

from audit_core import plan as planning
from audit_core.cli import progress, stored
from audit_core.cli.context import Context, Selection, profile_name, resolved
from audit_core.cli.output import note, print_json, print_table, say
from audit_core.collect import Collector, now
from audit_core.evaluate import profile_checks
from audit_core.model import Privilege, Probe, Request, msg
from audit_core.model.errors import ConfigError, UsageError
from audit_core.store.runs import Run
from audit_core.views.cli_views import PLAN_VIEW, PlanView, RequestRow

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_ALIAS = re.compile(r"[A-Z][A-Z0-9_]*")


def plan(context: Context) -> int:
    """Prints every request that would run, per target, or the sudoers file for them."""
    inventory = context.inventory()
    profile = context.profile(context.args.profile, tuple(inventory.system.extensions))
    chosen = context.chosen(profile, inventory)
    if context.args.sudoers is not None:
        return _sudoers(context, chosen)
    rows = [(g.root.id, *_row(r, context)) for g in chosen.groups for r in planning.everything(g)]
    if context.args.format == "json":
        listed = tuple(
            RequestRow(target=t, privilege=p, kind=k, asked=a, timeout_s=s)
            for t, p, k, a, s in rows
        )
        print_json(PlanView(schema=PLAN_VIEW, profile=profile.id, requests=listed))
        return 0
    text = context.text
    heads = (text("target"), text("privilege"), text("kind"), text("what is asked"),
             text("seconds"))  # fmt: skip
    shown = [(t, context.code(p), context.code(k), a, s) for t, p, k, a, s in rows]
    print_table(text("Requests of {profile}", profile=profile.id), heads, shown, right=1)
    return 0


def _row(request: Request, context: Context) -> tuple[str, str, str, int]:
    if isinstance(request, Probe):
        prober = context.registry.probers.get(request.prober)
        shown = prober.describe(request) if prober is not None else request.describe()
        return ("collector", "network", context.translator.ours(shown), request.timeout_s)
    kind = request.evidence_kind
    return (request.privilege.value, kind, request.describe(), request.timeout_s)


def _sudoers(context: Context, chosen: Selection) -> int:
    user = context.args.sudoers
    # All in capitals it would be an alias of sudoers, and ALL every user there is.
    if not _USER.fullmatch(user) or _ALIAS.fullmatch(user):
        raise UsageError(msg("{user} is not a user name", user=repr(user)))
    # Where the inventory says `sudo: none`, a line in sudoers would allow what is never used.
    unused = {id for id, a in chosen.inventory.access.items() if a.settings.sudo == "none"}
    groups = [g for g in chosen.groups if g.root.id not in unused]
    requests = [r for g in groups for r in planning.everything(g)]
    print(planning.sudoers(requests, user, context.translator.say), end="")
    return 0


def collect(context: Context) -> int:
    """Asks the targets, stores their answers, prints the run's id; 2 where one was not reached."""
    made = _collected(context)
    say(made.id)
    bundles = (made.bundle(t.id) for t in made.file.targets)
    return 2 if any(b is not None and b.fault is not None for b in bundles) else 0


def run(context: Context) -> int:
    """Collects, evaluates, packs; prints the table per layer and the path of the pack."""
    if context.args.output is not None:
        stored.check_output(context.args.output)  # before an hour of asking, not after
    made = _collected(context)
    return stored.conclude(context, made, output=context.args.output)


def _collected(context: Context) -> Run:
    if context.args.resume:
        return _resumed(context)
    if context.args.profile is None:
        raise UsageError(
            msg("say which PROFILE to audit against (dengbao profile list shows them)")
        )
    inventory = context.inventory()
    profile = context.profile(context.args.profile, tuple(inventory.system.extensions))
    chosen = context.chosen(profile, resolved(inventory))
    context.resolve_secrets(chosen)
    made = context.store.create(context.run_file(context.args.profile, profile, chosen))
    _carry_out(context, made, chosen)
    return made


def _resumed(context: Context) -> Run:
    made = context.store.unfinished()
    if made is None:
        raise UsageError(
            msg(
                "no run was cut off; dengbao results latest shows the newest, dengbao pack packs it"
            )
        )
    file = made.file
    inventory = context.inventory()
    if inventory.sha256 != file.inventory_sha256:
        raise ConfigError(
            msg("{name} was begun with another inventory; give that one with -i", name=str(made.id))
        )
    given = context.args.profile
    if given is not None and profile_name(given) != file.profile:
        raise ConfigError(
            msg("{name} was begun under {profile}", name=str(made.id), profile=str(file.profile))
        )
    profile = context.profile(file.profile, file.extensions)
    if profile.sha256 != file.profile_sha256:
        raise ConfigError(
            msg(
                "{name} was begun under another version of {profile}",
                name=str(made.id),
                profile=str(file.profile),
            )
        )
    # The targets as they were looked up when the run began: nothing is looked up twice.
    checks, _ = profile_checks(profile, context.registry)
    groups = planning.groups(file.targets, checks)
    held = Selection(inventory=inventory, groups=groups, targets=file.targets)
    context.resolve_secrets(held)
    _carry_out(context, made, held)
    return made


def _carry_out(context: Context, made: Run, chosen: Selection) -> None:
    _warn(context, chosen)
    total = [g.root.id for g in chosen.groups if planning.everything(g)]
    with made.lock(), progress.shown(context, total) as on_event:
        collector = Collector(
            made,
            context.routes(chosen),
            context.registry.probers,
            known_secrets=context.known_secrets,
            on_event=on_event,
            at_once=context.args.at_once,
        )
        collector.collect(chosen.groups)
        context.store.seal(made, now())
    _tell_faults(context, made, chosen)


def _warn(context: Context, chosen: Selection) -> None:
    # GA/T 1735.1: tools warn of their impact before they start.
    requests = [r for g in chosen.groups for r in planning.everything(g)]
    root = sum(1 for r in requests if r.privilege is Privilege.ROOT)
    said = msg(
        "Read-only audit. Targets: {targets}. Requests: up to {count}, of them as root where sudo "
        "allows it: {root}. dengbao plan lists each one",
        targets=sum(1 for g in chosen.groups if planning.everything(g)),
        count=len(requests),
        root=root,
    )
    note(context.translator.say(said))
    for fault in context.registry.faults:
        note(context.translator.say(fault.said))


def _tell_faults(context: Context, made: Run, chosen: Selection) -> None:
    for group in chosen.groups:
        bundle = made.bundle(group.root.id)
        if bundle is not None and bundle.fault is not None:
            say_message = context.translator.say
            note(f"{group.root.id}: {say_message(bundle.fault.why)}")
            if bundle.fault.to_do is not None:
                note(f"  {say_message(bundle.fault.to_do)}")
