"""A model bank: the starter files of smart-finance, judged in process. PURE but for reading them.

Nothing is collected: the registers are read as the connector reads them, one host has accounts, and
people affirm every step that machines do not settle.
"""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import audit_profiles
from audit_core.api.sdk import Answer, Partial
from audit_core.attest.answers_in_force import AnswersInForce
from audit_core.cli.starter_files import dated
from audit_core.evaluate.assess import assess, by_clause
from audit_core.evaluate.inputs import Given, Got, resolve_needs
from audit_core.evaluate.judge import judge
from audit_core.evaluate.roll_ups import EVERYTHING, RollUps
from audit_core.evaluate.tally import Tallies, Totals, tallied
from audit_core.inventory import with_system_objects
from audit_core.inventory.reading import read_inventory
from audit_core.model import (
    Builtin,
    Check,
    Conclusion,
    Fact,
    Finding,
    Known,
    Result,
    Target,
    Tree,
    Verdict,
    msg,
)
from audit_core.model.attestations import AnswerVerdict, Attestation, StepOf
from audit_core.policy import load_policy
from audit_core.policy.strict_yaml import load_bytes
from audit_register.builtin_registers import BY_ID, REGISTERS
from audit_register.facts import BY_REGISTER
from audit_register.reading.register_file import RegisterFile
from installed import registry
from invented import bank_observed as observed

STARTER = Path(audit_profiles.__file__).parent / "starters/smart-finance"
TODAY = datetime.date(2026, 11, 29)
NOW = f"{TODAY}T12:00:00Z"
_PATHS = "paths: [{reach: 10.2.0.9, port: 5432, to: core-db}]"
HOST = f"""  - id: web1
    address: 10.1.0.5
    access: {{via: local}}
    business_system: core
    zone: dmz
    {_PATHS}
  - {{id: test1, address: 10.3.0.5, access: {{via: local}}, zone: test, {_PATHS}}}
  - id: core-db
    kind: postgresql
    address: 10.2.0.9
    business_system: core
    zone: lan
    access: {{user: audit, password: "env:PASSWORD"}}
"""
_ENTERED = re.compile(r"(service: customer_service_platform.*?)no_entry: [^}]*")
Edit = Callable[[str], str]


def starter(lang: str, name: str) -> str:
    return dated((STARTER / lang / name).read_text(encoding="utf-8"), TODAY)


