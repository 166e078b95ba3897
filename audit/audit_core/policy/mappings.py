"""Mappings: which checks speak for which clause, written once and carried to twins."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from audit_core.model import Coverage, Message, msg
from audit_core.policy.model import Bilingual, Catalog, Fit
from audit_core.policy.strict_yaml import Document
from audit_core.policy.words import nearest, one_of, seen, wrong_id, wrong_text

_TEXT_MAX = 1000
_RANK = {Coverage.NONE: 0, Coverage.SUPPORTS: 1, Coverage.PARTIAL: 2, Coverage.FULL: 3}
_CAP = {
    Fit.SAME: Coverage.FULL,
    Fit.STRONGER: Coverage.PARTIAL,
    Fit.WEAKER: Coverage.SUPPORTS,
}


class MappedCheck(Struct, frozen=True, kw_only=True):
    """One check of a clause."""

    check: str
    coverage: Coverage


class _Item(Struct, frozen=True, kw_only=True):
    clause: str
    checks: tuple[MappedCheck, ...] = ()
    missing: Bilingual | None = None


class Mapping(Struct, frozen=True, kw_only=True):
    """The mapping of one catalog: clause to checks with coverage, and to what is missing.

    `lines` is where each (clause, check) stands; `twice` what was written more than once, where.
    """

    checks: dict[str, dict[str, Coverage]]
    missing: dict[str, tuple[Message, ...]]
    lines: dict[tuple[str, str], tuple[str, int]]
    twice: tuple[tuple[str, int, Message], ...]

    def of(self, catalog: Catalog, clause: str) -> dict[str, Coverage]:
        """The checks of `clause`; its twin's where the mapping does not name the clause itself.

        Where the clause asks more than its twin, the twin's checks settle it in part at most: what
        fails there fails here too. Where it asks less, they only support it: what fails there
        may still suffice here.
        """
        if clause in self.checks or clause in self.missing:
            return self.checks.get(clause, {})
        twin = catalog.twins.get(clause)
        if twin is None:
            return {}
        return capped(self.checks.get(twin.clause, {}), _CAP[twin.fit])

    def missing_of(self, catalog: Catalog, clause: str) -> tuple[Message, ...]:
        """What the mapping says people must bring for `clause`; nothing when only a twin says."""
        if clause in self.checks or clause in self.missing:
            return self.missing.get(clause, ())
        twin = catalog.twins.get(clause)
        if twin is None or twin.fit is not Fit.SAME:
            return ()
        return self.missing.get(twin.clause, ())


def capped(checks: dict[str, Coverage], cap: Coverage) -> dict[str, Coverage]:
    """`checks` with no coverage above `cap`."""
    return {check: weaker(coverage, cap) for check, coverage in checks.items()}


def weaker(a: Coverage, b: Coverage) -> Coverage:
    """The lesser of two coverages."""
    return min(a, b, key=_RANK.__getitem__)


def stronger(a: Coverage, b: Coverage) -> Coverage:
    """The greater of two coverages."""
    return max(a, b, key=_RANK.__getitem__)


def mapping_files(folder: Path, catalog: str) -> tuple[Path, ...]:
    """The mapping files of `catalog` in a policy folder, sorted."""
    single, several = folder / "mappings" / f"{catalog}.yaml", folder / "mappings" / catalog
    found = [single] if single.is_file() else []
    return tuple(found + sorted(several.glob("*.yaml")))


def read_mapping(documents: tuple[Document, ...], catalog: Catalog) -> Mapping:
    """The mapping that `documents` spell; raises InputError for a clause that does not exist."""
    known = {clause.id for clause in catalog.clauses}
    reader = _Reader(known)
    for document in documents:
        items = document.convert(tuple[_Item, ...])
        for index, item in enumerate(items):
            reader.add(document, index, item)
    return Mapping(
        checks=reader.checks, missing=reader.missing, lines=reader.lines, twice=tuple(reader.twice)
    )


class _Reader:
    def __init__(self, known: set[str]) -> None:
        self._known = known
        self.checks: dict[str, dict[str, Coverage]] = {}
        self.missing: dict[str, tuple[Message, ...]] = {}
        self.lines: dict[tuple[str, str], tuple[str, int]] = {}
        self.twice: list[tuple[str, int, Message]] = []

    def add(self, document: Document, index: int, item: _Item) -> None:
        if item.clause not in self._known:
            hint = nearest(item.clause, self._known)
            what = msg("a clause of this catalog")
            document.fail((index, "clause"), what, seen(item.clause), hint)
        held = self.checks.setdefault(item.clause, {})
        for at, mapped in enumerate(item.checks):
            line = document.line((index, "checks", at))
            if mapped.coverage is Coverage.NONE:
                at_coverage = (index, "checks", at, "coverage")
                document.fail(at_coverage, one_of(_CAP.values()), seen(mapped.coverage.value))
            wrong = wrong_id(mapped.check)
            if wrong is not None:
                document.fail((index, "checks", at, "check"), wrong, seen(mapped.check))
            self._take(held, item.clause, mapped, (document.file, line))
        if item.missing is not None:
            for lang in ("zh", "en"):
                wrong = wrong_text(getattr(item.missing, lang), _TEXT_MAX)
                if wrong is not None:
                    given = seen(getattr(item.missing, lang))
                    document.fail((index, "missing", lang), wrong, given)
            # both languages travel with the message; the translation of its id takes the Chinese
            said = item.missing.message()
            self.missing[item.clause] = (*self.missing.get(item.clause, ()), said)

    def _take(
        self, held: dict[str, Coverage], clause: str, mapped: MappedCheck, at: tuple[str, int]
    ) -> None:
        key = (clause, mapped.check)
        if key in self.lines:
            said = msg("{check} is mapped to {clause} twice", check=mapped.check, clause=clause)
            self.twice.append((*at, said))
        self.lines.setdefault(key, at)
        # of two claims the lesser stands: a clause must not look settled by a slip
        held[mapped.check] = weaker(held.get(mapped.check, mapped.coverage), mapped.coverage)
