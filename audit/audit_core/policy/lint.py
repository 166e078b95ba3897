"""Finds problems in a policy that can be loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from audit_core.model import Check, Message, msg
from audit_core.policy.input_errors import nearest_word, quoted
from audit_core.policy.model import Catalog, Problem, Profile

if TYPE_CHECKING:
    from audit_core.policy import Policy


def lint_profile(
    policy: Policy, profile: Profile, checks: Mapping[str, Check]
) -> tuple[Problem, ...]:
    """The problems of `profile` and of the catalogs and mappings it uses, sorted by place."""
    found: list[Problem] = []
    known = {*checks, *(declared.id for declared in profile.declared_checks)}
    for id in policy.used_catalogs(profile.catalogs):
        catalog = policy.catalog(id)
        found.extend(_mapping_problems(policy, catalog, known))
        found.extend(_translations(policy, catalog))
    found.extend(_empty_clauses(policy, profile))
    found.extend(_unknown_catalogs(policy))
    return tuple(sorted(found, key=lambda p: (p.file, p.line, p.detail.id, str(p.detail.args))))


def _unknown_catalogs(policy: Policy) -> Iterator[Problem]:
    known = policy.catalog_ids()
    for id, path in policy.mapped_catalogs().items():
        if id not in known:
            word = nearest_word(id, known)
            detail = msg(
                "this mapping belongs to no catalog: there is no catalog {name}", name=quoted(id)
            )
            if word is not None:
                detail = msg(
                    "this mapping belongs to no catalog: there is no catalog {name}; did you "
                    "mean {word}?",
                    name=quoted(id),
                    word=repr(word),
                )
            yield Problem(file=str(path), line=1, detail=detail)


def _mapping_problems(policy: Policy, catalog: Catalog, known: set[str]) -> Iterator[Problem]:
    mapping = policy.mapping(catalog.id)
    for file, line, detail in mapping.twice:
        yield Problem(file=file, line=line, detail=detail)
    for (clause, check), (file, line) in mapping.lines.items():
        if check not in known:
            yield Problem(file=file, line=line, detail=_unknown(clause, check, known))


def _unknown(clause: str, check: str, known: set[str]) -> Message:
    name, word = quoted(check), nearest_word(check, known)
    if word is None:
        return msg("{clause}: no plugin offers check {name}", clause=clause, name=name)
    return msg(
        "{clause}: no plugin offers check {name}; did you mean {word}?",
        clause=clause, name=name, word=repr(word),
    )  # fmt: skip


def _translations(policy: Policy, catalog: Catalog) -> Iterator[Problem]:
    file = str(policy.catalog_file(catalog.id, "clauses.csv"))
    for line, clause in enumerate(catalog.clauses, 2):
        for name in ("control_point", "gist"):
            if getattr(clause, name) and not getattr(clause, f"{name}_en"):
                detail = msg("{id}: {name} has no English text in en.csv", id=clause.id, name=name)
                yield Problem(file=file, line=line, detail=detail)


def _empty_clauses(policy: Policy, profile: Profile) -> Iterator[Problem]:
    bound = {(b.catalog, b.clause) for b in profile.bindings}
    for clause in profile.clauses:
        key = (clause.catalog, clause.id)
        if not clause.applies_to or not (clause.methods or key in bound):
            file = policy.catalog_file(clause.catalog, "clauses.csv")
            ids = [c.id for c in policy.catalog(clause.catalog).clauses]
            detail = msg("{id}: neither objects nor methods of assessment are given", id=clause.id)
            yield Problem(file=str(file), line=ids.index(clause.id) + 2, detail=detail)
