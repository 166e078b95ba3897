"""What the schemas of settings and of access are made of. Pure.

A schema is a frozen Struct. Its fields have the types of `policy.strict_yaml`, types of this module
that say more, and, for access, the markers `SecretRef`, `KeyFile`, `HostName` and `LocalFile`.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, ClassVar, NewType, TypeVar

import msgspec
from msgspec import Struct

from audit_core.model.messages import Message, msg
from audit_core.model.targets import Target

Step = str | int
YamlPath = tuple[Step, ...]

SecretRef = NewType("SecretRef", str)
"""Marks a field of an access schema that refers to a secret: `env:NAME`, `file:PATH`, …"""

KeyFile = NewType("KeyFile", str)
"""Marks a field that is the path of a private key, or refers to its text as a `SecretRef` does."""

HostName = NewType("HostName", str)
"""Marks a field that is a host to contact: a name or an address, which has to be in the scope."""

LocalFile = NewType("LocalFile", str)
"""Marks a field that is a file of this machine; a relative path is seen from the inventory."""


class Refusal(Struct, frozen=True, kw_only=True):
    """What is wrong with one value: its place in the schema, what was expected, what was found.

    Without `got` it is what is written at the place; a secret needs a `got` that hides it.
    """

    place: YamlPath
    expected: Message
    got: Message | None = None


class Schema(Struct, frozen=True, kw_only=True):
    """A base of schemas that check more than the type of each field."""

    def refusals(self) -> Iterable[Refusal]:
        """The errors in the combination of the values."""
        return ()


class AccessSchema(Schema, frozen=True, kw_only=True):
    """A base of the schemas of `access:`.

    Of the fields in `alternatives` one is enough: a target that has one of them takes none of them
    from `defaults`. A field `address` is filled with the address of the target where it is left
    out. `reaches_here`: the target is this machine, so that it has the address 127.0.0.1.
    """

    alternatives: ClassVar[tuple[str, ...]] = ()
    reaches_here: ClassVar[bool] = False

    def leads_to(self) -> tuple[str | None, int | None]:
        """The machine and the TCP port where it ends, as far as that is known."""
        here = "127.0.0.1" if self.reaches_here else None
        return getattr(self, "address", here), getattr(self, "port", None)


class Valid(Struct, frozen=True, kw_only=True):
    """Narrows a type, as `Annotated[int, Valid(…)]`: the values for which `holds` is true.

    `got` says what was written without repeating it where it may be a secret, else returns None.
    """

    holds: Callable[[Any], bool]
    expected: Message
    got: Callable[[Any], Message | None] | None = None

    def __hash__(self) -> int:
        return hash(self.holds)


def _is_port(value: int) -> bool:
    return 0 < value < 65536


_PORTS = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?(?:/(?:tcp|udp))?")


def _is_port_range(value: int | str) -> bool:
    found = _PORTS.fullmatch(str(value))
    return found is not None and int(found[1]) <= int(found[2] or found[1]) <= 65535


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text  # it reads weeks, too
    except ValueError:
        return False


Day = Annotated[str, Valid(holds=_is_day, expected=msg("a day like 2026-11-29"))]
ModeBits = Annotated[
    str,
    Valid(
        holds=lambda text: re.fullmatch("0?[0-7]{3}", text) is not None,
        expected=msg("permission bits in octal, such as 0027"),
    ),
]
Port = Annotated[int, Valid(holds=_is_port, expected=msg("a port from 1 to 65535"))]
PortRange = Annotated[
    int | str,
    Valid(holds=_is_port_range, expected=msg("a port like 22, 22/tcp or 8000-8010/tcp")),
]


def _is_absolute(path: str) -> bool:
    return path.startswith("/") and path.isprintable() and ".." not in path.split("/")


AbsolutePath = Annotated[
    str, Valid(holds=_is_absolute, expected=msg("an absolute path without .."))
]
Positive = Annotated[int, Valid(holds=lambda n: n > 0, expected=msg("a number above 0"))]
PositiveFloat = Annotated[float, Valid(holds=lambda n: n > 0, expected=msg("a number above 0"))]

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)")


def is_host(name: str) -> bool:
    """Whether `name` is an address, or a host name in ASCII that no reader takes for an address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        return "%" not in name
    labels = name.removesuffix(".").split(".")
    plain = name.isascii() and len(name) <= 253 and all(_LABEL.fullmatch(x) for x in labels)
    # inet_aton(3) reads 127.1 and 0x7f.1 as addresses: no name may end like that
    return plain and not _NUMBER.fullmatch(labels[-1])


def login_in(text: str) -> Message | None:
    """`a login` for what looks like one: it may hold a password and is not repeated."""
    return msg("a login") if "@" in text else None


_HOST = Valid(holds=is_host, expected=msg("a host name (ASCII) or an address"), got=login_in)
Name = Annotated[str, _HOST]
"""A host name that is shown or sent, but not contacted itself."""


S = TypeVar("S", bound=Struct)


def settings_of(target: Target, schema: type[S]) -> S:
    """The settings of `target` that `schema` knows, typed; ValueError where they do not fit it."""
    return msgspec.convert(target.settings, schema, strict=False)


def marked(value: Struct, markers: tuple[Any, ...]) -> Iterator[tuple[YamlPath, Any, str]]:
    """Path, marker and text of each field of `value`, and of Structs in it, that has a marker."""
    hints = typing.get_type_hints(type(value))
    for field in msgspec.structs.fields(type(value)):
        held = getattr(value, field.name)
        if isinstance(held, Struct):
            for place, marker, text in marked(held, markers):
                yield (field.name, *place), marker, text
        elif isinstance(held, str):
            kinds = (hints[field.name], *typing.get_args(hints[field.name]))
            for marker in markers:
                if marker in kinds:
                    yield (field.name,), marker, held
