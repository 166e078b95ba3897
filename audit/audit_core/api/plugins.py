"""Finds plugins, loads them one by one, and keeps their offers.

A plugin that cannot be loaded, or that offers something broken, is a :class:`Fault` of its own:
the others go on. pluggy's own loader stops at the first one that fails and says nothing of a
second plugin by the same name, hence the loop here.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pluggy
from msgspec import Struct

from audit_core.api import hooks
from audit_core.api.kinds import KindOffer, Kinds, joined
from audit_core.api.linking import Linker, LinkError
from audit_core.api.trial import dies
from audit_core.model import (
    Check,
    Description,
    Fact,
    Kind,
    KindSettings,
    Message,
    RedactionRule,
    Request,
    all_facts,
    msg,
    named,
)

GROUP = "dengbao.plugins"
_OWN = "dengbao"


class Fault(Struct, frozen=True, kw_only=True):
    """A plugin, or one of its offers, that cannot be used, and why."""

    plugin: str
    detail: Message


class Plugin(Struct, frozen=True, kw_only=True):
    """A loaded plugin: entry point name, version of its distribution, package, number of offers."""

    name: str
    version: str
    package: str = ""
    facts: int
    checks: int
    connectors: int
    exporters: int


class Registry(Struct, frozen=True, kw_only=True):
    """Everything that the loaded plugins offer, by id. `locales` is the folder of each domain."""

    plugins: tuple[Plugin, ...]
    faults: tuple[Fault, ...]
    facts: dict[str, Fact]
    checks: dict[str, Check]
    kinds: Kinds
    connectors: dict[str, hooks.Connector]
    descriptions: dict[str, Description]
    redaction: tuple[RedactionRule, ...]
    exporters: dict[str, hooks.Exporter]
    importers: dict[str, hooks.Importer]
    policy_dirs: tuple[Path, ...]
    locales: dict[str, Path]
    owner: dict[str, str]

    @property
    def accepted(self) -> tuple[type[Request], ...]:
        """The types of requests that some connector answers."""
        return tuple(dict.fromkeys(t for c in self.connectors.values() for t in c.accepts))

    @property
    def evidence_titles(self) -> dict[str, Message]:
        """The titles of the kinds of evidence, by code; a kind without a title is left out."""
        titled = {type.evidence_kind: type.evidence_title for type in self.accepted}
        return {code: title for code, title in titled.items() if title is not None}


def _entry_points() -> list[importlib.metadata.EntryPoint]:
    found = importlib.metadata.entry_points(group=GROUP)
    return sorted(found, key=lambda e: (_dist(e.dist)[0] != _OWN, e.name, e.value))


@functools.cache
def _dist(dist: importlib.metadata.Distribution | None) -> tuple[str, str]:
    """Name and version, read once: each access parses the metadata again, 0.6 ms."""
    return ("", "unknown") if dist is None else (dist.name, dist.version)


def _load(entry: importlib.metadata.EntryPoint) -> tuple[Any, Message | None]:
    """The plugin's module, or None and why not."""
    if entry.dist is not None and _dist(entry.dist)[0] != _OWN:
        dead = dies(entry.module)
        if dead is not None:
            return None, dead
    try:
        return entry.load(), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 (a plugin may raise anything; it costs only itself)
        return None, named(error)


def _call(
    manager: pluggy.PluginManager, plugin: Any, hook: str
) -> tuple[list[Any], Message | None]:
    """What one plugin offers through one hook, or nothing and why."""
    caller = getattr(manager.hook, hook)
    if not any(impl.plugin is plugin for impl in caller.get_hookimpls()):
        return [], None
    others = [p for p in manager.get_plugins() if p is not plugin]
    try:
        return [x for got in manager.subset_hook_caller(hook, others)() for x in got], None
    except (Exception, SystemExit) as error:  # noqa: BLE001 (as above)
        return [], msg("{hook}: {error}", hook=hook, error=named(error))


def _offer_problem(offer: Any, hook: str) -> Message | None:
    wanted: dict[str, type | tuple[type, ...]] = {
        "dengbao_facts": Fact,
        "dengbao_checks": Check,
        "dengbao_kinds": (Kind, KindSettings),
        "dengbao_descriptions": Description,
        "dengbao_connectors": hooks.Connector,
        "dengbao_redaction": RedactionRule,
        "dengbao_exporters": hooks.Exporter,
        "dengbao_importers": hooks.Importer,
        "dengbao_policy": Path,
        "dengbao_locales": Path,
    }
    if isinstance(offer, wanted[hook]):
        return None
    return msg("{hook}: expected {wanted}, got {found}", hook=hook,
               wanted=_names_of(wanted[hook]), found=type(offer).__name__)  # fmt: skip


def _names_of(types: type | tuple[type, ...]) -> str:
    each = types if isinstance(types, tuple) else (types,)
    return " or ".join(t.__name__ for t in each)


def _domain(module: Any) -> str:
    """The gettext domain of a plugin: its package. A plugin translates only its own messages."""
    return str(getattr(module, "__name__", "")).partition(".")[0]


def _key(offer: Any) -> str:
    if isinstance(offer, Path):
        return str(offer)
    if isinstance(offer, RedactionRule):  # several have one name
        return ascii(offer.pattern.pattern)
    return str(getattr(offer, "id", None) or getattr(offer, "name", ""))


