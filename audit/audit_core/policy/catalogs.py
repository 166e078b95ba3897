"""Catalogs: a folder with `catalog.yaml`, `clauses.csv`, and perhaps `en.csv`, `steps.csv`,
`unit-rules.csv`, `crosswalk.csv`, `gradings.yaml`, `high-risk-rules.csv`, `weights.csv` and
`harms.csv`."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, KeysView
from collections.abc import Set as AbstractSet
from pathlib import Path

from msgspec import structs

from audit_core.model import Message, as_is, filled, msg, verbatim
from audit_core.model.errors import InputError
from audit_core.model.gradings import Grading, HighRiskRule
from audit_core.model.results import Clause
from audit_core.model.units import Step, UnitRule
from audit_core.policy import gradings as _gradings
from audit_core.policy import steps as _steps
from audit_core.policy.default_step import stand_in
from audit_core.policy.input_errors import as_quoted, nearest, one_of, quoted, wrong_text
from audit_core.policy.layers import check_layers, concerned, no_object
from audit_core.policy.model import (
    Bilingual,
    Catalog,
    CrosswalkEntry,
    EquivalentClause,
    Fit,
    Layer,
    Structure,
)
from audit_core.policy.strict_yaml import load_bytes
from audit_core.text.system_errors import os_error

MAX_BYTES = 16 << 20
_TITLE_MAX = 200
_COLUMNS = {
    "id", "unit", "level", "scope", "layer_id", "control_point", "gist", "attribute",
    "methods", "objects", "applies_to", "high_risk_rule", "confidence", "note", "twin", "twin_fit",
}  # fmt: skip


class CatalogFile(Structure, frozen=True, kw_only=True):
    """The structure of `catalog.yaml`."""

    id: str
    title: Bilingual
    edition: str | Bilingual
    source: str
    confidence: str | Bilingual
    licence: str


def load_catalog(folder: Path) -> Catalog:
    """The catalog in `folder`; raises InputError with file and line."""
    files = _Files(folder)
    document = load_bytes(files.read("catalog.yaml"), str(folder / "catalog.yaml"))
    about = document.convert(CatalogFile)
    if about.id != folder.name:
        expected = msg("the name of the directory, {name}", name=repr(folder.name))
        document.fail(("id",), expected, as_quoted(about.id))
    for lang in ("zh", "en"):
        wrong = wrong_text(getattr(about.title, lang), _TITLE_MAX)
        if wrong is not None:
            document.fail(("title", lang), wrong, as_quoted(getattr(about.title, lang)))
    check_layers(document, about)
    english = _english(files)
    rows = tuple(files.rows("clauses.csv", required=("id", "gist")))
    known = _ids(rows)
    clauses = tuple(_clause(about, row, english) for row in rows)
    twins = {row["id"]: _twin(row, known) for row in rows if row.get("twin")}
    crosswalk = _crosswalk(files, known)
    clauses = _with_steps(files, about, _with_harms(files, clauses))
    for row, clause in zip(rows, clauses, strict=True):
        if not clause.applies_to:
            no_object(row.where)
    gradings, risk_rules = _graded(files, about, known)
    return Catalog(
        id=about.id, title=about.title.zh, title_en=about.title.en, edition=_detail(about.edition),
        source=about.source, confidence=_detail(about.confidence), licence=about.licence,
        clauses=clauses, twins=twins, crosswalk=crosswalk, scopes=about.scopes,
        layers=about.layers, object_types=about.object_types,
        system_objects=about.system_objects, roll_ups=about.roll_ups, sha256=files.sha256(),
        gradings=gradings, risk_rules=risk_rules,
    )  # fmt: skip


def _graded(
    files: _Files, about: CatalogFile, known: AbstractSet[str]
) -> tuple[tuple[Grading, ...], tuple[HighRiskRule, ...]]:
    """The gradings of a catalog, and the high-risk rules; none where it has no such files."""
    weights: dict[str, float] = {}
    gradings: tuple[Grading, ...] = ()
    rules: tuple[HighRiskRule, ...] = ()
    if files.has("weights.csv"):
        columns = _gradings.WEIGHT_COLUMNS
        weights = _gradings.read_weights(files.rows("weights.csv", columns, columns), known)
    if files.has("gradings.yaml"):
        raw = files.read("gradings.yaml")
        document = load_bytes(raw, str(files.path("gradings.yaml")))
        layers = [layer.id for layer in about.layers]
        gradings = _gradings.read_gradings(document, about.id, layers, weights)
    if files.has("high-risk-rules.csv"):
        wanted = _gradings.RISK_COLUMNS
        rows = files.rows("high-risk-rules.csv", wanted, wanted)
        rules = _gradings.read_rules(rows, about.id, known)
    return gradings, rules


def _with_steps(
    files: _Files, about: CatalogFile, clauses: tuple[Clause, ...]
) -> tuple[Clause, ...]:
    """`clauses` with their steps and rules; a clause without known steps has one step."""
    by_id = {c.id: c for c in clauses}
    steps: dict[str, tuple[Step, ...]] = {}
    rules: dict[str, UnitRule] = {}
    if files.has("steps.csv"):
        known, required = _steps.STEP_COLUMNS, _steps.STEP_REQUIRED
        steps = _steps.read_steps(files.rows("steps.csv", required, known), by_id)
    if files.has("unit-rules.csv"):
        rows = files.rows("unit-rules.csv", _steps.RULE_COLUMNS, _steps.RULE_COLUMNS)
        rules = _steps.read_rules(rows, by_id, steps)
    return tuple(
        structs.replace(c, steps=steps[c.id], rule=rules.get(c.id, _steps.every_step(steps[c.id])))
        if c.id in steps
        else structs.replace(c, steps=(stand_in(c, about.object_types),))
        for c in clauses
    )


_HARM_COLUMNS = ("control_point", "layer_id", "harm", "harm_en")


def _with_harms(files: _Files, clauses: tuple[Clause, ...]) -> tuple[Clause, ...]:
    """`clauses` with what may happen where they are not met: by layer, else for any layer."""
    if not files.has("harms.csv"):
        return clauses
    known = {(c.control_point, layer) for c in clauses for layer in ("", c.layer_id)}
    harms: dict[tuple[str, str], _Row] = {}
    for row in files.rows("harms.csv", _HARM_COLUMNS, _HARM_COLUMNS):
        key = (row["control_point"], row["layer_id"])
        if key not in known or harms.setdefault(key, row) is not row:
            detail = msg("{where}: expected each control point of a layer once, got {name}",
                         where=row.where, name=quoted(" ".join(key).strip()))  # fmt: skip
            raise InputError(detail)
    return tuple(_with_harm(c, harms) for c in clauses)


def _with_harm(clause: Clause, harms: dict[tuple[str, str], _Row]) -> Clause:
    point = clause.control_point
    row = harms.get((point, clause.layer_id)) or harms.get((point, ""))
    return structs.replace(clause, harm=row["harm"], harm_en=row["harm_en"]) if row else clause


def _detail(written: str | Bilingual) -> Message:
    return as_is(written) if isinstance(written, str) else written.message()


class _Row(dict[str, str]):
    """A row of a table with its file and line."""

    def __init__(self, values: dict[str, str], where: str) -> None:
        super().__init__(values)
        self.where = where

    def words(self, column: str, known: tuple[str, ...]) -> tuple[str, ...]:
        """The words of a cell, each of which must be known."""
        words = tuple(self.get(column, "").split())
        for word in words:
            if word not in known:
                detail = msg("{where}: {column}: expected {expected}, got {word}{hint}",
                           where=self.where, column=column, word=quoted(word))  # fmt: skip
                raise InputError(filled(detail, expected=one_of(known), hint=nearest(word, known)))
        return words

    def word(self, column: str, known: tuple[str, ...]) -> str | None:
        """The one word of a cell, which must be known; None where the cell is empty."""
        words = self.words(column, known)
        if len(words) > 1:
            detail = msg("{where}: {column}: expected one word, got {text}",
                       where=self.where, column=column, text=quoted(self[column]))  # fmt: skip
            raise InputError(detail)
        return words[0] if words else None


def _check_header(
    path: str, header: list[str], required: tuple[str, ...], known: tuple[str, ...] | None
) -> None:
    """Raises InputError where a column is there twice, is missing or is not known."""
    twice = sorted({c for c in header if header.count(c) > 1})
    if twice:
        detail = msg("{path}:1: expected each column once, got {column} again",
                   path=path, column=quoted(twice[0]))  # fmt: skip
        raise InputError(detail)
    for column in required:
        if column not in header:
            raise InputError(
                msg(
                    "{path}:1: expected a column {column}, got none",
                    path=path,
                    column=repr(column),
                )
            )
    for column in header if known is not None else ():
        if column not in (known or ()):
            detail = msg("{path}:1: expected known columns, got {column}{hint}",
                       path=path, column=quoted(column),
                       hint=nearest(column, known or ()))  # fmt: skip
            raise InputError(detail)


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
            detail = msg("{path}: cannot be read: {error}",
                       path=str(self.path(name)), error=os_error(error))  # fmt: skip
            raise InputError(detail) from error
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

    def rows(
        self, name: str, required: tuple[str, ...], known: tuple[str, ...] | None = None
    ) -> Iterator[_Row]:
        """The rows of a table; no other columns than `known`, where it is given."""
        path, raw = self.path(name), self.read(name)
        reader = csv.reader(io.StringIO(_utf8(raw, path), newline=""), strict=True)
        try:
            header = next(reader, [])
            _check_header(str(path), header, required, known)
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
                for column, cell in zip(header, cells, strict=True):
                    _must_be_plain(where, column, cell)
                yield _Row(dict(zip(header, cells, strict=True)), where)
        except csv.Error as error:
            where = f"{path}:{reader.line_num or 1}"
            raise InputError(
                msg("{where}: expected a CSV table: {error}", where=where,
                    error=verbatim(str(error)))
            ) from error  # fmt: skip

    def sha256(self) -> str:
        return digest(self._read)


def _utf8(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"{path}:{1 + raw[: error.start].count(10)}"
        raise InputError(msg("{where}: expected a CSV table in UTF-8", where=where)) from error


def _must_be_plain(where: str, column: str, cell: str) -> None:
    if not cell.isprintable():
        detail = msg("{where}: {column}: expected printable text on one line, got {text}",
                   where=where, column=column, text=quoted(cell))  # fmt: skip
        raise InputError(detail)


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


def _ids(rows: tuple[_Row, ...]) -> KeysView[str]:
    """The ids of the clauses; raises InputError for none, for a broken one and for one twice."""
    seen_at: dict[str, str] = {}
    for row in rows:
        id = row["id"]
        if not id or " " in id:
            detail = msg("{where}: id: expected the id of a clause, got {id}",
                       where=row.where, id=quoted(id))  # fmt: skip
            raise InputError(detail)
        if id in seen_at:
            raise InputError(
                msg("{where}: expected each clause once, got {name} again",
                    where=row.where, name=quoted(id))
            )  # fmt: skip
        seen_at[id] = row.where
    return seen_at.keys()


def _known(row: _Row, column: str, known: AbstractSet[str]) -> str:
    if row[column] not in known:
        detail = msg("{where}: {column}: expected a clause of this catalog, got {name}{hint}",
                   where=row.where, column=column, name=quoted(row[column]))  # fmt: skip
        raise InputError(filled(detail, hint=nearest(row[column], known)))
    return row[column]


def _crosswalk(files: _Files, known: AbstractSet[str]) -> dict[str, tuple[CrosswalkEntry, ...]]:
    found: dict[str, tuple[CrosswalkEntry, ...]] = {}
    if not files.has("crosswalk.csv"):
        return found
    columns = ("clause", "catalog", "other")
    for row in files.rows("crosswalk.csv", columns, columns):
        clause = _known(row, "clause", known)
        crossing = CrosswalkEntry(catalog=row["catalog"], clause=row["other"], where=row.where)
        held = found.get(clause, ())
        if (crossing.catalog, crossing.clause) in {(c.catalog, c.clause) for c in held}:
            detail = msg("{where}: expected each pair of clauses once, got {name} again",
                       where=row.where, name=quoted(f"{clause}, {crossing.clause}"))  # fmt: skip
            raise InputError(detail)
        found[clause] = (*held, crossing)
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


def _twin(row: _Row, known: AbstractSet[str]) -> EquivalentClause:
    others = known - {row["id"]} if row["twin"] == row["id"] else known
    word = row.word("twin_fit", tuple(Fit))
    return EquivalentClause(clause=_known(row, "twin", others), fit=Fit(word) if word else Fit.SAME)


def _clause(about: CatalogFile, row: _Row, english: dict[str, str]) -> Clause:
    if not row.keys() <= _COLUMNS:
        unknown = sorted(set(row) - _COLUMNS)
        raise InputError(
            msg(
                "{where}: expected known columns, got {unknown}{hint}",
                where=row.where,
                unknown=quoted(unknown[0]),
                hint=nearest(unknown[0], _COLUMNS),
            )
        )
    get = row.get
    id = row.word("layer_id", tuple(layer.id for layer in about.layers))
    layer = next((one for one in about.layers if one.id == id), Layer(id="", zh="", en=""))
    own = row.words("applies_to", layer.objects or tuple(t.id for t in about.object_types))
    applies_to, concerns = concerned(layer, own)
    return Clause(
        catalog=about.id, id=row["id"], unit=get("unit") or None, level=_level(row),
        scope=row.word("scope", tuple(s.id for s in about.scopes)) or about.scopes[0].id,
        layer=layer.zh, layer_id=layer.id, layer_en=layer.en,
        control_point=get("control_point", ""),
        control_point_en=english.get(get("control_point", ""), ""),
        gist=row["gist"], gist_en=english.get(row["gist"], ""),
        attribute=get("attribute", ""), methods=row.words("methods", _steps.METHODS),
        objects=get("objects", ""), applies_to=applies_to, concerns=concerns,
        high_risk_rule=get("high_risk_rule", ""), confidence=get("confidence") or "unverified",
        note=get("note", ""),
    )  # fmt: skip
