"""The commands that prepare or make a run: plan, collect, run."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from audit_core import plan as planning
from audit_core.cli import answers, fail_on, preflight, progress, stored
from audit_core.cli.context import Context, Selection, profile_name, resolved
from audit_core.cli.output import note, print_json, print_table, say
from audit_core.cli.parser import NOT_IN_FULL
from audit_core.collect import Collector
from audit_core.connectors import Route, now, route_of
from audit_core.evaluate import profile_checks, target_statuses
from audit_core.model import Privilege, Request, msg
from audit_core.model.errors import ConfigError, UsageError
from audit_core.model.messages import shortened
from audit_core.policy import Profile
from audit_core.store.runs import Run
from audit_core.views.cli_views import PLAN_VIEW, PlanView, RequestRow

_ASKED = 90  # characters of a request in the summary of a plan
_PURPOSES = 3  # checks that are named beside it


def plan(context: Context) -> int:
    """Prints what would be asked, or the least privileges that it needs."""
    inventory = context.inventory()
    profile = context.profile(context.args.profile, tuple(inventory.system.extensions))
    chosen = context.chosen(profile, inventory)
    if context.args.grants is not None:
        return _grants(context, chosen)
    if context.args.format == "table" and not context.args.verbose:
        return _summary(context, profile, chosen)
    rows = list(_rows(context, chosen))
    if context.args.format == "json":
        listed = tuple(
            RequestRow(target=t, privilege=p, kind=k, asked=a, timeout_s=s)
            for t, p, k, a, s in rows
        )
        print_json(PlanView(schema=PLAN_VIEW, profile=profile.id, requests=listed))
        return 0
    text = context.text
    heads = (text("target"), text("privilege"), text("kind"), text("request"),
             text("seconds"))  # fmt: skip
    shown = [(t, context.code(p), context.code(k), a, s) for t, p, k, a, s in rows]
    print_table(text("Requests of {profile}", profile=profile.id), heads, shown, right=1)
    return 0


def _summary(context: Context, profile: Profile, chosen: Selection) -> int:
    """Prints each request once: what is asked, what for, with which rights, of how many targets."""
    text, checks = context.text, _checks_of(context, profile, chosen)
    requests: dict[str, tuple[str, Request]] = {}
    targets: Counter[str] = Counter()
    for _, route, request in _asked(context, chosen):
        identity = request.identity()
        requests[identity] = (_privilege(route, request), request)
        targets[identity] += 1
    rows = []
    for identity, (privilege, request) in requests.items():
        purpose = checks.get(identity) or (text("what kind of system it is"),)
        asked = shortened(context.translator.say(request.as_message()), _ASKED)
        what_for = context.few(purpose, _PURPOSES)
        rows.append((asked, what_for, context.code(privilege), targets[identity]))
    count = targets.total()
    title = text("Requests of {profile}: {kinds}, sent {count} times", profile=profile.id,
                 kinds=len(rows), count=count)  # fmt: skip
    heads = (text("what is asked"), text("for the checks"), text("privilege"), text("targets"))
    print_table(title, heads, rows, right=1)
    say(text("Every request on every target: --verbose; the privileges it needs: --grants USER"))
    return 0


def _checks_of(context: Context, profile: Profile, chosen: Selection) -> dict[str, tuple[str, ...]]:
    """The checks that each request is sent for, by its identity."""
    checks, _ = profile_checks(profile, context.registry)
    by_fact = planning.checks_by_fact(checks)
    found: dict[str, set[str]] = {}
    for asked in (asked for group in chosen.groups for asked in group.asked):
        if isinstance(asked.request, Request):
            found.setdefault(asked.request.identity(), set()).update(by_fact.get(asked.fact, ()))
    return {identity: tuple(sorted(ids)) for identity, ids in found.items()}


def _asked(context: Context, chosen: Selection) -> Iterator[tuple[str, Route | None, Request]]:
    """Each request once, with the target that is reached for it and the route to it."""
    routes = context.routes(chosen.inventory).by_target(chosen.targets)
    for group in chosen.groups:
        found: dict[tuple[str, str], tuple[str, Route | None, Request]] = {}
        for question in planning.questions(group):
            request = question.request
            route = route_of(request, question.target, routes, group.parents)
            target = group.root.id if route is None else route.target
            found.setdefault((target, request.identity()), (target, route, request))
        yield from found.values()


def _rows(context: Context, chosen: Selection) -> Iterator[tuple[str, str, str, str, int]]:
    for target, route, request in _asked(context, chosen):
        privilege = _privilege(route, request)
        asked = context.translator.say(request.as_message())
        yield target, privilege, request.evidence_kind, asked, request.timeout_s


def _privilege(route: Route | None, request: Request) -> str:
    return request.privilege.value if route is None or route.logs_in else "collector"


def _grants(context: Context, chosen: Selection) -> int:
    """Prints the least rights, in the language of each connector."""
    asked: dict[str, list[Request]] = {}
    for target, route, request in _asked(context, chosen):
        if route is not None and route.logs_in:
            asked.setdefault(target, []).append(request)
    # Connectors that share a function share what it writes: one file for hosts near and far.
    granted: dict[Callable[..., str], list[tuple[Any, tuple[Request, ...]]]] = {}
    for target, requests in asked.items():
        access = chosen.inventory.access[target]
        grants = context.registry.connectors[access.via].grants
        if grants is not None:
            granted.setdefault(grants, []).append((access.settings, tuple(requests)))
    for grants, what in granted.items():
        print(grants(tuple(what), context.args.grants, context.translator.say), end="")
    return 0


def collect(context: Context) -> int:
    """Asks the targets, stores their answers, prints the run's id; 4 where not in full."""
    made = _collected(context)
    say(made.id)
    groups = planning.groups(made.file.targets, ())
    found = (target_statuses(g, made.bundle(g.root.id), sealed=True) for g in groups)
    in_full = all(status.carried_out for statuses in found for status in statuses)
    return 0 if in_full else NOT_IN_FULL