class _Builder:
    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hooks.PROJECT)
        self.manager.add_hookspecs(hooks)
        self.plugins: list[Plugin] = []
        self.faults: list[Fault] = []
        self.tables: dict[str, dict[str, Any]] = {
            "dengbao_facts": {},
            "dengbao_checks": {},
            "dengbao_kinds": {},
            "dengbao_descriptions": {},
            "dengbao_connectors": {},
            "dengbao_redaction": {},
            "dengbao_exporters": {},
            "dengbao_importers": {},
            "dengbao_policy": {},
            "dengbao_locales": {},
        }
        self.owner: dict[str, str] = {}

    def fault(self, plugin: str, why: Message) -> None:
        detail = msg("Plugin {plugin} is not used: {error}", plugin=plugin, error=why)
        self.faults.append(Fault(plugin=plugin, detail=detail))

    def register(self, name: str, version: str, module: Any) -> None:
        if self.manager.has_plugin(name):
            self.fault(name, msg("another plugin has this name"))
            return
        try:
            self.manager.register(module, name)
            self.manager.check_pending()
        except Exception as error:  # noqa: BLE001 (a misspelt hook, a clash: this plugin's fault)
            self.manager.unregister(name=name) if self.manager.get_plugin(name) is module else None
            self.fault(name, named(error))
            return
        counts = {hook: self._take(name, module, hook) for hook in self.tables}
        self.plugins.append(
            Plugin(
                name=name,
                version=version,
                package=_domain(module),
                facts=counts["dengbao_facts"],
                checks=counts["dengbao_checks"],
                connectors=counts["dengbao_connectors"],
                exporters=counts["dengbao_exporters"],
            )
        )

    def _take(self, name: str, module: Any, hook: str) -> int:
        offers, why = _call(self.manager, module, hook)
        if why is not None:
            self.fault(name, why)
        taken = 0
        for offer in offers:
            key = _domain(module) if hook == "dengbao_locales" else _key(offer)
            problem = _offer_problem(offer, hook)
            if problem is None and key in self.tables[hook]:
                problem = msg("{hook}: {key} is offered by {owner} already", hook=hook, key=key,
                              owner=self.owner[hook + key])  # fmt: skip
            if problem is not None:
                self.fault(name, problem)
                continue
            self.tables[hook][key] = offer
            self.owner[hook + key] = name
            taken += 1
        return taken

    def build(self) -> Registry:
        kinds = joined(self.tables["dengbao_kinds"].values(), self._refuse_kind)
        facts, checks = self._linked(kinds)
        return Registry(
            kinds=kinds,
            connectors=self.tables["dengbao_connectors"],
            plugins=tuple(self.plugins),
            faults=tuple(self.faults),
            facts=facts,
            checks=checks,
            descriptions=self.tables["dengbao_descriptions"],
            redaction=tuple(self.tables["dengbao_redaction"].values()),
            exporters=self.tables["dengbao_exporters"],
            importers=self.tables["dengbao_importers"],
            policy_dirs=tuple(self.tables["dengbao_policy"].values()),
            locales=self.tables["dengbao_locales"],
            owner={key.removeprefix("dengbao_checks"): name for key, name in self.owner.items()},
        )

    def _refuse_kind(self, offer: KindOffer, why: Message) -> None:
        self.fault(self.owner["dengbao_kinds" + offer.id], why)

    def _linked(self, kinds: Kinds) -> tuple[dict[str, Fact], dict[str, Check]]:
        """The facts and checks that have what they need; the others are faults."""
        facts, checks = self.tables["dengbao_facts"], self.tables["dengbao_checks"]
        owners = {id: self.owner["dengbao_facts" + id] for id in facts}
        makers = {id: self.owner["dengbao_checks" + id] for id in checks}
        known = dict(facts)

        def take(offer: Fact | Check) -> Fact | Check:
            # Needed facts count as offered too, and an id stands for one fact only.
            owner = (makers if isinstance(offer, Check) else owners)[offer.id]
            for fact in all_facts(offer.needs):
                first = owners.setdefault(fact.id, owner)
                if known.setdefault(fact.id, fact) != fact:
                    raise LinkError(
                        msg(
                            "the fact {fact} differs from the one that {first} offers",
                            fact=fact.id,
                            first=first,
                        )
                    )
            return offer

        for id in facts.keys() - self._each(facts, take, owners).keys():
            del known[id]
        checks = self._each(checks, take, makers)
        linker = Linker(known, kinds.platforms)
        return self._each(known, linker.fact, owners), self._each(checks, linker.check, makers)

    def _each(
        self, offers: dict[str, Any], work: Callable[[Any], Any], owners: dict[str, str]
    ) -> dict[str, Any]:
        """What `work` makes of each of `offers`; offers for which it raises are faults."""
        done = {}
        for id, offer in offers.items():
            try:
                done[id] = work(offer)
            except LinkError as error:
                self.fault(owners[id], msg("{id}: {error}", id=id, error=error.detail))
        return done


def load(extra: Iterable[tuple[str, Any]] = ()) -> Registry:
    """Everything that the installed plugins, and `extra` (name, module) pairs, offer."""
    builder = _Builder()
    for entry in _entry_points():
        module, why = _load(entry)
        if why is not None:
            builder.fault(entry.name, why)
            continue
        builder.register(entry.name, _dist(entry.dist)[1], module)
    for name, module in extra:
        builder.register(name, "unknown", module)
    return builder.build()


def resolve_entry(entry: str) -> Callable[..., Any]:
    """The function that `module:function` names."""
    module, _, name = entry.partition(":")
    function = getattr(importlib.import_module(module), name)
    assert callable(function)  # noqa: S101 (an author's error, shown by the traceback)
    return function  # type: ignore[no-any-return]
