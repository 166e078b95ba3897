"""Kinds of targets, as plugins offer them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from audit_core.model.facts import Fact, Need, PlatformQuestions
from audit_core.model.messages import Message

ANY_KIND = "*"
"""As a parent: every kind that is not itself a part of another target."""


COMMON_KEYS = (
    "id", "kind", "object_type", "address", "zone", "business_system", "owner", "tags",
    "access", "settings",
)  # fmt: skip
"""What the inventory may say of every target, whatever its kind."""


def own_name(id: str | None, settings: Mapping[str, Any]) -> str | None:
    """The name of a part that is always written as its `id`."""
    return id


class Part(Struct, frozen=True, kw_only=True):
    """A part that facts about a target suggest, and why. What is left out has its default.

    `port` is the TCP port where it was seen to listen, for what only its access tells apart.
    """

    settings: dict[str, Any]
    why: Message
    id: str | None = None
    address: str | None = None
    object_type: str | None = None
    port: int | None = None


class Propose(Struct, frozen=True, kw_only=True):
    """How parts of a kind are found in facts about a target of kind `parent`.

    `make` is pure. It gets the target and a value for each of `needs`, None for a fact that is not
    known, or that no installed plugin offers: a fact of another plugin is named by its id. It is
    not called where none is known.
    """

    parent: str
    needs: tuple[Fact | str, ...]
    make: Callable[..., Iterable[Part]]


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of target: what it may be to the assessor, what the inventory may say of it.

    `object_types` are the ids of the object types that it may be. Where the inventory names none
    it is `object_type`; without one, what its parent is, or the first of them. `type_of` tells it
    from the settings instead.

    `settings` is the schema of what the inventory declares of it, beside `id` or under `settings`.
    Other plugins may add to it with :class:`KindSettings`. `example` holds settings that it takes.

    A kind with `parents` (ids of kinds, or `ANY_KIND`) is written at its parent as an item of the
    list `part_key`; its id is that of the parent, a slash, and `part_name(id as written, settings)`
    (None: an id has to be written). Two parts with the same values of the settings in `identity`
    are one thing. With `alone` it may also stand by itself; a part of such a kind is concluded by
    itself, where its object type is not that of its parent.

    `needs_access`: it can only be asked over an access of its own or, a part, of its parent.
    `needs_address`: it needs an address, its own or its parent's. `access` is the connector that
    reaches it where `via` names none. `here` is the access to this machine, for the kind that is
    audited where there is no inventory. `platform` is what the first round asks of it, to settle
    the names that its providers are guarded by (`when`).

    `unverified` says what was never tried on a real system, such as a product that cannot run here.
    Every finding on such a target shows it, and no check of the kind settles a step.

    `left_out` names the setting that gives the reason where something is declared that is not
    there, such as a service that is not offered: no clause applies to it then.
    """

    id: str
    title: Message
    object_types: tuple[str, ...]
    object_type: str | None = None
    type_of: Callable[[Mapping[str, Any]], str] | None = None
    settings: type[Struct] | None = None
    left_out: str = ""
    example: dict[str, Any] = {}
    parents: tuple[str, ...] = ()
    part_key: str = ""
    part_name: Callable[[str | None, Mapping[str, Any]], str | None] = own_name
    identity: tuple[str, ...] = ()
    alone: bool = False
    needs_access: bool = False
    needs_address: bool = False
    access: str | None = None
    here: dict[str, str] | None = None
    platform: PlatformQuestions | None = None
    propose: tuple[Propose, ...] = ()
    unverified: Message | None = None

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def is_part(self) -> bool:
        """Whether targets of this kind are parts of others only."""
        return bool(self.parents) and not self.alone

    def fits(self, parent: Kind) -> bool:
        """Whether a target of this kind may be a part of one of kind `parent`."""
        return parent.id in self.parents or (ANY_KIND in self.parents and not parent.is_part)


class AboutLine(Struct, frozen=True, kw_only=True):
    """A line about a target: its label, and the values that were found."""

    title: Message
    value: Message


class Description(Struct, frozen=True, kw_only=True):
    """The lines about each target of `kind` above its records, such as its operating system.

    `make` is pure and gets a value for each of `needs`. Nothing is asked for it that no check asks,
    so `known_or_absent` stands around each fact that may be missing. It is not called where a need
    is not met.
    """

    id: str
    kind: str
    needs: tuple[Need, ...]
    make: Callable[..., Iterable[AboutLine]]


class KindSettings(Struct, frozen=True, kw_only=True):
    """Settings that a plugin adds to targets of `kind`, which another plugin may offer.

    A setting that several plugins ask for has the same type in each of their schemas.
    """

    kind: str
    settings: type[Struct]

    @property
    def id(self) -> str:
        """What distinguishes it from other additions to the same kind."""
        return f"{self.kind} {self.settings.__module__}.{self.settings.__qualname__}"
