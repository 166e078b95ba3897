"""What commands share: plugins, policy, inventory, routes, the store."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import tempfile
from collections.abc import Iterable, Sequence, Set
from functools import cached_property
from pathlib import Path

from msgspec import Struct, structs

from audit_core import __version__, plan
from audit_core.api.code_digest import code_digest
from audit_core.api.plugins import Registry, load
from audit_core.cli.names import CODES
from audit_core.cli.output import note
from audit_core.connectors import Pool, Routes, now
from audit_core.connectors.scope import resolve
from audit_core.connectors.secrets import Secrets
from audit_core.evaluate import Work, profile_checks
from audit_core.inventory import Inventory, this_machine, with_system_objects
from audit_core.model import (
    ConnectError,
    Message,
    Object,
    Target,
    ancestors,
    as_is,
    cut_to,
    msg,
    objects_in,
)
from audit_core.model.errors import UsageError
from audit_core.policy import Policy, Profile, load_policy
from audit_core.policy.input_errors import YamlPath, as_quoted, nearest, one_of
from audit_core.store.redact import Redactor
from audit_core.store.runs import RUN_SCHEMA, RunFile, Store, default_store
from audit_core.text.translate import Translator


class Selection(Struct, frozen=True, kw_only=True):
    """The inventory of a run, and the groups its checks ask about."""

    inventory: Inventory
    groups: tuple[plan.Group, ...]
    targets: tuple[Target, ...]


class Context:
    """The plugins, policy, inventory and store of a command, loaded when used."""

    def __init__(self, args: argparse.Namespace, lang: str) -> None:
        self.args = args
        self.lang = lang
        self.secrets = Secrets()
        self._cleanup = contextlib.ExitStack()

    def temporary_folder(self) -> Path:
        """A new folder, gone when the command ends."""
        made = tempfile.TemporaryDirectory(prefix="dengbao-")
        return Path(self._cleanup.enter_context(made))

    def close(self) -> None:
        """Closes what was opened for the command."""
        self._cleanup.close()

    @cached_property
    def registry(self) -> Registry:
        """What the installed plugins offer."""
        return load()

    @cached_property
    def policy(self) -> Policy:
        """What the policy folders of the plugins hold."""
        return load_policy(self.registry.policy_dirs)

    @cached_property
    def translator(self) -> Translator:
        """Messages in the language of the command."""
        return Translator(self.lang, self.registry.locales)

    @cached_property
    def store(self) -> Store:
        """The store that was named, or the default one."""
        return Store(getattr(self.args, "store", None) or default_store())

    def text(self, source: str, **values: object) -> str:
        """`source` translated, with `{name}` places filled in literally; lists as people write."""
        detail = self.translator.text(source)
        for name, value in values.items():
            shown = self.translator.comma.join(value) if isinstance(value, tuple) else str(value)
            detail = detail.replace("{" + name + "}", shown)
        return detail

    def few(self, names: Iterable[str], most: int) -> str:
        """The first `most` of `names`, and how many they are where there are more."""
        return self.translator.say(as_is(cut_to(names, most)))

    def listed(self, names: Iterable[str]) -> str:
        """All `names` in one text, with the comma of the language between them."""
        return ("、" if self.lang == "zh" else ", ").join(names)

    def target_names(self, ids: Iterable[str], catalog: str) -> tuple[str, ...]:
        """The targets `ids`; those that a system always has with the name of the catalog."""
        always = {
            o.id: o.zh if self.lang == "zh" else o.en
            for o in self.policy.catalog(catalog).system_objects
        }
        return tuple(f"{always[id]} ({id})" if id in always else id for id in ids)

    def code(self, code: str) -> str:
        """`code`, of this program or of what plugins offer, in words; itself where it has none."""
        kind = self.registry.kinds.by_id.get(code)
        detail = kind.title if kind is not None else CODES.get(code, self._titles.get(code))
        return code if detail is None else self.translator.say(detail)

    @cached_property
    def _titles(self) -> dict[str, Message]:
        return self.registry.evidence_titles

    def profile(self, name: str, extensions: tuple[str, ...] = ()) -> Profile:
        """The profile `name`, with the clauses of the system's declared extensions."""
        return self.policy.profile(name, self.registry.checks, extensions)

    def work(self, profile: Profile) -> Work:
        """Everything that an evaluation under `profile` depends on."""
        digests = {id: self.policy.catalog(id).sha256 for id in profile.catalogs}
        code = code_digest(self.registry)
        return Work(profile=profile, registry=self.registry, policy=digests, code=code)

    def inventory(self) -> Inventory:
        """The inventory that was named, or this machine."""
        from audit_core.inventory import load_inventory

        path: Path | None = getattr(self.args, "inventory", None)
        if path is None:
            return this_machine(self.registry)
        read = load_inventory(path, self.registry)
        self._check_extensions(read)
        return read

    def _check_extensions(self, inventory: Inventory) -> None:
        """Refuses extensions of the system that no catalog has as a scope."""
        if not inventory.system.extensions or inventory.document is None:
            return
        known = {s.id: None for c in self.policy.catalogs() for s in c.scopes[1:]}
        for index, given in enumerate(inventory.system.extensions):
            if given not in known:
                place: YamlPath = ("system", "extensions", index)
                hint = nearest(given, known)
                inventory.document.fail(place, one_of(known), as_quoted(given), hint)

    def chosen(self, profile: Profile, inventory: Inventory) -> Selection:
        """The targets that `-t` leaves and what is asked about them."""
        self._note_level(profile, inventory)
        only_parts = self.registry.kinds.only_parts
        inventory = with_system_objects(inventory, profile.system_objects, only_parts)
        whole = {o.object_type for o in profile.system_objects}
        targets = self.only(inventory.targets, whole)
        checks, _ = profile_checks(profile, self.registry)
        groups = plan.groups(targets, checks)
        return Selection(inventory=inventory, groups=groups, targets=targets)

    def objects(self, targets: Iterable[Target]) -> tuple[Object, ...]:
        """The objects that `targets` make up."""
        return objects_in(targets, self.registry.kinds.only_parts)

    def only(
        self, targets: tuple[Target, ...], whole: Set[str] = frozenset()
    ) -> tuple[Target, ...]:
        """Those of `targets` that `-t` leaves, and those of the object types in `whole`."""
        return selected(targets, getattr(self.args, "target", []), whole)

    def _note_level(self, profile: Profile, inventory: Inventory) -> None:
        declared = inventory.system.level
        asked = max((c.level for c in profile.clauses if c.level is not None), default=None)
        if declared is not None and asked is not None and asked < declared:
            detail = msg(
                "The inventory declares level {declared}; {profile} covers level {asked} only",
                declared=declared,
                profile=profile.id,
                asked=asked,
            )
            note(self.translator.say(detail))

    def run_file(self, name: str, profile: Profile, chosen: Selection) -> RunFile:
        """The stamp of a new run of `chosen` that begins now."""
        started = now()
        return RunFile(
            schema=RUN_SCHEMA,
            id=_run_id(started),
            started=started,
            profile=profile_name(name),
            profile_sha256=profile.sha256,
            inventory_sha256=chosen.inventory.sha256,
            dengbao=__version__,
            plugins={p.name: p.version for p in self.registry.plugins},
            targets=chosen.targets,
            only=tuple(self.args.target),
            extensions=tuple(chosen.inventory.system.extensions),
            system=chosen.inventory.system.name or "",
            faults=tuple(f.detail for f in self.registry.faults),
        )

    @cached_property
    def pool(self) -> Pool:
        """The worker processes of isolated connectors; the caller closes the pool."""
        return Pool()

    def routes(self, inventory: Inventory) -> Routes:
        """How the targets of `inventory` are reached; nothing is contacted yet."""
        return Routes(inventory, self.registry.connectors, self.secrets, self.pool)

    @cached_property
    def redactor(self) -> Redactor:
        """What cuts secrets out of everything that is stored, or shown of a target."""
        return Redactor(self._known_secrets, self.registry.redaction)

    def _known_secrets(self) -> tuple[bytes, ...]:
        # Every secret that this process has resolved so far.
        return tuple(s.reveal().encode("utf-8", "surrogateescape") for s in self.secrets.known())


