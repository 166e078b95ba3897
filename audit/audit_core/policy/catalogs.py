"""Catalogs: a folder with `catalog.yaml`, `clauses.csv`, and perhaps `en.csv`, `crosswalk.csv`."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from audit_core.errors import InputError
from audit_core.model import Coverage, Message, ObjectType, msg
from audit_core.policy.model import Bilingual, Catalog, Crossing, Fit, Twin
from audit_core.policy.strict_yaml import load_bytes
from audit_core.policy.words import nearest, one_of, quoted, seen, why
from audit_core.results import Clause

MAX_BYTES = 16 << 20
METHODS = ("interview", "examine", "test")
SCOPES = ("general", "cloud", "mobile", "iot", "ics")
_OBJECT_TYPES = tuple(t.value for t in ObjectType)
_COLUMNS = {
    "id", "unit", "level", "scope", "layer", "layer_id", "control_point", "gist", "attribute",
    "methods", "objects", "applies_to", "high_risk_rule", "confidence", "note", "twin", "twin_fit",
}  # fmt: skip


class _About(Struct, frozen=True, kw_only=True):
    id: str
    title: Bilingual
    edition: str
    source: str
    confidence: str
    licence: str


def load_catalog(folder: Path) -> Catalog:
    """The catalog in `folder`; raises InputError with file and line."""
    files = _Files(folder)
    document = load_bytes(files.read("catalog.yaml"), str(folder / "catalog.yaml"))
    about = document.convert(_About)
    if about.id != folder.name:
        expected = msg("the folder's name {name}", name=repr(folder.name))
        document.fail(("id",), expected, seen(about.id))
    english = _english(files)
    clauses: list[Clause] = []
    twins: dict[str, Twin] = {}
    for row in files.rows("clauses.csv", required=("id", "gist")):
        clauses.append(_clause(about.id, row, english))
        if row.get("twin"):
            twins[row["id"]] = Twin(clause=row["twin"], fit=_fit(row))
    path = files.path("clauses.csv")
    _no_twice(path, clauses)
    crosswalk = _crosswalk(files)
    _known_clauses(path, clauses, tuple(twin.clause for twin in twins.values()))
    _known_clauses(files.path("crosswalk.csv"), clauses, tuple(crosswalk))
    return Catalog(
        id=about.id, title=about.title.zh, title_en=about.title.en, edition=about.edition,
        source=about.source, confidence=about.confidence, licence=about.licence,
        clauses=tuple(clauses), twins=twins, crosswalk=crosswalk, sha256=files.sha256(),
    )  # fmt: skip


class _Row(dict[str, str]):
    """A row of a table that knows where it stands."""

    def __init__(self, values: dict[str, str], where: str) -> None:
        super().__init__(values)
        self.where = where

    def words(self, column: str, known: tuple[str, ...]) -> tuple[str, ...]:
        """The words of a cell, each of which must be known."""
        words = tuple(self.get(column, "").split())
        for word in words:
            if word not in known:
                said = msg("{where}: {column}: expected {expected}, got {word}{hint}",
                           where=self.where, column=column, word=quoted(word))  # fmt: skip
                raise InputError(said, expected=one_of(known), hint=nearest(word, known))
        return words


class _Files:
    """The files of one catalog; each that was read goes into the digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, bytes] = {}

    def path(self, name: str) -> Path:
        return self._folder / name

    def has(self, name: str) -> bool:
        return self.path(name).is_file()

    def read(self, name: str) -> bytes:
        try:
            with self.path(name).open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
        except OSError as error:
            said = msg("{path}: cannot be read: {strerror}", path=str(self.path(name)))
            raise InputError(said, strerror=why(error)) from error
        if len(raw) > MAX_BYTES:
            raise InputError(
                msg(
                    "{name}:1: expected at most {max_bytes} bytes, got more",
                    name=str(self.path(name)),
                    max_bytes=str(MAX_BYTES),
                )
            )
        self._read[name] = raw
        return raw

    def rows(self, name: str, required: tuple[str, ...]) -> Iterator[_Row]:
        path = self.path(name)
        try:
            text = self.read(name).decode("utf-8-sig")
            reader = csv.reader(io.StringIO(text, newline=""), strict=True)
            header = next(reader, [])
            for column in required:
                if column not in header:
                    raise InputError(
                        msg(
                            "{path}:1: expected a column {column}, got none",
                            path=str(path),
                            column=repr(column),
                        )
                    )
            for cells in reader:
                where = f"{path}:{reader.line_num}"
                if len(cells) != len(header):
                    raise InputError(
                        msg(
                            "{where}: expected {header} columns, got {cells}",
                            where=str(where),
                            header=str(len(header)),
                            cells=str(len(cells)),
                        )
                    )
                yield _Row(dict(zip(header, cells, strict=True)), where)
        except UnicodeDecodeError as error:
            raise InputError(
                msg("{path}: expected a CSV table in UTF-8", path=str(path))
            ) from error
        except csv.Error as error:
            said = msg("{path}: expected a CSV table: {error}", path=str(path))
            raise InputError(said, error=Message(id=str(error))) from error

    def sha256(self) -> str:
        return digest(self._read)