def run(context: Context) -> int:
    """Collects, evaluates, packs; prints the table per layer and the path of the pack."""
    if context.args.output is not None:
        stored.check_output(context.args.output)  # before collecting for an hour, not after
    given = answers.given(context)  # what is broken in them is reported before collecting, too
    made = _collected(context)
    stored.take_answers(context, made, given)
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
    _check_fail_on(context, profile)
    chosen = context.chosen(profile, resolved(inventory))
    _prepared(context, chosen)
    made = context.store.create(context.run_file(context.args.profile, profile, chosen))
    _carry_out(context, made, chosen)
    return made


def _check_fail_on(context: Context, profile: Profile) -> None:
    """Raises UsageError for a word that `--fail-on` does not know, before anything is collected."""
    fail_on.read(getattr(context.args, "fail_on", ()), profile)


def _resumed(context: Context) -> Run:
    made = context.store.unfinished()
    if made is None:
        raise UsageError(
            msg(
                "no run was interrupted; dengbao results latest shows the newest, dengbao pack "
                "packs it"
            )
        )
    file = made.file
    inventory = context.inventory()
    if inventory.sha256 != file.inventory_sha256:
        raise ConfigError(
            msg(
                "{name} was started with another inventory; give that one with -i",
                name=str(made.id),
            )
        )
    given = context.args.profile
    if given is not None and profile_name(given) != file.profile:
        raise ConfigError(
            msg("{name} was started with {profile}", name=str(made.id), profile=str(file.profile))
        )
    profile = context.profile(file.profile, file.extensions)
    if profile.sha256 != file.profile_sha256:
        raise ConfigError(
            msg(
                "{name} was started with another version of {profile}",
                name=str(made.id),
                profile=str(file.profile),
            )
        )
    _check_fail_on(context, profile)
    # The targets as they were looked up when the run began: nothing is looked up twice.
    checks, _ = profile_checks(profile, context.registry)
    groups = planning.groups(file.targets, checks)
    held = Selection(inventory=inventory, groups=groups, targets=file.targets)
    _prepared(context, held)
    _carry_out(context, made, held)
    return made


def _prepared(context: Context, chosen: Selection) -> None:
    """Every secret is resolved, and nothing is missing that `--partial` would go on without."""
    routes = context.routes(chosen.inventory)
    routes.resolve_secrets(chosen.targets)
    preflight.preflight(context, chosen, routes)


def _carry_out(context: Context, made: Run, chosen: Selection) -> None:
    _warn(context, chosen)
    total = [g.root.id for g in chosen.groups if planning.everything(g)]
    with made.lock(), progress.display(context, total) as on_event:
        collector = Collector(
            made,
            context.routes(chosen.inventory).by_target(chosen.targets),
            accepted=context.registry.accepted,
            redactor=context.redactor,
            on_event=on_event,
            at_once=context.args.at_once,
        )
        with contextlib.closing(context.pool):
            collector.collect(chosen.groups)
        context.store.seal(made, now())
    _print_faults(context, made, chosen)


def _warn(context: Context, chosen: Selection) -> None:
    if context.args.quiet:
        return
    # GA/T 1735.1: tools warn of their impact before they start.
    requests = [r for g in chosen.groups for r in planning.everything(g)]
    root = sum(1 for r in requests if r.privilege is Privilege.ROOT)
    detail = msg(
        "Read-only audit. Targets: {targets}. Requests: up to {count}, of them as root where sudo "
        "allows it: {root}. dengbao plan lists each one",
        targets=sum(1 for g in chosen.groups if planning.everything(g)),
        count=len(requests),
        root=root,
    )
    note(context.translator.say(detail))
    for fault in context.registry.faults:
        note(context.translator.say(fault.detail))


def _print_faults(context: Context, made: Run, chosen: Selection) -> None:
    say_message = context.translator.say
    for group in chosen.groups:
        bundle = made.bundle(group.root.id)
        for fault in bundle.faults.values() if bundle is not None else ():
            note(f"{fault.target}: {say_message(fault.detail)}")
            if fault.remedy is not None:
                note(f"  {say_message(fault.remedy)}")