def _run_id(started: str) -> str:
    # Sorts by time; the suffix distinguishes runs started in the same millisecond.
    stamp = started.replace("-", "").replace(":", "")
    return f"{stamp[:15]}Z-{int(stamp[16:19]):03x}{secrets.token_hex(2)[:3]}"


def profile_name(name: str) -> str:
    """The id of a profile, or its path from wherever the next command is called."""
    return str(Path(name).resolve()) if name.endswith((".yaml", ".yml")) else name


def selected(
    targets: tuple[Target, ...], wanted: Sequence[str], whole: Set[str] = frozenset()
) -> tuple[Target, ...]:
    """`targets` that are `wanted` with their parts, what they are parts of, and types in `whole`.

    A part with such a type is not taken by itself: it is asked through what it is a part of.
    All where nothing is `wanted`. Raises UsageError for a target that is not there.
    """
    if not wanted:
        return targets
    there = {t.id for t in targets}
    for name in wanted:
        if name not in there:
            raise UsageError(
                msg(
                    "no target {name} in the inventory (there are: {there})",
                    name=repr(name),
                    there=str(_some(there)),
                )
            )
    by_id = {t.id: t for t in targets}
    above = {t.id for name in wanted for t in ancestors(by_id[name], by_id)}
    return tuple(
        t
        for t in targets
        if (t.parent is None and t.object_type in whole)
        or t.id in above
        or any(one.id in wanted for one in (t, *ancestors(t, by_id)))
    )


def _some(names: set[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:10]) + (", …" if len(listed) > 10 else "")


def resolved(inventory: Inventory) -> Inventory:
    """`inventory` with each address that will be contacted looked up once and held to the scope."""
    targets = tuple(_resolved(t, inventory.scope) for t in inventory.targets)
    return structs.replace(inventory, targets=targets)


def _resolved(target: Target, scope: tuple[str, ...] | None) -> Target:
    if target.address is None:
        return target
    try:
        address = resolve(target.address, scope)
    except ConnectError:
        return target  # asked all the same, so that the finding says that the name is unknown
    name = target.address if address != target.address else None
    return structs.replace(target, address=address, host_name=name)
