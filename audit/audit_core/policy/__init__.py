"""Strict YAML in, policy out: catalogs, mappings and profiles of all policy folders.

May import `api`, `text` and `model`.

Nothing is read before it is asked for. What is wrong in a file is an InputError of one line that
names file, line, dotted path and what was expected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NoReturn

from msgspec import structs

from audit_core.model import Check, Message, Role, as_is, msg
from audit_core.model.errors import ConfigError, InputError, UsageError
from audit_core.model.gradings import Grading
from audit_core.model.results import Clause, RelatedClause
from audit_core.policy import catalogs as _catalogs
from audit_core.policy import gradings as _gradings
from audit_core.policy import mappings as _mappings
from audit_core.policy import profiles as _profiles
from audit_core.policy import selecting
from audit_core.policy.declared import build_check
from audit_core.policy.input_errors import SILENT, YamlPath, as_quoted, nearest, quoted
from audit_core.policy.lint import lint_profile
from audit_core.policy.model import (
    Binding,
    Catalog,
    Comparator,
    CrosswalkEntry,
    DeclaredCheck,
    EquivalentClause,
    Fit,
    Problem,
    Profile,
    ProfileInfo,
)
from audit_core.policy.strict_yaml import load_bytes, read_bytes

__all__ = [
    "Binding",
    "Catalog",
    "Comparator",
    "DeclaredCheck",
    "EquivalentClause",
    "Fit",
    "Policy",
    "Problem",
    "Profile",
    "ProfileInfo",
    "build_check",
    "load_policy",
    "load_profile",
]  # fmt: skip


def load_policy(dirs: Iterable[Path]) -> Policy:
    """The policy in `dirs`, each with `catalogs/`, `mappings/`, `profiles/`; nothing read yet."""
    return Policy(dirs)


def load_profile(name: str, checks: Mapping[str, Check], dirs: Iterable[Path]) -> Profile:
    """The profile `name` (an id, or the path of a YAML file) over the policy in `dirs`."""
    return load_policy(dirs).profile(name, checks)


_CHAIN_MAX = 20
_Name = Callable[[Path], str]
_Known = Callable[[], tuple[str, ...]]


class Policy:
    """What several policy folders hold, read when asked for."""

    def __init__(self, dirs: Iterable[Path]) -> None:
        self._dirs = tuple(dict.fromkeys(Path(d) for d in dirs))
        self._catalogs: dict[str, Catalog] = {}
        self._mappings: dict[str, _mappings.Mapping] = {}
        self._raw: dict[str, bytes] = {}
        self._ids: dict[str, frozenset[str]] = {}

    def catalog_ids(self) -> tuple[str, ...]:
        """The ids of all catalogs, sorted."""
        return self._names("catalogs/*/catalog.yaml", lambda path: path.parent.name)

    def profile_ids(self) -> tuple[str, ...]:
        """The ids of all profiles, sorted."""
        return self._names("profiles/*.yaml", lambda path: path.stem)

    def catalogs(self) -> tuple[Catalog, ...]:
        """All catalogs that are installed, sorted by id."""
        return tuple(self.catalog(id) for id in self.catalog_ids())

    def profiles(self) -> tuple[ProfileInfo, ...]:
        """All profiles of the folders, by id."""
        return tuple(self._info(self._profile_path(id)) for id in self.profile_ids())

    def catalog(self, id: str) -> Catalog:
        """The catalog `id`; raises UsageError for one that is not there, InputError if broken."""
        if id not in self._catalogs:
            folder = self.catalog_file(id, "catalog.yaml").parent
            self._catalogs[id] = _catalogs.load_catalog(folder)
        return self._catalogs[id]

    def mapping(self, id: str) -> _mappings.Mapping:
        """The mapping of catalog `id` from all folders; empty where there is none."""
        if id not in self._mappings:
            documents = []
            for index, folder in enumerate(self._dirs):
                for path in _mappings.mapping_files(folder, id):
                    raw = read_bytes(path)
                    self._raw[f"mappings/{id}/{index}/{path.name}"] = raw
                    documents.append(load_bytes(raw, str(path)))
            self._mappings[id] = _mappings.read_mapping(tuple(documents), self.catalog(id))
        return self._mappings[id]

    def profile(
        self, name: str, checks: Mapping[str, Check], extensions: tuple[str, ...] = ()
    ) -> Profile:
        """The profile `name`, an id or the path of a YAML file; `checks` are what plugins offer.

        `extensions` are scopes that the system declares: their clauses come on top.
        """
        layers = self._layers(name)
        used = [u.catalog for layer in layers for u in layer.file.catalogs]
        self._check_crossings(id for id in used if id in self.catalog_ids())
        return _Assembly(self, layers, checks, extensions).profile()

    def lint(self, name: str, checks: Mapping[str, Check]) -> tuple[Problem, ...]:
        """What is wrong with profile `name` and what it uses, although it loads; sorted."""
        return lint_profile(self, self.profile(name, checks), checks)

    def catalog_file(self, id: str, name: str) -> Path:
        """The file `name` of catalog `id`."""
        path = self._only(f"catalogs/{id}/catalog.yaml", id, msg("catalog"), self.catalog_ids)
        return path.parent / name

    def used_catalogs(self, ids: Iterable[str]) -> tuple[str, ...]:
        """`ids` and the catalogs that their crosswalks lead to, sorted."""
        used = set(ids)
        for id in tuple(used):
            for crossings in self.catalog(id).crosswalk.values():
                used |= {crossing.catalog for crossing in crossings}
        return tuple(sorted(used))

    def raw_mappings(self, ids: Iterable[str]) -> dict[str, bytes]:
        """The mapping files of catalogs `ids` as read, under names that hold no local path."""
        wanted = tuple(f"mappings/{id}/" for id in ids)
        return {name: raw for name, raw in self._raw.items() if name.startswith(wanted)}

    def _names(self, pattern: str, name: _Name) -> tuple[str, ...]:
        return tuple(sorted({name(p) for d in self._dirs for p in d.glob(pattern)}))

    def _only(self, relative: str, id: str, what: Message, known: _Known) -> Path:
        plain = id and not any(c in id for c in "/\\\0") and not id.startswith(".")
        found = [d / relative for d in self._dirs if (d / relative).is_file()] if plain else []
        if not found:
            ids = known()
            raise UsageError(
                msg(
                    "no {what} {name}{hint} (there are: {there})",
                    name=quoted(id),
                    what=what,
                    hint=nearest(id, ids),
                    there=as_is(", ".join(ids)) if ids else msg("none"),
                )
            )
        if len(found) > 1:
            raise ConfigError(
                msg(
                    "{what} {name} is in two policy directories: {first}, {second}",
                    name=id,
                    first=str(found[0]),
                    second=str(found[1]),
                    what=what,
                )
            )
        return found[0]

    def _profile_path(self, name: str) -> Path:
        if name.endswith((".yaml", ".yml")):
            return Path(name)
        return self._only(f"profiles/{name}.yaml", name, msg("profile"), self.profile_ids)

    def _info(self, path: Path) -> ProfileInfo:
        file = _profiles.read_layer(path).file
        return ProfileInfo(
            id=file.id, title=file.title.zh, title_en=file.title.en, extends=file.extends,
            file=str(path),
        )  # fmt: skip

    def _layers(self, name: str) -> tuple[_profiles.Layer, ...]:
        layers: list[_profiles.Layer] = []
        first = self._profile_path(name)
        read = [first.resolve()]
        path: Path | None = first
        while path is not None:
            layer = _profiles.read_layer(path)
            self._own_id(layer, path)
            if layer.file.id in {other.file.id for other in layers}:
                layer.document.fail(("id",), msg("each profile once"), as_quoted(layer.file.id))
            layers.insert(0, layer)
            path = self._parent(layer, path)
            if path is not None:
                read.append(path.resolve())
                _must_end(layer, read)
        return tuple(layers)

    def _check_crossings(self, ids: Iterable[str]) -> None:
        """Rejects a crosswalk to a missing clause, which would otherwise be ignored silently."""
        there = self.catalog_ids()
        for crossing in (c for id in ids for cs in self.catalog(id).crosswalk.values() for c in cs):
            if crossing.catalog not in there:
                _no_crossing(crossing, msg("the id of a catalog"), crossing.catalog, there)
            clauses = self._clause_ids(crossing.catalog)
            if crossing.clause not in clauses:
                expected = msg("a clause of the other catalog")
                _no_crossing(crossing, expected, crossing.clause, clauses)

    def _clause_ids(self, id: str) -> frozenset[str]:
        if id not in self._ids:
            self._ids[id] = frozenset(c.id for c in self.catalog(id).clauses)
        return self._ids[id]

    def mapped_catalogs(self) -> dict[str, Path]:
        """The catalogs that mapping files name by their own names, and one such file of each."""
        found = [p for d in self._dirs for p in sorted(d.glob("mappings/*"))]
        named = {p.stem if p.is_file() else p.name: p for p in found if _is_mapping(p)}
        return dict(sorted(named.items()))

    def _own_id(self, layer: _profiles.Layer, path: Path) -> None:
        """Rejects an id that another profile has, because results could be confused."""
        id = layer.file.id
        for folder in self._dirs:
            theirs = folder / "profiles" / f"{id}.yaml"
            if theirs.is_file() and not theirs.samefile(path):
                expected = msg("an id that no other profile has")
                layer.document.fail(("id",), expected, as_quoted(id))
            if path.parent == folder / "profiles" and path.stem != id:
                expected = msg("the name of the file, {name}", name=repr(path.stem))
                layer.document.fail(("id",), expected, as_quoted(id))

    def _parent(self, layer: _profiles.Layer, path: Path) -> Path | None:
        wanted = layer.file.extends
        if wanted is None:
            return None
        if wanted.endswith((".yaml", ".yml")):
            parent = path.parent / wanted
            if not parent.is_file():
                layer.document.fail(
                    ("extends",), msg("a profile file that exists"), as_quoted(wanted)
                )
            return parent
        if wanted not in self.profile_ids():
            hint = nearest(wanted, self.profile_ids())
            expected = msg("the id of a profile")
            layer.document.fail(("extends",), expected, as_quoted(wanted), hint)
        return self._profile_path(wanted)


def _no_crossing(
    crossing: CrosswalkEntry, expected: Message, got: str, known: Iterable[str]
) -> NoReturn:
    raise InputError(
        msg(
            "{where}: expected {expected}, got {got}{hint}",
            where=crossing.where,
            expected=expected,
            got=as_quoted(got),
            hint=nearest(got, known),
        )
    )


def _must_end(layer: _profiles.Layer, read: list[Path]) -> None:
    """Refuses a chain of profiles that comes back to one of its files, or is very long."""
    if read[-1] in read[:-1]:
        chain = " -> ".join(path.name for path in read[read.index(read[-1]) :])
        expected = msg("a profile that does not extend itself")
        layer.document.fail(("extends",), expected, as_quoted(chain))
    if len(read) > _CHAIN_MAX:
        expected = msg("at most {count} profiles one over another", count=_CHAIN_MAX)
        layer.document.fail(("extends",), expected, msg("more"))


def _is_mapping(path: Path) -> bool:
    return path.suffix == ".yaml" if path.is_file() else any(path.glob("*.yaml"))


class _Assembly:
    """Puts a profile together from its layers (base first), the catalogs and the mappings."""

    def __init__(
        self,
        policy: Policy,
        layers: tuple[_profiles.Layer, ...],
        checks: Mapping[str, Check],
        extensions: tuple[str, ...],
    ) -> None:
        self._extensions = extensions
        self._policy = policy
        self._layers = layers
        self._checks = checks
        self._clauses = self._take_clauses()
        self._declared: list[DeclaredCheck] = []
        self._declared_for: dict[tuple[str, str], _mappings.Roles] = {}
        self._declare()

    def profile(self) -> Profile:
        """The whole."""
        bindings = tuple(b for clause in self._clauses for b in self._bindings(clause))
        file = self._layers[-1].file
        mapped = frozenset(b.check for b in bindings) - {c.id for c in self._declared}
        params = _profiles.merged_params(self._layers, self._checks, mapped)
        return Profile(
            id=file.id, title=file.title.zh, title_en=file.title.en,
            clauses=tuple(map(self._related, self._clauses)),
            bindings=bindings,
            params=params,
            overrides=_profiles.merged_overrides(self._layers, self._checks, mapped, params),
            declared_checks=tuple(self._declared),
            catalogs=tuple(dict.fromkeys(c.catalog for c in self._clauses)),
            sha256=self._sha256(),
            object_types=tuple({t.id: t for c in self._used() for t in c.object_types}.values()),
            system_objects=tuple(
                {o.id: o for c in self._used() for o in c.system_objects}.values()
            ),
            roll_ups=tuple(
                dict.fromkeys(g for c in reversed(self._used()) for g in c.roll_ups)
            ),
            gradings=self._gradings(),
            risk_rules=tuple(r for c in reversed(self._used()) for r in c.risk_rules),
        )  # fmt: skip

    def _gradings(self) -> tuple[Grading, ...]:
        """Those of the catalogs; one that only counts where a catalog has none."""
        found: list[Grading] = []
        for catalog in reversed(self._used()):
            found += catalog.gradings or (
                Grading(id=catalog.id, catalog=catalog.id, zh=catalog.title, en=catalog.title_en),
            )
        for layer in self._layers:
            _gradings.check_settings(layer.document, found, layer.file.gradings)
            found = list(_gradings.with_settings(found, layer.file.gradings))
        return tuple(found)

    def _used(self) -> list[Catalog]:
        """The catalogs with clauses in it, the last first: of two names the first one stands."""
        ids = dict.fromkeys(c.catalog for c in self._clauses)
        return [self._policy.catalog(id) for id in reversed(ids)]

    def _take_clauses(self) -> tuple[Clause, ...]:
        found: dict[tuple[str, str], Clause] = {}
        for layer in self._layers:
            for index, use in enumerate(layer.file.catalogs):
                ids = self._policy.catalog_ids()
                if use.catalog not in ids:
                    place = ("catalogs", index, "catalog")
                    hint = nearest(use.catalog, ids)
                    expected = msg("the id of a catalog")
                    layer.document.fail(place, expected, as_quoted(use.catalog), hint)
                catalog = self._policy.catalog(use.catalog)
                taken = selecting.taken(
                    layer.document, ("catalogs", index), use, catalog, self._extensions
                )
                for clause in taken:
                    found.setdefault((clause.catalog, clause.id), clause)
        if not found:
            expected = msg("at least one clause")
            self._layers[-1].document.fail(("catalogs",), expected, msg("none"))
        return tuple(found.values())

    def _declare(self) -> None:
        for layer in self._layers:
            for index, written in enumerate(layer.file.checks):
                if any(written.id == other.id for other in self._declared):
                    place = ("checks", index, "id")
                    layer.document.fail(place, msg("each check once"), as_quoted(written.id))
                self._declared.append(_profiles.declared(layer, index, self._checks))
                for at, target in enumerate(written.clauses):
                    spoken_at: YamlPath = ("checks", index, "clauses", at)
                    key = self._target(layer, spoken_at, target)
                    step = self._step(layer, spoken_at, key, target)
                    spoken = self._declared_for.setdefault(key, {})
                    if (step, written.id) in spoken:
                        layer.document.fail(
                            spoken_at, msg("each clause once"), as_quoted(target.clause)
                        )
                    spoken[step, written.id] = target.role

    def _step(
        self,
        layer: _profiles.Layer,
        place: YamlPath,
        key: tuple[str, str],
        target: _profiles.DeclaredFor,
    ) -> int | None:
        clause = next(c for c in self._clauses if (c.catalog, c.id) == key)
        return _mappings.step_of(layer.document, place, clause, target.step, target.role)

    def _target(
        self, layer: _profiles.Layer, place: YamlPath, target: _profiles.DeclaredFor
    ) -> tuple[str, str]:
        _profiles.check_target(layer, place, target, self._clauses)
        keys = [
            (c.catalog, c.id)
            for c in self._clauses
            if c.id == target.clause and target.catalog in (None, c.catalog)
        ]
        if len(keys) != 1:
            hint = nearest(target.clause, [c.id for c in self._clauses]) if not keys else SILENT
            expected = msg("a clause of this profile")
            if keys:
                expected = msg("a catalog, too (several have this clause)")
            layer.document.fail((*place, "clause"), expected, as_quoted(target.clause), hint)
        return keys[0]

    def _bindings(self, clause: Clause) -> list[Binding]:
        found = dict(self._policy.mapping(clause.catalog).of(clause.id))
        heard = {check for _, check in found}
        found |= {(None, id): Role.SUPPORTS for id in self._crossed(clause) if id not in heard}
        found |= self._declared_for.get((clause.catalog, clause.id), {})
        return [
            Binding(catalog=clause.catalog, clause=clause.id, check=id, step=step, role=role)
            for (step, id), role in sorted(found.items(), key=lambda e: (e[0][0] or 0, e[0][1]))
        ]

    def _related(self, clause: Clause) -> Clause:
        """`clause` with those of other catalogs that its crosswalk names, and their checks."""
        crossings = self._policy.catalog(clause.catalog).crosswalk.get(clause.id, ())
        if not crossings:
            return clause
        supporting = self._crossed(clause)
        found = []
        for one in crossings:
            mapped = self._policy.mapping(one.catalog).of(one.clause)
            checks = tuple(dict.fromkeys(id for _, id in mapped if id in supporting))
            found.append(RelatedClause(catalog=one.catalog, clause=one.clause, checks=checks))
        return structs.replace(clause, related=tuple(found))

    def _crossed(self, clause: Clause) -> dict[str, None]:
        # a clause that only people can attest is not supported by checks either
        if clause.attribute == "attest":
            return {}
        return {
            check: None
            for crossing in self._policy.catalog(clause.catalog).crosswalk.get(clause.id, ())
            for _, check in self._policy.mapping(crossing.catalog).of(crossing.clause)
        }

    def _sha256(self) -> str:
        files = {f"profiles/{n}": layer.raw for n, layer in enumerate(self._layers)}
        used = self._policy.used_catalogs(c.catalog for c in self._clauses)
        files |= self._policy.raw_mappings(used)
        files |= {f"catalogs/{id}": self._policy.catalog(id).sha256.encode() for id in used}
        return _catalogs.digest(files)
