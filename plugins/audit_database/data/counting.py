"""Counts what the values of one column are."""

from __future__ import annotations

from collections import Counter as Tally

from msgspec import structs

from audit_database.data import names, passwords
from audit_database.data.answer import Column, Found
from audit_database.data.identify import LONGEST, Data, Hit, Look, as_text, look_at
from audit_database.data.pairs import named_values

_MOST = 999  # different values that are counted
_KEYS = 50  # names in the values of one column
_SHORT_CODE = range(3, 5)


class Counter:
    """The counts of one column, value by value. No value is kept."""

    def __init__(self, column: Column, declared: Data | None) -> None:
        suggested = names.held_by(column.says)
        self._keys: dict[str, Counter] = {}
        self._column = column
        self._is_password = declared is Data.PASSWORD or "password" in suggested
        self._is_cvn = declared is Data.CVN or "cvn" in suggested
        self._looks = dict.fromkeys(Look, 0)
        self._values = 0
        self._found: dict[Data, _Kind] = {}
        self._candidates: Tally[Data] = Tally()
        self._shaped: Tally[Data] = Tally()
        self._schemes: Tally[str] = Tally()
        self._plain: set[int] = set()
        self._numbers: set[int] = set()
        self._repeated = False

    def add(self, value: object) -> None:
        """Takes one value into account."""
        traits = look_at(value)
        if traits.look is Look.EMPTY:
            self._looks[Look.EMPTY] += 1
            return
        self._values += 1
        text = as_text(value)
        if not self._column.key:
            self._named(text)
        self._note_repeated(text)
        self._candidates.update(traits.candidates)
        self._shaped.update(traits.shaped)
        if self._is_password:
            self._password(text, traits.look)
        hits = traits.hits or self._by_name(text)
        if not hits:
            self._looks[traits.look] += 1
        for hit in hits:
            self._found.setdefault(hit.kind, _Kind()).add(hit)
        for kind in {hit.kind for hit in hits}:
            self._found[kind].count += 1

    def _named(self, text: str) -> None:
        """Counts what a text holds under names of its own as if each were a column."""
        for key, value in named_values(text[:LONGEST]):
            if key not in self._keys and len(self._keys) < _KEYS:
                column = structs.replace(self._column, key=key, type="text", length=None)
                self._keys[key] = Counter(column, None)
            if key in self._keys:
                self._keys[key].add(value)

    def _note_repeated(self, text: str) -> None:
        number = hash(text)
        self._repeated = self._repeated or number in self._numbers
        if len(self._numbers) < _MOST:
            self._numbers.add(number)

    def _by_name(self, text: str) -> tuple[Hit, ...]:
        if self._is_cvn and text.isdecimal() and len(text) in _SHORT_CODE:
            return (Hit(kind=Data.CVN, whole=True, specimen="*" * len(text), number=hash(text)),)
        return ()

    def _password(self, text: str, look: Look) -> None:
        found = "masked" if look is Look.MASKED else passwords.scheme(text.strip())
        self._schemes[found] += 1
        if found == "plain" and len(self._plain) < 2:
            self._plain.add(0 if passwords.is_common(text.strip()) else hash(text))

    def columns(self) -> list[Column]:
        """The column, then what is in it under names of its own."""
        return [self.column(), *(each.column() for each in self._keys.values())]

    def column(self) -> Column:
        """The column with what was counted so far."""
        old, looks = self._column, self._looks
        found = {
            str(kind): each.found(self._candidates[kind], self._shaped[kind])
            for kind, each in self._found.items()
        }
        return Column(
            schema=old.schema, table=old.table, name=old.name, type=old.type, length=old.length,
            key=old.key,
            read=True, values=self._values, empty=looks[Look.EMPTY], masked=looks[Look.MASKED],
            opaque=looks[Look.OPAQUE], digests=looks[Look.DIGEST], other=looks[Look.OTHER],
            found=found, schemes=self._told_schemes(), repeated=self._repeated,
        )  # fmt: skip

    def _told_schemes(self) -> dict[str, int]:
        found = dict(self._schemes)
        # one word in all rows, such as EXTERNAL, says that the password is kept elsewhere
        if len(self._plain) == 1 and 0 not in self._plain:
            found["unknown"] = found.get("unknown", 0) + found.pop("plain")
        return found


class _Kind:
    def __init__(self) -> None:
        self.count = self.whole = self.hits = 0
        self.numbers: set[int] = set()
        self.specimen = ""

    def add(self, hit: Hit) -> None:
        self.hits += 1
        self.whole += hit.whole
        self.specimen = self.specimen or hit.specimen
        if len(self.numbers) < _MOST:
            self.numbers.add(hit.number)

    def found(self, candidates: int, shaped: int) -> Found:
        return Found(
            count=self.count, whole=self.whole, different=len(self.numbers),
            candidates=candidates, shaped=shaped, specimen=self.specimen, hits=self.hits,
        )  # fmt: skip
