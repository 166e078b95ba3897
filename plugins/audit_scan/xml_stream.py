"""XML as a stream of elements, for files that nobody vouches for. Runs in a worker process.

expat is told to stop at a declaration of an entity, so that nothing is expanded or fetched, and at
more than 100 levels. Nothing of the document is kept but what a `Reader` keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from xml.parsers import expat

_DEEPEST = 100
_LONGEST = 4000
"""Characters of the text of an element."""


class NotXml(Exception):
    """The file is no XML document that is read; the text is that of the parser."""


class Reader(Protocol):
    """Takes the elements of one format; `path` has the names of the open elements, own last."""

    def start(self, path: list[str], given: Mapping[str, str]) -> None:
        """An element begins, with its attributes."""

    def end(self, path: list[str], text: str) -> None:
        """An element ends; `text` is its own, without that of elements in it, shortened."""


class XmlStream:
    """Feeds a document to a `Reader`, piece by piece."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._path: list[str] = []
        self._texts: list[list[str]] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.EntityDeclHandler = _refused
        self._parser.UnparsedEntityDeclHandler = _refused
        self._parser.ExternalEntityRefHandler = _refused

    def feed(self, data: bytes, *, last: bool = False) -> None:
        """The next piece; NotXml where the document ends being one."""
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            raise NotXml(str(error)) from error
        except (ValueError, LookupError) as error:  # an encoding that is not known
            raise NotXml(str(error)) from error

    def _start(self, name: str, given: dict[str, str]) -> None:
        if len(self._path) == _DEEPEST:
            raise NotXml(f"more than {_DEEPEST} levels of elements")
        self._path.append(name)
        self._texts.append([])
        self._reader.start(self._path, given)

    def _end(self, name: str) -> None:
        text = "".join(self._texts.pop())
        self._reader.end(self._path, text[:_LONGEST].strip())
        self._path.pop()

    def _text(self, text: str) -> None:
        held = self._texts[-1]
        if sum(map(len, held[-50:])) < _LONGEST and len(held) < 50:
            held.append(text[:_LONGEST])


def _refused(*_: object) -> int:
    raise NotXml("entities are declared")