class Bank:
    """The bank with changes to its files, by name, and to the accounts of its host."""

    def __init__(self, lang: str = "zh") -> None:
        offered = registry()
        self.checks = offered.checks
        self.profile = load_policy(offered.policy_dirs).profile("smart-finance", self.checks)
        self.files = {f"registers/{r.id}.csv": starter(lang, f"registers/{r.id}.csv")
                       for r in REGISTERS}  # fmt: skip
        inventory = _ENTERED.sub(r"\1entries: [pay-web]", starter(lang, "inventory.yaml"))
        stored = "id: customers, stored_in: [core-db],"
        inventory = inventory.replace("id: customers,", stored)
        self.files["inventory.yaml"] = inventory + HOST + observed.TARGETS
        self._tables = {r.id: self._table(r.id, self.files) for r in REGISTERS}
        self._bindings = by_clause(self.profile.bindings)
        self._targets = self.read(self.files["inventory.yaml"])
        self._known: dict[Any, tuple[Finding, Any]] = {}
        self._judged: dict[str, list[Check]] = {}
        for id in sorted({binding.check for binding in self.profile.bindings}):
            if id.partition(".")[0] in ("register", "service", "http", "prometheus", "scan", "api"):
                self._judged.setdefault(self.checks[id].kind, []).append(self.checks[id])

    def _table(self, id: str, files: Mapping[str, str]) -> Got:
        raw = files[f"registers/{id}.csv"].encode()
        about = {"file": f"{id}.csv", "sha256": "0" * 64}
        read = RegisterFile(BY_ID[id], f"{id}.csv", raw, rows=1000,
                            deadline=time.monotonic() + 60)  # fmt: skip
        answer = Answer(
            stdout=b"".join(read.lines(about)), stderr=b"", exit_code=0, truncated=False,
            collected_at=NOW, target=Target(id=id, kind=f"{id}_register", object_type="register"),
        )  # fmt: skip
        (provider,) = BY_REGISTER[id].providers
        found = provider.parse(answer)
        if isinstance(found, Partial):
            return Known(value=found.value, incomplete=found.problems)
        return Known(value=found)

    def concluded(
        self,
        edits: Mapping[str, Edit] | None = None,
        accounts: tuple[str, ...] = ("root", "zhangsan"),
        denied: Iterable[tuple[str, int]] = (),
        facts: Mapping[str, Known] = observed.GOOD,
        failing: Iterable[tuple[str, str]] = (),
    ) -> dict[tuple[str, str], Conclusion]:
        """The conclusions by clause and object, once `edits` were made to its files.

        `failing` are checks that fail besides, each with its target.
        """
        targets, findings = self._found(edits or {}, accounts, facts)
        findings += [self.finding(id, target, Verdict.FAIL) for id, target in failing]
        return self.assessed(targets, findings, denied)

    def verdicts(
        self, edits: Mapping[str, Edit], facts: Mapping[str, Known] = observed.GOOD
    ) -> dict[tuple[str, str], Verdict]:
        """The verdict of each check on each target, once `edits` were made to its files."""
        _, findings = self._found(edits, ("root", "zhangsan"), facts)
        return {(f.check, f.target): f.verdict for f in findings}

    def _found(
        self, edits: Mapping[str, Edit], accounts: tuple[str, ...], facts: Mapping[str, Known]
    ) -> tuple[tuple[Target, ...], list[Finding]]:
        files, tables = dict(self.files), dict(self._tables)
        for name, edit in edits.items():
            changed = edit(files[name])
            assert changed != files[name], name
            files[name] = changed
            if name != "inventory.yaml":
                id = Path(name).stem
                tables[id] = self._table(id, files)
        if "inventory.yaml" not in edits:
            targets = self._targets
        else:
            targets = self.read(files["inventory.yaml"])
        world = _World(targets, tables, accounts, {**observed.GOOD, **facts})
        return targets, [f for target in targets for f in self._findings(world, target)]

    def finding(self, id: str, target: str, verdict: Verdict) -> Finding:
        """A finding with that verdict and without anything else."""
        return Finding(
            id=f"{id}@{target}", check=id, check_version=1, target=target, verdict=verdict,
            severity=self.checks[id].severity, why="", detail=(msg("made up"),), expected=None,
            evidence=(),
        )  # fmt: skip

    def read(self, text: str) -> tuple[Target, ...]:
        """The targets of an inventory, those of the whole system among them."""
        document = load_bytes(text.encode(), "inventory.yaml")
        read = read_inventory(document, registry())
        return with_system_objects(
            read, self.profile.system_objects, registry().kinds.only_parts
        ).targets

    def _findings(self, world: _World, target: Target) -> Iterable[Finding]:
        for check in self._judged.get(target.kind, ()):
            inputs = resolve_needs(check.needs, _View(world, target))
            # equal inputs give equal findings
            key = (check.id, target.id, repr(target.settings), tuple(map(id, inputs.objects)))
            if key not in self._known:
                self._known[key] = (judge(check, target, inputs, {}), inputs.objects)
            yield self._known[key][0]

    def assessed(
        self, targets: tuple[Target, ...], findings: list[Finding],
        denied: Iterable[tuple[str, int]] = (),
    ) -> dict[tuple[str, str], Conclusion]:  # fmt: skip
        """The conclusions from `findings` where people affirm all but `denied`."""
        roll_ups = RollUps(self.profile.roll_ups, targets, self.profile.system_objects)
        roots = [t for t in targets if t.parent is None]
        totals: dict[str, Totals] = {}
        by_root: dict[str, list[Finding]] = {}
        for finding in findings:
            by_root.setdefault(finding.target.partition("/")[0], []).append(finding)
        for root in roots:
            group = [t for t in targets if t.id.partition("/")[0] == root.id]
            for id, tallies in roll_ups.rolled_up(by_root.get(root.id, ()), root, group).items():
                totals.setdefault(id, Totals()).add(tallies)
        standing = self._answers(set(denied))
        made = {}
        for root in roots:
            if not roll_ups.takes_others(root):
                mine: Tallies = tallied(by_root.get(root.id, ()))
            else:
                every = roll_ups.everything(root)
                found = totals.get(EVERYTHING if every else root.id)
                mine = {} if found is None else found.tallies()
            for one in assess(self.profile.clauses, root, mine, self._bindings, standing):
                made[one.clause, root.id] = one
        return made

    def _answers(self, denied: set[tuple[str, int]]) -> AnswersInForce:
        given = [
            Attestation(
                question=f"{c.catalog}/{c.id}/{step.number}", selector="",
                steps=(StepOf(catalog=c.catalog, clause=c.id, step=step.number),),
                verdict=AnswerVerdict.DENIED if (c.id, step.number) in denied
                else AnswerVerdict.AFFIRMED,
                by="王五", date=str(TODAY), entered=str(TODAY), text="seen",
                value=_dates(step.limit),
            )
            for c in self.profile.clauses
            for step in c.steps
        ]  # fmt: skip
        return AnswersInForce(given, str(TODAY))