def digest(files: dict[str, bytes]) -> str:
    """One SHA-256 over named files: equal only if names and bytes are."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name}\0{len(files[name])}\0".encode())
        total.update(files[name])
    return total.hexdigest()


def _english(files: _Files) -> dict[str, str]:
    if not files.has("en.csv"):
        return {}
    return {row["text"]: row["en"] for row in files.rows("en.csv", required=("text", "en"))}


def _crosswalk(files: _Files) -> dict[str, tuple[Crossing, ...]]:
    found: dict[str, tuple[Crossing, ...]] = {}
    if not files.has("crosswalk.csv"):
        return found
    columns = ("clause", "catalog", "other", "coverage")
    for row in files.rows("crosswalk.csv", required=columns):
        words = row.words("coverage", (Coverage.PARTIAL, Coverage.SUPPORTS))
        coverage = Coverage(words[0]) if words else Coverage.SUPPORTS
        crossing = Crossing(catalog=row["catalog"], clause=row["other"], coverage=coverage)
        found[row["clause"]] = (*found.get(row["clause"], ()), crossing)
    return found


def _level(row: _Row) -> int | None:
    text = row.get("level", "")
    if text and text not in ("1", "2", "3", "4", "5"):
        raise InputError(
            msg(
                "{where}: level: expected 1 to 5 or nothing, got {text}",
                where=str(row.where),
                text=str(quoted(text)),
            )
        )
    return int(text) if text else None


def _fit(row: _Row) -> Fit:
    return Fit(row.words("twin_fit", tuple(Fit))[0]) if row.get("twin_fit") else Fit.SAME


def _clause(catalog: str, row: _Row, english: dict[str, str]) -> Clause:
    if not row.keys() <= _COLUMNS:
        unknown = sorted(set(row) - _COLUMNS)
        raise InputError(
            msg(
                "{where}: expected known columns, got {unknown}{hint}",
                where=row.where,
                unknown=quoted(unknown[0]),
            ),
            hint=nearest(unknown[0], _COLUMNS),
        )
    if not row["id"].strip():
        raise InputError(
            msg("{where}: id: expected the id of a clause, got nothing", where=row.where)
        )
    get = row.get
    return Clause(
        catalog=catalog, id=row["id"], unit=get("unit") or None, level=_level(row),
        scope=(row.words("scope", SCOPES) or ("general",))[0],
        layer=get("layer", ""), layer_id=get("layer_id", ""),
        layer_en=english.get(get("layer", ""), ""),
        control_point=get("control_point", ""),
        control_point_en=english.get(get("control_point", ""), ""),
        gist=row["gist"], gist_en=english.get(row["gist"], ""),
        attribute=get("attribute", ""), methods=row.words("methods", METHODS),
        objects=get("objects", ""), applies_to=row.words("applies_to", _OBJECT_TYPES),
        high_risk_rule=get("high_risk_rule", ""), confidence=get("confidence") or "unverified",
        note=get("note", ""),
    )  # fmt: skip


def _known_clauses(path: Path, clauses: list[Clause], named: tuple[str, ...]) -> None:
    known = [clause.id for clause in clauses]
    for id in sorted(set(named) - set(known)):
        said = msg("{path}: expected a clause of this catalog, got {name}{hint}",
                   path=str(path), name=quoted(id))  # fmt: skip
        raise InputError(said, hint=nearest(id, known))


def _no_twice(path: Path, clauses: list[Clause]) -> None:
    seen: set[str] = set()
    for clause in clauses:
        if clause.id in seen:
            raise InputError(
                msg(
                    "{path}: expected each clause once, got {name} again",
                    path=str(path),
                    name=str(quoted(clause.id)),
                )
            )
        seen.add(clause.id)