def _dates(limit: str) -> str:
    """Dates that keep `limit`."""
    back = (0, 80, 160, 240) if limit.startswith("gaps") else (0,)
    days = [(TODAY - datetime.timedelta(days=n)).isoformat() for n in back] if limit else []
    return ", ".join(days)


class _World:
    """What is known of all targets."""

    def __init__(
        self, targets: tuple[Target, ...], tables: Mapping[str, Got], accounts: tuple[str, ...],
        facts: Mapping[str, Known],
    ) -> None:  # fmt: skip
        self.tree = Tree(targets)
        self._tables, self._accounts, self._facts = tables, accounts, facts

    def of(self, fact: Fact, target: Target) -> Got:
        here = f"{fact.id}@{target.id}"
        if here in self._facts:
            return self._facts[here]
        if fact.id in self._facts:
            return self._facts[fact.id]
        if fact.id == "linux.login-accounts":
            return Known(value=self._accounts)
        if fact.id.startswith("register."):
            return self._tables[fact.id.partition(".")[2]]
        assert fact.make is not None
        return Known(value=fact.make(target))


class _View:
    def __init__(self, world: _World, target: Target) -> None:
        self._world, self._target = world, target
        self.given: dict[int, Given] = {}

    def builtin(self, which: Builtin) -> Any:
        return {Builtin.TARGET: self._target, Builtin.COLLECTED_AT: NOW}[which]

    def fact(self, fact: Fact) -> Got:
        return self._world.of(fact, self._target)

    def above(self, fact: Fact) -> Got | None:
        return None

    def below(self, fact: Fact) -> Any:
        return ()

    def everywhere(self, fact: Fact) -> Any:
        return tuple((t, self._world.of(fact, t)) for t in self._world.tree.of_kind(fact.kind))


def words(made: Mapping[tuple[str, str], Conclusion]) -> dict[tuple[str, str], Result]:
    return {key: one.conclusion for key, one in made.items()}


def changed(
    good: Mapping[tuple[str, str], Conclusion], bad: Mapping[tuple[str, str], Conclusion]
) -> set[str]:
    """The clauses that are not what they were, on any object of both."""
    return {key[0] for key in bad if key in good and bad[key].conclusion != good[key].conclusion}


__all__ = ["Bank", "changed", "words"]
